package import ApusPorts
package import ApusResources

/// Knative's KafkaSource: the records of Kafka topics as events.
package struct KafkaSource: SourceKind {
    package static let eventType = "dev.knative.kafka.event"
    /// How a record's key becomes the attributes `key` and `partitionkey`.
    package static let keyTypeLabel = "kafkasources.sources.knative.dev/key-type"
    /// After what silence of a node its partitions go to others, or to itself when it is back.
    package static let sessionTimeout = "apus.dev/session-timeout"

    package static let schema = SourceSchema(
        kind: ResourceKind(
            group: "sources.knative.dev", version: "v1", kind: "KafkaSource", plural: "kafkasources", singular: "kafkasource",
            shortNames: []),
        otherVersions: ["v1beta1"], origin: "Knative Kafka, KafkaSource v1", condition: "ConnectionEstablished",
        fields: fields + KafkaSecurity.fields,
        annotations: [
            .init(
                sessionTimeout, "duration", defaultValue: "PT10S",
                "After what silence of a node its partitions go to others, or to itself when it is back; PT1S to PT5M.")
        ],
        hasDelivery: true,
        columns: [
            .field("TOPICS", path: "spec.topics"), .field("BOOTSTRAPSERVERS", path: "spec.bootstrapServers"), .ready, .reason,
            .age,
        ],
        immutable: ["consumerGroup"],
        defaults: [
            ("consumers", .integer(1)), ("initialOffset", .string(KafkaSpec.InitialOffset.latest.rawValue)),
            ("ordering", .string(KafkaSpec.Ordering.ordered.rawValue)),
        ],
        check: { spec, metadata in _ = KafkaSpec(&spec, metadata) },
        eventAttributes: { resource in
            let topics = resource.read { KafkaSpec(&$0, resource.metadata)?.topics } ?? nil
            return (topics ?? []).map { .init(type: eventType, source: eventSource(resource.metadata, topic: $0)) }
        })

    private static let fields: [SourceSchema.Field] = [
        .init("spec.bootstrapServers", "list of host:port", isRequired: true, "Brokers to begin with; they name the others."),
        .init("spec.topics", "list of strings", isRequired: true, "The topics that are read."),
        .init(
            "spec.consumerGroup", "string", defaultValue: "knative-kafka-source-UID",
            "Immutable. The group whose offsets these are; the default belongs to this resource alone."),
        .init(
            "spec.initialOffset", "earliest or latest", defaultValue: "latest",
            "Where a partition begins in which the group has no offset yet."),
        .init(
            "spec.ordering", "ordered or unordered", defaultValue: "ordered",
            "Whether a partition's records are emitted one batch after another, or several batches at once."),
        .init(
            "spec.consumers", "integer", defaultValue: "1",
            "Consumers of the group in this node, 1 to \(Limits.sourceConsumersMax); more than partitions are idle."),
    ]

    package static func make(_ resource: SourceResource) throws(SourceFailure) -> any EventSource {
        let metadata = resource.metadata
        guard let spec = resource.read({ KafkaSpec(&$0, metadata) }) ?? nil else {
            throw SourceFailure(reason: "SpecInvalid", message: "The spec cannot be read.")
        }
        return KafkaReader(
            spec: spec,
            mapping: RecordMapping(
                sourcePrefix: eventSource(metadata, topic: ""), keyType: spec.keyType))
    }

    static func eventSource(_ metadata: ObjectMeta, topic: String) -> String {
        "/apis/v1/namespaces/\(metadata.namespace)/kafkasources/\(metadata.name)#\(topic)"
    }
}
