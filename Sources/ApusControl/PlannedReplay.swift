import ApusDispatch
import ApusPorts
import ApusResources
import CloudEvents
import EventFilters

/// A Replay put together with the triggers of its Broker and what its sink resolves to. Pure.
struct PlannedReplay: Sendable {
    let replay: Replay
    let sink: Resolution
    /// Whether its triggers are there and can be delivered to.
    let readiness: Readiness
    /// nil where it cannot begin.
    let target: ReplayPlan.Target?
    /// Equal text is an equal target: a run goes on with what it was told.
    let fingerprint: String

    /// `triggers` are those of the replay's Broker.
    init(_ replay: Replay, triggers: [PlannedTrigger], resolver: DestinationResolver) {
        self.replay = replay
        var sink = Resolution.notConfigured
        let chosen: Choice
        switch replay.spec.target {
        case .sink(let spec):
            sink = resolver.resolve(spec, namespace: replay.metadata.namespace)
            chosen = Self.url(sink, policy: DeliveryPolicy(replay.spec.effectiveDelivery, jitter: 0.1))
        case .trigger(let name):
            let absence = "There is no trigger \(name) of broker \(replay.spec.broker)."
            chosen = Self.chosen(triggers.filter { $0.trigger.metadata.name == name }, absence: absence) { .triggers($0) }
        case .allTriggers:
            chosen = Self.chosen(triggers, absence: "The broker \(replay.spec.broker) has no triggers.") { .triggers($0) }
        case .deadLetters(let letters):
            let named = triggers.filter { letters.trigger == nil || $0.trigger.metadata.name == letters.trigger }
            let absence =
                letters.trigger.map { "There is no trigger \($0) of broker \(replay.spec.broker)." }
                ?? "The broker \(replay.spec.broker) has no triggers."
            chosen = Self.chosen(named, absence: absence) { plans in
                .deadLetters(Dictionary(plans.map { ($0.name, $0) }) { first, _ in first })
            }
        }
        self.sink = sink
        target = chosen.target
        readiness = chosen.readiness
        fingerprint = chosen.fingerprint
    }

    var stream: Stream { replay.spec.deadLetters == nil ? .events : .dead }

    /// Why it cannot begin.
    var unresolved: String {
        if case .failed(let message) = sink { return message }
        if case .notReady(_, let message) = readiness { return message }
        return "There is nobody to deliver to."
    }

    /// nil where it cannot begin.
    func plan(_ bounds: ReplayBounds) -> ReplayPlan? {
        guard let target, let filter = try? replay.compiledFilter() else { return nil }
        let spec = replay.spec
        return ReplayPlan(
            name: replay.metadata.name, uid: replay.metadata.uid, namespace: replay.metadata.namespace, stream: stream,
            from: bounds.from, until: bounds.until, filter: filter, deadLetters: spec.deadLetters?.selection, target: target,
            rate: spec.rate, maxInFlight: spec.maxInFlight)
    }

    private struct Choice {
        var target: ReplayPlan.Target?
        var readiness: Readiness
        var fingerprint: String
    }

    private static func url(_ sink: Resolution, policy: DeliveryPolicy) -> Choice {
        guard let resolved = sink.destination else {
            let readiness = Readiness.notReady(reason: Reason.sinkNotFound, message: "The sink is not resolved.")
            return Choice(target: nil, readiness: readiness, fingerprint: "")
        }
        let destination = Destination(url: resolved.url, caCerts: resolved.caCerts)
        return Choice(target: .url(destination, policy), readiness: .ready, fingerprint: "\(sink) \(policy)")
    }

    /// A trigger that is paused, or whose subscriber is not resolved, takes its part when it can: the others do not wait for it.
    private static func chosen(
        _ triggers: [PlannedTrigger], absence: String, _ target: ([TriggerPlan]) -> ReplayPlan.Target
    ) -> Choice {
        var plans: [TriggerPlan] = []
        var readiness = Readiness.ready
        for trigger in triggers {
            guard let plan = try? trigger.make() else { continue }
            if plan.isPaused {
                let message = "Trigger \(plan.name) is paused; it gets its part when it is resumed."
                if readiness == .ready { readiness = .unknown(reason: Reason.paused, message: message) }
            } else if plan.destination == nil {
                let message = "The subscriber of trigger \(plan.name) is not resolved; it gets its part when it is."
                if readiness == .ready { readiness = .notReady(reason: Reason.subscriberUnresolved, message: message) }
            }
            plans.append(plan)
        }
        guard !plans.isEmpty else {
            let readiness = Readiness.notReady(reason: Reason.triggerNotFound, message: absence)
            return Choice(target: nil, readiness: readiness, fingerprint: "")
        }
        return Choice(
            target: target(plans), readiness: readiness, fingerprint: triggers.map(\.fingerprint).joined(separator: "\n"))
    }
}

extension ReplaySpec.DeadLetters {
    /// The same as the ports have it.
    var selection: DeadLetterSelection {
        DeadLetterSelection(trigger: trigger, reason: reason.flatMap(DeadLetter.Reason.init), offsets: offsets)
    }
}
