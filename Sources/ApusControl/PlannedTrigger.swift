import ApusDispatch
import ApusPorts
import ApusResources
import CloudEvents

/// A Trigger put together with its Broker and what its destinations resolve to: what the dispatcher is told. Pure.
struct PlannedTrigger: Sendable {
    let trigger: Trigger
    let delivery: EffectiveDelivery
    let subscriber: Resolution
    let deadLetterSink: Resolution

    init(_ trigger: Trigger, broker: Broker?, resolver: DestinationResolver) {
        self.trigger = trigger
        delivery = effectiveDelivery(trigger: trigger, broker: broker)
        subscriber = resolver.resolve(trigger.spec.subscriber, namespace: trigger.metadata.namespace)
        deadLetterSink = resolver.resolve(delivery.deadLetterSink, namespace: trigger.metadata.namespace)
    }

    /// Equal text is an equal plan: nothing needs to be told to the dispatcher.
    var fingerprint: String {
        let document = DesiredResource(resource: .trigger(trigger), file: "").document
        return "\(document) \(delivery) \(subscriber) \(deadLetterSink)"
    }

    /// Throws where the filter does not compile: such a trigger is not Ready and gets nothing.
    func make() throws -> TriggerPlan {
        let options = trigger.options
        return TriggerPlan(
            name: trigger.metadata.name, namespace: trigger.metadata.namespace, filter: try trigger.compiledFilter(),
            destination: Self.destination(subscriber), policy: DeliveryPolicy(delivery, jitter: options.jitter),
            order: options.order, maxInFlight: options.maxInFlight, rate: options.rate, isPaused: options.isPaused,
            startFrom: options.start, deadLetterSink: Self.destination(deadLetterSink))
    }

    private static func destination(_ resolution: Resolution) -> Destination? {
        resolution.destination.map { Destination(url: $0.url, caCerts: $0.caCerts) }
    }
}

extension [TriggerProgress] {
    /// How far a trigger is, as annotations of its status: what `apus describe trigger` prints.
    func annotations(of trigger: String) -> [String: String] {
        var texts: [String: String] = [:]
        for progress in self where progress.trigger == trigger {
            let prefix = progress.stream == .dead ? "apus.dev/dead-letter-" : "apus.dev/"
            texts[prefix + "next"] = "\(progress.next)"
            texts[prefix + "lag"] = "\(progress.lag)"
            texts[prefix + "in-flight"] = "\(progress.inFlight)"
            texts[prefix + "open"] = "\(progress.open)"
            texts[prefix + "parked"] = "\(progress.parked)"
            texts[prefix + "delivered"] = "\(progress.delivered)"
            texts[prefix + "dead"] = "\(progress.dead)"
            if progress.lost > 0 { texts[prefix + "lost"] = "\(progress.lost)" }
            if let due = progress.nextDueAt { texts[prefix + "next-retry"] = due.rfc3339 }
            if let stopped = progress.stopped { texts[prefix + "stopped"] = stopped.rawValue }
            if progress.filterErrors > 0 { texts[prefix + "filter-errors"] = "\(progress.filterErrors)" }
            if let seen = progress.lastFilterError {
                texts[prefix + "last-filter-error"] = "\(seen.sentence) (event \(seen.position), \(seen.appendedAt.rfc3339))"
            }
            if let error = progress.lastError { texts[prefix + "last-error"] = error }
        }
        return texts
    }
}
