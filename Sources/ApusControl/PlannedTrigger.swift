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
        let policy = DeliveryPolicy(
            retries: delivery.retries, backoff: delivery.backoffPolicy == .linear ? .linear : .exponential,
            backoffDelay: delivery.backoffDelay, backoffMax: delivery.backoffMax,
            retryAfterMax: delivery.retryAfterMax ?? .seconds(Limits.retryAfterMaxSeconds),
            timeout: delivery.timeout ?? .seconds(Limits.attemptTimeoutSeconds), jitter: options.jitter,
            format: delivery.format.map { $0 == .json ? .structured : .binary })
        return TriggerPlan(
            name: trigger.metadata.name, namespace: trigger.metadata.namespace, filter: try trigger.compiledFilter(),
            destination: subscriber.destination.map { Destination(url: $0.url, caCerts: $0.caCerts) }, policy: policy,
            order: options.order.plan, maxInFlight: options.maxInFlight ?? Limits.windowEventsMax, rate: options.rate,
            isPaused: options.isPaused, startFrom: options.start.plan,
            deadLetterSink: deadLetterSink.destination.map { Destination(url: $0.url, caCerts: $0.caCerts) })
    }
}
