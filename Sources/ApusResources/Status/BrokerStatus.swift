public import CloudEvents

public struct BrokerStatus: Sendable, Equatable {
    public var observedGeneration: Int64
    public var conditions: Conditions
    /// Where producers send, e.g. `http://127.0.0.1:8080/default/orders`.
    public var url: String?
    public var deadLetterSink: ResolvedDestination?
    public var annotations: [String: String]

    public init(
        observedGeneration: Int64 = 0, conditions: Conditions = Conditions(), url: String? = nil,
        deadLetterSink: ResolvedDestination? = nil, annotations: [String: String] = [:]
    ) {
        self.observedGeneration = observedGeneration
        self.conditions = conditions
        self.url = url
        self.deadLetterSink = deadLetterSink
        self.annotations = annotations
    }

    var document: DocumentNode? {
        let members: [(String, DocumentNode?)] =
            [
                ("observedGeneration", observedGeneration == 0 ? nil : .integer(observedGeneration)),
                ("conditions", conditions.document), ("annotations", .texts(annotations)),
                ("address", url.map { .mapping([("name", .string("http")), ("url", .string($0))]) }),
            ] + (deadLetterSink?.members(prefix: "deadLetterSink") ?? [])
        return members.contains { $0.1 != nil } ? .mapping(members) : nil
    }

    /// Reads what a server gave. What is not known is left out: a newer server may say more.
    init(_ node: DocumentNode?) {
        self.init(
            observedGeneration: node.observedGeneration, conditions: Conditions(node?["conditions"]),
            url: node?["address"]?["url"]?.text, deadLetterSink: ResolvedDestination(node, prefix: "deadLetterSink"),
            annotations: node.statusAnnotations)
    }
}

/// What is known of a Broker; its status follows from it.
public struct BrokerFacts: Sendable, Equatable {
    public var url: String?
    /// Whether the build knows the class, and the log is open.
    public var log: Readiness
    public var deadLetterSink: Resolution
    /// What stands beside the living set: how durable a 202 is, what is accepted and not used.
    public var informational: [Condition]

    public init(
        url: String?, log: Readiness = .ready, deadLetterSink: Resolution = .notConfigured, informational: [Condition] = []
    ) {
        self.url = url
        self.log = log
        self.deadLetterSink = deadLetterSink
        self.informational = informational
    }
}

extension BrokerStatus {
    /// Knative's living set of the MT broker: its channel is the log here, and its filter the dispatcher.
    ///
    /// Times of conditions that did not change are taken from `broker.status`.
    public static func make(_ broker: Broker, facts: BrokerFacts, now: Timestamp) -> BrokerStatus {
        let address: Readiness =
            facts.url == nil ? .notReady(reason: Reason.noAddress, message: "The data plane is not listening.") : .ready
        let living = [
            facts.log.condition("TriggerChannelReady"), facts.log.condition("IngressReady"), Condition("FilterReady", .yes),
            address.condition("Addressable"), facts.deadLetterSink.deadLetterCondition(),
            Condition(
                "EventPoliciesReady", .yes, reason: Reason.eventPoliciesDisabled,
                message: "Event policies are not in force on this node."),
        ]
        var informational = facts.informational
        if broker.spec.config != nil {
            informational.append(
                Condition(
                    "ConfigUsed", .no, severity: .info, reason: Reason.configNotUsed,
                    message: "spec.config is accepted and not used by the class \(broker.effectiveClass)."))
        }
        let conditions = Conditions(
            living: living, informational: informational, previous: broker.status.conditions, now: now)
        return BrokerStatus(
            observedGeneration: broker.metadata.generation, conditions: conditions, url: facts.url,
            deadLetterSink: facts.deadLetterSink.destination, annotations: broker.status.annotations)
    }

    /// For ``BrokerFacts/log`` where the build does not know a class.
    public static func unknownClass(_ name: String, known: [String]) -> Readiness {
        .notReady(
            reason: Reason.brokerClassUnknown,
            message: "The broker class \(name) is not in this build, which knows \(known.sorted().joined(separator: ", ")).")
    }
}

extension ResolvedDestination {
    func members(prefix: String) -> [(String, DocumentNode?)] {
        [
            ("\(prefix)Uri", .string(url)), ("\(prefix)CACerts", caCerts.map { .string($0) }),
            ("\(prefix)Audience", audience.map { .string($0) }),
        ]
    }

    init?(_ node: DocumentNode?, prefix: String) {
        guard let url = node?["\(prefix)Uri"]?.text else { return nil }
        self.init(url: url, caCerts: node?["\(prefix)CACerts"]?.text, audience: node?["\(prefix)Audience"]?.text)
    }
}

extension DocumentNode? {
    var observedGeneration: Int64 {
        guard case .number(let text)? = self?["observedGeneration"]?.content else { return 0 }
        return Int64(text) ?? 0
    }

    var statusAnnotations: [String: String] {
        guard case .mapping(let members)? = self?["annotations"]?.content else { return [:] }
        return members.reduce(into: [:]) { $0[$1.name] = $1.value.text }
    }
}
