import ApusPorts
import ApusResources
import KafkaClient

/// The source of one KafkaSource: its consumers, for as long as it runs.
struct KafkaReader: EventSource {
    let spec: KafkaSpec
    let mapping: RecordMapping

    func run(_ context: SourceContext) async throws(SourceFailure) {
        let group = spec.consumerGroup ?? "knative-kafka-source-\(context.uid)"
        let configuration = try configuration(context)
        context.reporter.note("consumer-group", group)
        let health = HealthBoard(context.reporter)
        let members = (0..<spec.consumers).map { number in
            GroupMember(
                number: number, spec: spec, mapping: mapping, configuration: configuration, group: group, context: context,
                health: health)
        }
        let failure = await withTaskGroup(of: SourceFailure?.self) { tasks in
            for member in members { tasks.addTask { await member.run() } }
            // One that fails takes the others with it: the source begins anew as a whole.
            let first = await tasks.next() ?? nil
            tasks.cancelAll()
            return first
        }
        if let failure { throw failure }
    }

    private func configuration(_ context: SourceContext) throws(SourceFailure) -> KafkaConfiguration {
        var properties = try spec.security.properties(context.secrets, namespace: context.identity.namespace)
        properties["client.id"] = "apus-\(context.identity.namespace)-\(context.identity.name)"
        // Only where a commit points at what the topic no longer has: what is still there is not passed. See settleBeginnings.
        properties["auto.offset.reset"] = "earliest"
        let session =
            spec.sessionTimeout.components.seconds * 1000 + spec.sessionTimeout.components.attoseconds / 1_000_000_000_000_000
        properties["session.timeout.ms"] = String(session)
        properties["heartbeat.interval.ms"] = String(max(100, session / 5))
        // A topic that comes, or gets partitions, is noticed after this; the default is 5 minutes.
        properties["topic.metadata.refresh.interval.ms"] = "10000"
        properties["reconnect.backoff.max.ms"] = "5000"
        return KafkaConfiguration(bootstrapServers: spec.bootstrapServers, properties: properties)
    }
}
