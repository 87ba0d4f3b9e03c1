import ApusDispatch
import ApusPorts
import ApusResources

/// What is in force for one trigger, and where each value comes from (promises 9 to 11, 15 and 16). Pure.
struct EffectiveTrigger {
    let trigger: Trigger
    /// nil where it is not known.
    let broker: Broker?
    /// Where the broker was looked for: `the node`, `these files`.
    let place: String
    let subscriber: Resolution
    let deadLetterSink: Resolution

    private var delivery: EffectiveDelivery { effectiveDelivery(trigger: trigger, broker: broker) }
    private var policy: DeliveryPolicy { DeliveryPolicy(delivery, jitter: trigger.options.jitter) }

    var lines: [String] {
        let name = "\(trigger.metadata.namespace)/\(trigger.metadata.name)"
        var lines = ["Trigger \(name) of the broker \(trigger.brokerName)"]
        if broker == nil {
            lines.append("note: \(place) \(place == "the node" ? "has" : "have") no such broker: only the trigger is looked at")
        }
        lines += [""] + AttemptTimetable(policy: policy).lines
        lines += ["", "Delivery:"] + Self.table(deliveryRows + [jitterRow])
        lines += ["", "Answers:"] + Self.table(answerRows)
        lines += ["", "Filter:"] + filterLines
        lines += ["", "Subscriber and pace:"] + Self.table(paceRows)
        return lines
    }

    private static func table(_ rows: [[String]]) -> [String] {
        Console.columns(rows).map { "  \($0)" }
    }

    // MARK: Delivery

    /// Whose `delivery` holds (promise 11).
    private enum Owner {
        case trigger
        case broker
        case knative
    }

    private var owner: Owner {
        if let own = trigger.spec.delivery, !own.isEmpty { return .trigger }
        // What a Broker without one is given when it is loaded.
        if let inherited = broker?.spec.delivery, !inherited.isEmpty, inherited != .brokerDefault { return .broker }
        return .knative
    }

    private var spec: DeliverySpec {
        switch owner {
        case .trigger: trigger.spec.delivery ?? DeliverySpec()
        case .broker: broker?.spec.delivery ?? DeliverySpec()
        case .knative: .brokerDefault
        }
    }

    /// Where a field's value comes from.
    private func origin(_ field: String, isSet: Bool, otherwise: String? = nil) -> String {
        switch owner {
        case .trigger where isSet: "Trigger's spec.delivery"
        case .broker where isSet: "Broker's spec.delivery"
        case .knative where isSet: "Knative's default"
        case .trigger: otherwise ?? "Trigger's spec.delivery sets no \(field), and replaces the Broker's whole"
        case .broker: otherwise ?? "Broker's spec.delivery sets no \(field)"
        case .knative: otherwise ?? "Knative's default"
        }
    }

    private var deliveryRows: [[String]] {
        let spec = spec, delivery = delivery
        let delay = "\(delivery.backoffDelay.secondsText) s"
        return [
            ["retry", "\(delivery.retries)", origin("retry", isSet: spec.retry != nil)],
            [
                "backoffPolicy",
                delivery.backoffPolicy == .linear ? "linear: \(delay) × n" : "exponential: \(delay) × 2^n",
                origin("backoffPolicy", isSet: spec.backoffPolicy != nil, otherwise: "Apus's default"),
            ],
            ["backoffDelay", delay, origin("backoffDelay", isSet: spec.backoffDelay != nil)],
            [
                "backoffMax", delivery.backoffMax.map { "\($0.secondsText) s" } ?? "none",
                origin("backoffMax", isSet: spec.backoffMax != nil, otherwise: "no cap unless one is set"),
            ],
            [
                "retryAfterMax", "\(policy.retry.retryAfterMax.secondsText) s",
                origin("retryAfterMax", isSet: spec.retryAfterMax != nil, otherwise: "Apus's limit retryAfterMaxSeconds"),
            ],
            [
                "timeout", "\(policy.timeout.secondsText) s",
                origin("timeout", isSet: spec.timeout != nil, otherwise: "Apus's limit attemptTimeoutSeconds"),
            ],
            [
                "format", delivery.format?.rawValue ?? "as the event came",
                origin("format", isSet: spec.format != nil, otherwise: "Apus's default"),
            ],
            [
                "deadLetterSink", Self.text(deadLetterSink), sinkOrigin,
            ],
        ]
    }

    private var sinkOrigin: String {
        if case .failed(let message) = deadLetterSink { return message }
        if trigger.spec.delivery?.deadLetterSink != nil { return "Trigger's spec.delivery" }
        return broker?.spec.delivery?.deadLetterSink != nil
            ? "Broker's spec.delivery" : "neither Trigger nor Broker sets one: dead letters stay in the broker's dead stream"
    }

    private var jitterRow: [String] {
        let percent = trigger.options.jitter * 100
        let text = percent == percent.rounded() ? "\(Int(percent))" : "\(percent)"
        return ["jitter", percent == 0 ? "none" : "±\(text) %", annotationOrigin(Annotation.jitter)]
    }

    private var answerRows: [[String]] {
        let most = policy.retry.retryAfterMax
        let after =
            most == .zero
            ? "ignored, as retryAfterMax is 0"
            : "on 429 and 503 a floor under the wait, up to \(most.secondsText) s"
        return [
            ["delivered", "2xx; a 200 that is a CloudEvent is a reply"],
            ["tried again", "404, 408, 409, 429, 5xx, no answer, a reply that is no valid CloudEvent"],
            ["given up", "1xx, 3xx, the rest of 4xx"],
            ["Retry-After", after],
        ]
    }

    // MARK: Filter

    private var filterLines: [String] {
        let lines = trigger.effectiveFilterLines
        guard !lines.isEmpty else { return ["  every event (neither spec.filters nor spec.filter)"] }
        guard !trigger.spec.filters.isEmpty else { return lines.map { "  \($0)" } + ["  (spec.filter)"] }
        let unused = trigger.spec.filterAttributes.isEmpty ? "" : "; spec.filter is not used beside it"
        return lines.map { "  \($0)" } + ["  (spec.filters: all of them\(unused))"]
    }

    // MARK: Pace

    private var paceRows: [[String]] {
        let options = trigger.options
        let order: String =
            switch options.order {
            case .unordered: "unordered"
            case .ordered(let attribute): "one at a time for each \(attribute)"
            }
        let orderedBy = trigger.metadata.annotations[Annotation.orderBy] != nil ? Annotation.orderBy : Annotation.deliveryOrder
        return [
            ["subscriber", Self.text(subscriber), subscriberOrigin],
            ["order", order, annotationOrigin(orderedBy)],
            [
                "in flight", "at most \(options.maxInFlight ?? Limits.windowEventsMax)",
                annotationOrigin(Annotation.maxInFlight, otherwise: "Apus's limit windowEventsMax"),
            ],
            ["rate", options.rate.map { "\(Self.number($0)) events a second" } ?? "no bound", annotationOrigin(Annotation.rate)],
            [
                "paused", options.isPaused ? "yes: nothing is delivered until it is resumed" : "no",
                annotationOrigin(Annotation.paused),
            ],
            ["starts from", options.start.text, annotationOrigin(Annotation.startFrom)],
        ]
    }

    private func annotationOrigin(_ name: String, otherwise: String = "Apus's default") -> String {
        trigger.metadata.annotations[name] == nil ? otherwise : "Trigger's annotation \(name)"
    }

    private static func number(_ value: Double) -> String {
        Int(exactly: value).map { "\($0)" } ?? "\(value)"
    }

    private var subscriberOrigin: String {
        if case .failed(let message) = subscriber { return message }
        return "Trigger's spec.subscriber"
    }

    private static func text(_ resolution: Resolution) -> String {
        switch resolution {
        case .notConfigured: "none"
        case .resolved(let destination): destination.url
        case .failed: "not resolved"
        }
    }
}

/// When each attempt is made, where every one fails.
struct AttemptTimetable {
    let policy: DeliveryPolicy

    /// Attempts that are shown from the first on; of more, the last one too.
    private static let shownMax = 12
    /// Retries that are added up.
    private static let summedMax = 100_000

    var lines: [String] {
        let retries = policy.retry.retries
        var rows = [["1", "", "0 s"]]
        var since = Duration.zero ... .zero
        for retry in 1..<min(retries, Self.summedMax) + 1 {
            let wait = policy.retry.waits(beforeRetry: retry)
            since = since.lowerBound + wait.lowerBound...since.upperBound + wait.upperBound
            if retry < Self.shownMax || retry == retries {
                rows.append(["\(retry + 1)", Self.text(wait), Self.text(since)])
            } else if retry == Self.shownMax {
                rows.append(["…", "", ""])
            }
        }
        let attempts = retries + 1
        let more = retries > Self.summedMax ? "more than " : ""
        guard retries > 0 else {
            return ["Timetable: 1 attempt", "  dead as soon as that fails, at most \(Self.text(policy.timeout)) after it began."]
        }
        let slowest = since.upperBound + policy.timeout * attempts
        return ["Timetable: at most \(attempts) attempts"]
            + Console.table(["ATTEMPT", "WAIT BEFORE IT", "SINCE THE FIRST"], rows).map { "  \($0)" } + [
                "  dead \(more)\(Self.text(since)) after the first attempt where each fails at once,",
                "  and at most \(more)\(Self.text(slowest)) after it where each takes its whole timeout of "
                    + "\(Self.text(policy.timeout)).",
                "  A subscriber that asks for it by Retry-After makes waits longer.",
            ]
    }

    private static func text(_ range: ClosedRange<Duration>) -> String {
        let ends = [text(range.lowerBound), text(range.upperBound)]
        return ends[0] == ends[1] ? ends[0] : "\(ends[0]) to \(ends[1])"
    }

    private static func text(_ duration: Duration) -> String {
        let milliseconds = Int64((duration / .milliseconds(1)).rounded())
        return milliseconds < 120_000
            ? "\(Duration.milliseconds(milliseconds).secondsText) s" : DurationText.rounded(.milliseconds(milliseconds))
    }
}
