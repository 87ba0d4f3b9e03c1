internal import CRDKafka

/// Reads records, as a member of a group or from places that it is given.
///
/// Nothing is committed but by ``commit(_:)``. What is fetched and not taken is bounded by `queued.max.messages.kbytes` (16 MiB
/// unless set); then librdkafka fetches no more until ``next(max:bytes:)`` takes some. A reader that takes nothing for long
/// stays in its group: statistics, which come every few seconds, show librdkafka that it is there.
package final class KafkaConsumer: Sendable {
    /// What one consumer holds of records that nobody took yet.
    package static let queuedKilobytesDefault = 16_384
    package static let statisticsMillisecondsDefault = 5000

    private let core: ClientCore
    private let group: ConsumerGroup

    /// - Parameters:
    ///   - group: whose commits these are.
    ///   - observe: gets log lines, errors and statistics, one after another; it must not block.
    ///   - rebalanced: told before partitions come and before they go. What it awaits is waited for: when partitions are
    ///     revoked, it can commit what is done of them. Meanwhile no partition's records are handed out that were not before.
    /// - Throws: ``KafkaError/Reason/configuration`` with librdkafka's words. That no broker answers comes to `observe`.
    package init(
        _ configuration: KafkaConfiguration, group name: String, observe: @escaping @Sendable (KafkaEvent) -> Void = { _ in },
        rebalanced: @escaping @Sendable (KafkaRebalance) async -> Void = { _ in }
    ) throws(KafkaError) {
        let group = ConsumerGroup(observe: observe, rebalanced: rebalanced)
        core = try ClientCore(
            configuration, for: .consumer(group: name), onRecords: { group.records.raise() },
            receive: { group.receive($0) }, drained: { group.drained($0) })
        self.group = group
        group.attach(core)
    }

    deinit { group.end(core) }

    // MARK: What is read

    /// Joins the group for these topics; one that begins with `^` is a regular expression.
    package func subscribe(to topics: [String]) async throws(KafkaError) {
        try await core.onLine { handle throws(KafkaError) in
            let list = PartitionList(topics.map { KafkaPartition($0, -1) })
            let code = handle.use { client, _, _ in list.withPointer { rd_kafka_subscribe(client, $0) } }
            if code.isError { throw KafkaError(code) }
        }
    }

    /// Reads these partitions from these places, without the group's word. Replaces what was assigned before.
    package func assign(_ positions: [KafkaPosition]) async throws(KafkaError) {
        try await core.onLine { handle throws(KafkaError) in try handle.assign(positions) }
    }

    /// What this consumer reads now.
    package func assignment() async throws(KafkaError) -> [KafkaPartition] {
        try await core.onLine { handle throws(KafkaError) in try handle.assignment() }
    }

    /// Records in the order of their offsets, partition by partition; waits while there is none.
    ///
    /// - Parameters:
    ///   - max: at most so many.
    ///   - bytes: stops when keys, values and headers reach this; one record is always given.
    /// - Returns: at least one record; none when the consumer is closed.
    /// - Throws: ``KafkaError/Reason/cancelled`` only.
    package func next(max: Int, bytes: Int = 4_194_304) async throws(KafkaError) -> [KafkaRecord] {
        while true {
            let mark = group.records.mark
            let records = take(max: max, bytes: bytes)
            if !records.isEmpty { return records }
            switch await group.records.wait(after: mark) {
            case .raised: continue
            case .ended: return []
            case .cancelled: throw .cancelled
            }
        }
    }

    /// The same as ``next(max:bytes:)`` of what is there now, maybe nothing.
    package func take(max: Int, bytes: Int = 4_194_304) -> [KafkaRecord] {
        guard let handle = try? core.handle(), !group.isEnding else { return [] }
        return handle.takeRecords(max: max, maxBytes: bytes) { group.receive($0) }
    }

    /// Hands out nothing of these partitions from now on, until ``resume(_:)``; what was fetched of them is dropped and fetched
    /// anew.
    package func pause(_ partitions: [KafkaPartition]) async throws(KafkaError) {
        try await core.onLine { handle throws(KafkaError) in try handle.change(partitions, rd_kafka_pause_partitions) }
    }

    package func resume(_ partitions: [KafkaPartition]) async throws(KafkaError) {
        try await core.onLine { handle throws(KafkaError) in try handle.change(partitions, rd_kafka_resume_partitions) }
    }

    /// Goes on at these places, of partitions that are assigned.
    package func seek(_ positions: [KafkaPosition], timeout: Duration = .seconds(5)) async throws(KafkaError) {
        try await core.blocking("seek") { handle throws(KafkaError) in
            let list = PartitionList(positions)
            let error = handle.use { client, _, _ in
                list.withPointer { rd_kafka_seek_partitions(client, $0, timeout.milliseconds) }
            }
            if let error = KafkaError(owned: error) { throw error }
            _ = try list.positions()
        }
    }

    // MARK: What is done

    /// Says that all before these places is done, and waits for the broker's word.
    ///
    /// - Throws: ``KafkaError/Reason/rebalanced`` where a partition went to another.
    package func commit(_ positions: [KafkaPosition]) async throws(KafkaError) {
        if positions.isEmpty { return }
        try await group.commit(positions, core)
    }

    /// The group's commits; a partition that has none is missing.
    package func committed(
        _ partitions: [KafkaPartition], timeout: Duration = .seconds(5)
    ) async throws(KafkaError) -> [KafkaPartition: Int64] {
        try await core.blocking("committed") { handle throws(KafkaError) in
            try handle.committed(partitions, timeout: timeout)
        }
    }

    // MARK: What there is

    package func watermarks(
        of partition: KafkaPartition, timeout: Duration = .seconds(5)
    ) async throws(KafkaError) -> KafkaWatermarks {
        try await core.blocking("watermarks") { handle throws(KafkaError) in
            try handle.watermarks(of: partition, timeout: timeout)
        }
    }

    /// The first record at or after a time, in milliseconds since 1970; a partition that has none is missing.
    package func offsets(
        at milliseconds: Int64, in partitions: [KafkaPartition], timeout: Duration = .seconds(5)
    ) async throws(KafkaError) -> [KafkaPartition: Int64] {
        try await core.blocking("offsets") { handle throws(KafkaError) in
            try handle.offsets(at: milliseconds, in: partitions, timeout: timeout)
        }
    }

    /// What the brokers say of a topic: see ``KafkaProducer/metadata(of:timeout:)``. A consumer's question makes no topic unless
    /// `allow.auto.create.topics` is `true`.
    package func metadata(of topic: String, timeout: Duration = .seconds(5)) async throws(KafkaError) -> KafkaTopic {
        try await core.metadata(of: topic, timeout: timeout)
    }

    /// Leaves the group, after `rebalanced` heard that the partitions go, and ends. Returns when librdkafka's threads have ended.
    ///
    /// - Parameter limit: for leaving; then it goes without a word, and the group notices after `session.timeout.ms`.
    package func close(within limit: Duration = .seconds(10)) async {
        await group.leave(core, within: limit)
        await core.waitUntilGone()
    }
}
