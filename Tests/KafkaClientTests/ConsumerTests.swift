import TestSupport
import Testing

@testable import KafkaClient

@Suite(.timeLimit(.minutes(1))) struct `A consumer` {
    private let partition = KafkaPartition("t", 0)

    /// A cluster with `count` numbered records in `t`.
    private func cluster(_ count: Int, size: Int = 0) async throws -> KafkaCluster {
        let cluster = try await KafkaCluster.start()
        try await cluster.createTopic("t")
        let producer = try cluster.producer(["batch.num.messages": "10"])
        let padding = String(repeating: " ", count: size)
        let messages = (0..<count).map { KafkaMessage(topic: "t", partition: 0, value: bytes("\($0)\(padding)")) }
        for result in await producer.send(contentsOf: messages) { _ = try result.get() }
        await producer.close()
        return cluster
    }

    @Test func `hands out at most as many records, or bytes, as it is asked for`() async throws {
        let cluster = try await cluster(100, size: 1000)
        let consumer = try cluster.consumer()
        try await consumer.read("t")
        let first = try await consumer.records(10, atOnce: 7)
        #expect(values(first) == numbers(0..<10))
        // Until all are there, one call may find fewer.
        var rest = 10
        while rest < 100 {
            let more = try await consumer.next(max: 100, bytes: 2500)
            #expect(more.count <= 3)
            #expect(values(more) == numbers(rest..<rest + more.count))
            rest += more.count
        }
        #expect(consumer.take(max: 1).isEmpty)
        await consumer.close()
    }

    @Test func `says where a partition ends, and goes on when more comes`() async throws {
        let cluster = try await cluster(3)
        let events = Events()
        let consumer = try cluster.consumer("g", ["enable.partition.eof": "true"], events: events)
        try await consumer.read("t")
        _ = try await consumer.records(3)
        async let more = consumer.records(1)
        let end = try await events.first { if case .endOfPartition(let position) = $0 { position } else { nil } }
        #expect(end == KafkaPosition(partition, offset: 3))
        let producer = try cluster.producer()
        _ = try await producer.send(KafkaMessage(topic: "t", value: bytes("3")))
        #expect(values(try await more) == ["3"])
        await consumer.close()
        await producer.close()
    }

    @Test func `begins where it is told`() async throws {
        let cluster = try await cluster(10)
        let consumer = try cluster.consumer("g", ["auto.offset.reset": "latest"])
        try await consumer.read("t", from: 7)
        #expect(values(try await consumer.records(3)) == numbers(7..<10))
        #expect(try await consumer.watermarks(of: partition) == KafkaWatermarks(low: 0, high: 10))
        #expect(try await consumer.assignment() == [partition])
        await consumer.close()
    }

    @Test func `seeks back and forth, and hands out nothing from before`() async throws {
        let cluster = try await cluster(1000)
        let consumer = try cluster.consumer()
        try await consumer.read("t")
        #expect(values(try await consumer.records(10)) == numbers(0..<10))
        try await consumer.seek([KafkaPosition(partition, offset: 900)])
        #expect(values(try await consumer.records(100)) == numbers(900..<1000))
        try await consumer.seek([KafkaPosition(partition, offset: 5)])
        #expect(values(try await consumer.records(5)) == numbers(5..<10))
        await #expect(throws: KafkaError.self) {
            try await consumer.seek([KafkaPosition(KafkaPartition("t", 9), offset: 0)])
        }
        await consumer.close()
    }

    @Test func `goes on after a pause where it was, though more had been fetched`() async throws {
        let cluster = try await cluster(1000)
        let events = Events()
        let consumer = try cluster.consumer("g", ["statistics.interval.ms": "50"], events: events)
        try await consumer.read("t")
        #expect(values(try await consumer.records(10)) == numbers(0..<10))
        _ = try await events.first { event in
            if case .statistics(let now) = event, (now.partitions[partition]?.queuedRecords ?? 0) > 900 { true } else { nil }
        }
        try await consumer.pause([partition])
        #expect(consumer.take(max: 100).isEmpty)
        try await consumer.resume([partition])
        #expect(values(try await consumer.records(20)) == numbers(10..<30))
        await consumer.close()
    }

    @Test func `resumes after a restart where it committed`() async throws {
        let cluster = try await cluster(10)
        let first = try cluster.consumer()
        try await first.read("t")
        let records = try await first.records(6)
        #expect(try await first.committed([partition]) == [:])
        try await first.commit([records[2].next])
        #expect(try await first.committed([partition]) == [partition: 3])
        try await first.commit([])
        await first.close()

        let second = try cluster.consumer()
        try await second.read("t", from: KafkaPosition.committed)
        #expect(values(try await second.records(7)) == numbers(3..<10))
        await second.close()
    }

    @Test func `commits nothing by itself`() async throws {
        let cluster = try await cluster(10)
        let first = try cluster.consumer()
        try await first.read("t")
        _ = try await first.records(10)
        await first.close()
        let second = try cluster.consumer()
        #expect(try await second.committed([partition]) == [:])
        await second.close()
    }

    @Test func `says why a commit failed`() async throws {
        let cluster = try await cluster(1)
        let consumer = try cluster.consumer()
        try await consumer.read("t")
        let records = try await consumer.records(1)
        let groupAuthorizationFailed = 30
        try await cluster.fail(.offsetCommit, code: groupAuthorizationFailed)
        await #expect {
            try await consumer.commit([records[0].next])
        } throws: { error in
            (error as? KafkaError)?.reason == .authorization
        }
        try await consumer.commit([records[0].next])
        await consumer.close()
    }

    @Test func `fetches no more than its bound while nobody takes`() async throws {
        let cluster = try await cluster(3000, size: 1000)
        let events = Events()
        // A fetch brings at least a batch: ten records.
        let (kilobytesMax, batchBytes) = (100, 11_000)
        let consumer = try cluster.consumer(
            "g",
            [
                "queued.max.messages.kbytes": "\(kilobytesMax)", "statistics.interval.ms": "20",
            ], events: events)
        try await consumer.read("t")
        #expect(values(try await consumer.records(1)) == ["0"])
        // Ten statistics in a row that say the same, near the bound: it stopped.
        let queued = queuedBytes(
            try await events.wait { events in
                let last = queuedBytes(events).suffix(10)
                return last.count == 10 && Set(last).count == 1 && last[last.startIndex] >= kilobytesMax * 900
            })
        let most = queued.max() ?? 0
        #expect(most <= kilobytesMax * 1024 + 2 * batchBytes, "\(most) bytes were fetched")
        #expect(values(try await consumer.records(2999)) == numbers(1..<3000))
        await consumer.close()
    }

    private func queuedBytes(_ events: [KafkaEvent]) -> [Int] {
        events.compactMap { event in
            guard case .statistics(let now) = event, let bytes = now.partitions[partition]?.queuedBytes, bytes > 0 else {
                return nil
            }
            return Int(bytes)
        }
    }

    @Test func `reads on after errors and a broker that went and came`() async throws {
        let cluster = try await cluster(5)
        let events = Events()
        let consumer = try cluster.consumer(events: events)
        try await consumer.read("t")
        let notLeader = 6
        try await cluster.fail(.fetch, code: notLeader, count: 2)
        #expect(values(try await consumer.records(5)) == numbers(0..<5))
        try await cluster.takeDown(1)
        _ = try await events.error(.unreachable)
        try await cluster.bringUp(1)
        let producer = try cluster.producer()
        async let more = consumer.records(2)
        for result in await producer.send(contentsOf: numbered(2, "t", from: 5)) { _ = try result.get() }
        #expect(values(try await more) == numbers(5..<7))
        await producer.close()
        await consumer.close()
    }

    @Test func `ends a read that waits when it is closed, or when the task is cancelled`() async throws {
        let cluster = try await cluster(0)
        let consumer = try cluster.consumer()
        try await consumer.read("t")
        let cancelled = Task { try await consumer.next(max: 1) }
        cancelled.cancel()
        await #expect {
            try await cancelled.value
        } throws: { error in
            (error as? KafkaError)?.reason == .cancelled
        }
        async let waiting = consumer.next(max: 1)
        await consumer.close()
        #expect(try await waiting.isEmpty)
        #expect(try await consumer.next(max: 1).isEmpty)
        await #expect(throws: KafkaError.self) { try await consumer.commit([KafkaPosition(partition, offset: 1)]) }
        await consumer.close()
    }

    @Test func `closes in the midst of reading, committing and asking`() async throws {
        let cluster = try await cluster(2000)
        for round in 0..<5 {
            let consumer = try cluster.consumer("g\(round)")
            try await consumer.read("t")
            await withTaskGroup(of: Void.self) { group in
                group.addTask { while let records = try? await consumer.next(max: 10), !records.isEmpty {} }
                group.addTask { _ = try? await consumer.commit([KafkaPosition(partition, offset: 1)]) }
                group.addTask { _ = try? await consumer.watermarks(of: partition) }
                group.addTask { _ = try? await consumer.pause([partition]) }
                group.addTask { await consumer.close() }
            }
        }
    }
}
