public import CloudEvents

public struct TriggerStatus: Sendable, Equatable {
    public var observedGeneration: Int64
    public var conditions: Conditions
    /// nil where it could not be resolved.
    public var subscriber: ResolvedDestination?
    public var deadLetterSink: ResolvedDestination?
    public var annotations: [String: String]

    public init(
        observedGeneration: Int64 = 0, conditions: Conditions = Conditions(), subscriber: ResolvedDestination? = nil,
        deadLetterSink: ResolvedDestination? = nil, annotations: [String: String] = [:]
    ) {
        self.observedGeneration = observedGeneration
        self.conditions = conditions
        self.subscriber = subscriber
        self.deadLetterSink = deadLetterSink
        self.annotations = annotations
    }

    var document: DocumentNode? {
        let members: [(String, DocumentNode?)] =
            [
                ("observedGeneration", observedGeneration == 0 ? nil : .integer(observedGeneration)),
                ("conditions", conditions.document), ("annotations", .texts(annotations)),
            ] + (subscriber?.members(prefix: "subscriber") ?? [])
            + (deadLetterSink?.members(prefix: "deadLetterSink") ?? [])
        return members.contains { $0.1 != nil } ? .mapping(members) : nil
    }

    /// Reads what a server gave. What is not known is left out: a newer server may say more.
    init(_ node: DocumentNode?) {
        self.init(
            observedGeneration: node.observedGeneration, conditions: Conditions(node?["conditions"]),
            subscriber: ResolvedDestination(node, prefix: "subscriber"),
            deadLetterSink: ResolvedDestination(node, prefix: "deadLetterSink"), annotations: node.statusAnnotations)
    }
}

/// What is known of a Trigger; its status follows from it.
public struct TriggerFacts: Sendable, Equatable {
    public var broker: Readiness
    public var subscriber: Resolution
    public var deadLetterSink: Resolution
    /// Whether its cursor is durable and its reader runs (promise 8).
    public var subscription: Readiness
    /// What the annotation `knative.dev/dependency` names.
    public var dependency: Readiness
    public var informational: [Condition]

    public init(
        broker: Readiness, subscriber: Resolution, deadLetterSink: Resolution = .notConfigured, subscription: Readiness,
        dependency: Readiness = .ready, informational: [Condition] = []
    ) {
        self.broker = broker
        self.subscriber = subscriber
        self.deadLetterSink = deadLetterSink
        self.subscription = subscription
        self.dependency = dependency
        self.informational = informational
    }
}

extension TriggerStatus {
    /// Knative's living set of a Trigger. Times of conditions that did not change are taken from `trigger.status`.
    public static func make(_ trigger: Trigger, facts: TriggerFacts, now: Timestamp) -> TriggerStatus {
        let subscriber: Readiness =
            switch facts.subscriber {
            case .resolved: .ready
            case .notConfigured:
                .notReady(reason: Reason.subscriberUnresolved, message: "The trigger has no subscriber.")
            case .failed(let message): .notReady(reason: Reason.subscriberUnresolved, message: message)
            }
        let living = [
            facts.broker.condition("BrokerReady"), facts.dependency.condition("DependencyReady"),
            subscriber.condition("SubscriberResolved"), facts.deadLetterSink.deadLetterCondition(),
            facts.subscription.condition("SubscriptionReady"),
            Condition("OIDCIdentityCreated", .yes, reason: Reason.identityDisabled),
        ]
        let conditions = Conditions(
            living: living, informational: facts.informational, previous: trigger.status.conditions, now: now)
        return TriggerStatus(
            observedGeneration: trigger.metadata.generation, conditions: conditions,
            subscriber: facts.subscriber.destination, deadLetterSink: facts.deadLetterSink.destination,
            annotations: trigger.status.annotations)
    }

    /// For ``TriggerFacts/broker``: where the trigger's Broker stands; nil where there is none (scenario S101).
    public static func readiness(of broker: Broker?, named name: String) -> Readiness {
        guard let broker else {
            return .notReady(reason: Reason.brokerDoesNotExist, message: "Broker \"\(name)\" does not exist.")
        }
        guard let ready = broker.status.conditions[Conditions.ready] else {
            return .unknown(reason: Reason.brokerNotConfigured, message: "Broker has not yet been reconciled.")
        }
        switch ready.status {
        case .yes: return .ready
        case .no: return .notReady(reason: ready.reason, message: ready.message)
        case .unknown: return .unknown(reason: ready.reason, message: ready.message)
        }
    }
}
