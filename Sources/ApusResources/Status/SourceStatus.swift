public import CloudEvents

public struct SourceStatus: Sendable, Equatable {
    public var observedGeneration: Int64
    public var conditions: Conditions
    /// nil where it could not be resolved.
    public var sink: ResolvedDestination?
    public var eventAttributes: [SourceSchema.EventAttributes]
    public var annotations: [String: String]

    public init(
        observedGeneration: Int64 = 0, conditions: Conditions = Conditions(), sink: ResolvedDestination? = nil,
        eventAttributes: [SourceSchema.EventAttributes] = [], annotations: [String: String] = [:]
    ) {
        self.observedGeneration = observedGeneration
        self.conditions = conditions
        self.sink = sink
        self.eventAttributes = eventAttributes
        self.annotations = annotations
    }

    var document: DocumentNode? {
        let attributes = eventAttributes.map { DocumentNode.texts(["type": $0.type, "source": $0.source]) ?? .mapping([]) }
        let members: [(String, DocumentNode?)] =
            [
                ("observedGeneration", observedGeneration == 0 ? nil : .integer(observedGeneration)),
                ("conditions", conditions.document), ("annotations", .texts(annotations)),
                ("ceAttributes", attributes.isEmpty ? nil : .sequence(attributes)),
            ] + (sink?.members(prefix: "sink") ?? [])
        return members.contains { $0.1 != nil } ? .mapping(members) : nil
    }

    /// Reads what a server gave. What is not known is left out: a newer server may say more.
    init(_ node: DocumentNode?) {
        var attributes: [SourceSchema.EventAttributes] = []
        if case .sequence(let items)? = node?["ceAttributes"]?.content {
            attributes = items.map { .init(type: $0["type"]?.text ?? "", source: $0["source"]?.text ?? "") }
        }
        self.init(
            observedGeneration: node.observedGeneration, conditions: Conditions(node?["conditions"]),
            sink: ResolvedDestination(node, prefix: "sink"), eventAttributes: attributes, annotations: node.statusAnnotations)
    }
}

/// What is known of a source; its status follows from it.
public struct SourceFacts: Sendable, Equatable {
    public var sink: Resolution
    /// What the source says of itself, or why it does not run.
    public var source: Readiness
    /// Stopped by the annotation `apus.dev/paused`: said beside the living set, as it is what was asked for.
    public var isPaused: Bool

    public init(sink: Resolution, source: Readiness, isPaused: Bool = false) {
        self.sink = sink
        self.source = source
        self.isPaused = isPaused
    }
}

extension SourceStatus {
    /// Knative's living set of a source: `SinkProvided`, the kind's own condition, and the identity that is not in use here.
    public static func make(_ source: SourceResource, facts: SourceFacts, now: Timestamp) -> SourceStatus {
        let sink: Readiness =
            switch facts.sink {
            case .resolved: .ready
            case .notConfigured: .notReady(reason: Reason.sinkMissing, message: "The source has no sink.")
            case .failed(let message): .notReady(reason: Reason.sinkNotFound, message: message)
            }
        let living = [
            sink.condition("SinkProvided"), facts.source.condition(source.schema.condition),
            Condition("OIDCIdentityCreated", .yes, reason: Reason.identityDisabled),
        ]
        var informational: [Condition] = []
        if facts.isPaused {
            informational.append(
                Condition(
                    "Paused", .yes, severity: .info, reason: Reason.paused,
                    message: "\(Annotation.paused) is \"true\": it brings nothing in until that goes."))
        }
        let conditions = Conditions(
            living: living, informational: informational, previous: source.status.conditions, now: now)
        return SourceStatus(
            observedGeneration: source.metadata.generation, conditions: conditions, sink: facts.sink.destination,
            eventAttributes: source.schema.eventAttributes(source), annotations: source.status.annotations)
    }
}
