import KafkaClient
import Synchronization
import TestSupport
import Testing

/// Two members of one group. The mock lets a first member wait three seconds, and each change wait for a session.
@Suite(.timeLimit(.minutes(1))) struct `A group` {
    private typealias Rebalances = Journal<KafkaRebalance>

    private func cluster(partitions: Int, records: Int) async throws -> KafkaCluster {
        let cluster = try await KafkaCluster.start()
        try await cluster.createTopic("t", partitions: partitions)
        let producer = try cluster.producer()
        for partition in 0..<partitions {
            for result in await producer.send(contentsOf: numbered(records, "t", partition: Int32(partition))) {
                _ = try result.get()
            }
        }
        await producer.close()
        return cluster
    }

    /// What a member owns by what it was told.
    private func owned(_ rebalances: [KafkaRebalance]) -> Set<Int32> {
        rebalances.reduce(into: []) { owned, rebalance in
            switch rebalance {
            case .assigned(let partitions): owned.formUnion(partitions.map(\.partition))
            case .revoked(let partitions), .lost(let partitions): owned.subtract(partitions.map(\.partition))
            }
        }
    }

    @Test(arguments: ["range", "cooperative-sticky"])
    func `shares the partitions, and gives them back when a member leaves`(strategy: String) async throws {
        let cluster = try await cluster(partitions: 4, records: 10)
        let (changesOfOne, changesOfTwo) = (Rebalances(), Rebalances())
        let properties = ["partition.assignment.strategy": strategy]
        let one = try cluster.consumer("g", properties) { changesOfOne.note($0) }
        try await one.subscribe(to: ["t"])
        try await changesOfOne.wait { owned($0) == [0, 1, 2, 3] }
        let records = try await one.records(40)
        #expect(Set(records.map(\.partition.partition)) == [0, 1, 2, 3])
        try await one.commit((0..<4).map { KafkaPosition(KafkaPartition("t", $0), offset: 10) })

        let two = try cluster.consumer("g", properties) { changesOfTwo.note($0) }
        try await two.subscribe(to: ["t"])
        let ofTwo = owned(try await changesOfTwo.wait { owned($0).count == 2 })
        let heard = try await changesOfOne.wait { owned($0).count == 2 }
        #expect(owned(heard).union(ofTwo) == [0, 1, 2, 3])
        if strategy == "cooperative-sticky" {
            let revoked = heard.compactMap { if case .revoked(let partitions) = $0 { partitions.count } else { nil } }
            #expect(revoked.allSatisfy { $0 <= 2 }, "what stays is not taken away")
        }

        // What each reads now is its own, and the commits were kept.
        let producer = try cluster.producer()
        for partition in 0..<4 as Range<Int32> {
            _ = try await producer.send(numbered(1, "t", partition: partition, from: 10)[0])
        }
        let ofOne = try await one.records(2)
        #expect(Set(ofOne.map(\.partition.partition)) == Set(0..<4).subtracting(ofTwo))
        #expect(Set(try await two.records(2).map(\.partition.partition)) == ofTwo)
        #expect(values(ofOne) == ["10", "10"])
        await two.close()
        #expect(owned(changesOfTwo.all) == [])
        try await changesOfOne.wait { owned($0) == [0, 1, 2, 3] }
        await one.close()
        #expect(owned(changesOfOne.all) == [])
        await producer.close()
    }

    @Test func `waits with a revocation until what was begun is committed`() async throws {
        let cluster = try await cluster(partitions: 1, records: 10)
        let partition = KafkaPartition("t", 0)
        let joined = Rebalances()
        let held = Mutex<KafkaConsumer?>(nil)
        let committed = Journal<Result<Void, KafkaError>>()
        let one = try cluster.consumer("g") { rebalance in
            joined.note(rebalance)
            guard case .revoked = rebalance, let consumer = held.withLock({ $0 }) else { return }
            #expect(consumer.take(max: 10).isEmpty, "nothing more is begun")
            do throws(KafkaError) {
                try await consumer.commit([KafkaPosition(partition, offset: 4)])
                committed.note(.success(()))
            } catch {
                committed.note(.failure(error))
            }
        }
        held.withLock { $0 = one }
        try await one.subscribe(to: ["t"])
        _ = try await one.records(4)
        await one.close()
        held.withLock { $0 = nil }
        for result in try await committed.wait(until: { !$0.isEmpty }) { try result.get() }
        let two = try cluster.consumer("g")
        #expect(try await two.committed([partition]) == [partition: 4])
        await two.close()
    }

    @Test func `keeps a member that reads nothing, because its statistics are served`() async throws {
        let cluster = try await cluster(partitions: 1, records: 1)
        let (events, changes) = (Events(), Rebalances())
        let idle = try cluster.consumer(
            "g", ["session.timeout.ms": "3500", "max.poll.interval.ms": "3500", "statistics.interval.ms": "200"], events: events
        ) { changes.note($0) }
        try await idle.subscribe(to: ["t"])
        try await changes.wait { owned($0) == [0] }
        let before = events.all.count
        try await events.wait { $0.dropFirst(before).count { if case .statistics = $0 { true } else { false } } > 20 }
        #expect(owned(changes.all) == [0] && changes.all.count == 1)
        #expect(values(try await idle.records(1)) == ["0"])
        await idle.close()
    }

    @Test func `follows its coordinator to another broker`() async throws {
        let cluster = try await KafkaCluster.start(brokers: 3)
        try await cluster.createTopic("t", replicas: 3)
        try await cluster.moveLeader(of: "t", 0, to: 1)
        try await cluster.setCoordinator(of: "g", to: 1)
        let producer = try cluster.producer()
        for result in await producer.send(contentsOf: numbered(3, "t")) { _ = try result.get() }
        let consumer = try cluster.consumer()
        try await consumer.read("t")
        let records = try await consumer.records(3)
        try await consumer.commit([records[0].next])
        try await cluster.setCoordinator(of: "g", to: 2)
        let notCoordinator = 16
        try await cluster.fail(.offsetCommit, code: notCoordinator)
        let partition = KafkaPartition("t", 0)
        do throws(KafkaError) {
            try await consumer.commit([records[1].next])
        } catch {
            #expect(error.isRetriable, "\(error)")
        }
        try await consumer.commit([records[2].next])
        #expect(try await consumer.committed([partition]) == [partition: 3])
        await consumer.close()
        await producer.close()
    }
}
