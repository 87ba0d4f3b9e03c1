/// Knative's DeliverySpec, as it is written: nil is a field that is absent (knative.md section 1.7).
public struct DeliverySpec: Sendable, Equatable {
    public enum BackoffPolicy: String, Sendable, CaseIterable {
        case linear
        case exponential
    }

    public enum Format: String, Sendable, CaseIterable {
        case json
        case binary
    }

    public var deadLetterSink: DestinationSpec?
    /// Attempts after the first.
    public var retry: Int32?
    /// How long one attempt may take.
    public var timeout: ISODuration?
    public var backoffPolicy: BackoffPolicy?
    public var backoffDelay: ISODuration?
    public var backoffMax: ISODuration?
    public var retryAfterMax: ISODuration?
    public var format: Format?

    public init() {}

    /// Whether no field is set: such a `delivery` is as if it were absent (promise 11).
    public var isEmpty: Bool { self == DeliverySpec() }

    /// Knative's `config-br-defaults`: what holds where neither Trigger nor Broker sets `delivery`.
    public static let brokerDefault: DeliverySpec = {
        var spec = DeliverySpec()
        spec.retry = 10
        spec.backoffPolicy = .exponential
        spec.backoffDelay = ISODuration(validating: "PT0.2S")
        return spec
    }()

    func defaulted(namespace: String) -> DeliverySpec {
        var copy = self
        copy.deadLetterSink = deadLetterSink?.defaulted(namespace: namespace)
        return copy
    }

    var document: DocumentNode {
        .mapping([
            ("deadLetterSink", deadLetterSink?.document), ("retry", retry.map { .integer($0) }),
            ("timeout", timeout.map { .string($0.text) }), ("backoffPolicy", backoffPolicy.map { .string($0.rawValue) }),
            ("backoffDelay", backoffDelay.map { .string($0.text) }), ("backoffMax", backoffMax.map { .string($0.text) }),
            ("retryAfterMax", retryAfterMax.map { .string($0.text) }), ("format", format.map { .string($0.rawValue) }),
        ])
    }
}

extension DeliverySpec {
    init?(_ reader: FieldReader?) {
        guard var reader else { return nil }
        self.init()
        deadLetterSink = DestinationSpec(reader.object("deadLetterSink"))
        retry = Self.retry(&reader)
        timeout = Self.duration("timeout", &reader) { $0 > .zero ? nil : "must be longer than 0" }
        backoffPolicy = Self.choice("backoffPolicy", &reader)
        backoffDelay = Self.duration("backoffDelay", &reader) { $0 >= .zero ? nil : "must be at least 0" }
        backoffMax = Self.duration("backoffMax", &reader) { $0 > .zero ? nil : "must be longer than 0" }
        retryAfterMax = Self.duration("retryAfterMax", &reader) { $0 >= .zero ? nil : "must be at least 0" }
        format = Self.choice("format", &reader)
        reader.finish()
    }

    private static func retry(_ reader: inout FieldReader) -> Int32? {
        guard let value = reader.integer("retry") else { return nil }
        if value < 0 {
            reader.report.add(reader.place("retry"), "must be at least 0, was \(value)")
        } else if value > Int64(Int32.max) {
            reader.report.add(reader.place("retry"), "must be at most \(Int32.max), was \(value)")
        }
        return Int32(exactly: value)
    }

    private static func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ field: String, _ reader: inout FieldReader
    ) -> Choice? {
        guard let text = reader.string(field) else { return nil }
        if let choice = Choice(rawValue: text) { return choice }
        let known = Choice.allCases.map(\.rawValue).joined(separator: " or ")
        reader.report.add(reader.place(field), "invalid value: \(text): must be \(known)")
        return nil
    }

    private static func duration(
        _ field: String, _ reader: inout FieldReader, problem: (Duration) -> String?
    ) -> ISODuration? {
        guard let text = reader.string(field) else { return nil }
        do {
            let value = try ISODuration(text)
            if let problem = problem(value.duration) {
                reader.report.add(reader.place(field), "invalid value: \(text): \(problem)")
            }
            return value
        } catch {
            reader.report.add(reader.place(field), error.message)
            return nil
        }
    }
}

/// What a trigger's deliveries keep to, once Trigger and Broker are put together (promises 10 and 11).
public struct EffectiveDelivery: Sendable, Equatable {
    /// Attempts after the first; 0 for none.
    public var retries: Int
    public var backoffPolicy: DeliverySpec.BackoffPolicy
    /// `d` of the formulas; zero for no wait.
    public var backoffDelay: Duration
    /// nil for no cap.
    public var backoffMax: Duration?
    /// How much of a `Retry-After` is honoured; zero for nothing, nil for the node's default (10 minutes).
    public var retryAfterMax: Duration?
    /// How long an attempt may take; nil for the node's default (30 seconds).
    public var timeout: Duration?
    /// nil keeps the mode in which the event came.
    public var format: DeliverySpec.Format?
    public var deadLetterSink: DestinationSpec?

    /// `spec` alone. A field that is absent has no default, but for the policy: one who sets a delay and no policy means to wait.
    public init(_ spec: DeliverySpec) {
        retries = Int(spec.retry ?? 0)
        backoffPolicy = spec.backoffPolicy ?? .exponential
        backoffDelay = spec.backoffDelay?.duration ?? .zero
        backoffMax = spec.backoffMax?.duration
        retryAfterMax = spec.retryAfterMax?.duration
        timeout = spec.timeout?.duration
        format = spec.format
        deadLetterSink = spec.deadLetterSink
    }
}

/// The delivery in force: a Trigger that sets any field replaces the Broker's `delivery` whole, and the dead letter sink alone
/// falls back to the Broker's (promise 11). `broker` is nil where there is none yet.
public func effectiveDelivery(trigger: Trigger, broker: Broker?) -> EffectiveDelivery {
    let own = trigger.spec.delivery.flatMap { $0.isEmpty ? nil : $0 }
    let inherited = broker?.spec.delivery.flatMap { $0.isEmpty ? nil : $0 }
    var effective = EffectiveDelivery(own ?? inherited ?? .brokerDefault)
    effective.deadLetterSink = own?.deadLetterSink ?? inherited?.deadLetterSink
    return effective
}
