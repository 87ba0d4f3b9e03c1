import TestSupport
import Testing

@testable import KafkaClient

@Suite(.timeLimit(.minutes(1))) struct `A producer` {
    @Test func `sends key, value, headers and time, and says where they came to stand`() async throws {
        let cluster = try await KafkaCluster.start()
        try await cluster.createTopic("t", partitions: 2)
        let producer = try cluster.producer()
        let message = KafkaMessage(
            topic: "t", partition: 1, key: bytes("k"), value: bytes("v"),
            headers: [
                KafkaHeader("a", bytes("1")), KafkaHeader("a", bytes("2")), KafkaHeader("empty", []), KafkaHeader("null", nil),
                KafkaHeader("ü", bytes("\u{1F600}")),
            ], timestampMilliseconds: 1_700_000_000_123)
        #expect(try await producer.send(message) == KafkaDelivery(partition: 1, offset: 0))
        #expect(try await producer.send(message) == KafkaDelivery(partition: 1, offset: 1))

        let consumer = try cluster.consumer()
        try await consumer.read("t", 1)
        let record = try await consumer.records(2)[1]
        #expect(record.partition == KafkaPartition("t", 1) && record.offset == 1)
        #expect(record.key == message.key && record.value == message.value && record.headers == message.headers)
        #expect(record.timestamp == .created(milliseconds: 1_700_000_000_123))
        #expect(record.next == KafkaPosition(KafkaPartition("t", 1), offset: 2))
        await consumer.close()
        await producer.close()
    }

    @Test func `tells no bytes from null`() async throws {
        let cluster = try await KafkaCluster.start()
        try await cluster.createTopic("t")
        let producer = try cluster.producer()
        let results = await producer.send(contentsOf: [
            KafkaMessage(topic: "t", key: nil, value: nil), KafkaMessage(topic: "t", key: [], value: []),
        ])
        for result in results { _ = try result.get() }
        let consumer = try cluster.consumer()
        try await consumer.read("t")
        let records = try await consumer.records(2)
        #expect(records.map(\.key) == [nil, []])
        #expect(records.map(\.value) == [nil, []])
        #expect(records[0].headers.isEmpty)
        await consumer.close()
        await producer.close()
    }

    @Test func `keeps the order of each partition through errors that it retries`() async throws {
        let cluster = try await KafkaCluster.start(brokers: 3)
        try await cluster.createTopic("t", partitions: 2, replicas: 3)
        let producer = try cluster.producer(["batch.num.messages": "10"])
        let requestTimedOut = 7
        let notLeader = 6
        try await cluster.fail(.produce, code: requestTimedOut, count: 2)
        try await cluster.fail(.produce, code: notLeader)
        let messages = (0..<400).map { KafkaMessage(topic: "t", partition: Int32($0 % 2), value: bytes("\($0)")) }
        let results = await producer.send(contentsOf: messages)
        #expect(try results.map { try $0.get().offset } == (0..<400).map { Int64($0 / 2) })
        let consumer = try cluster.consumer()
        for partition in [0, 1] as [Int32] {
            try await consumer.read("t", partition)
            #expect(values(try await consumer.records(200)) == (0..<200).map { "\($0 * 2 + Int(partition))" })
        }
        await consumer.close()
        await producer.close()
    }

    @Test func `says with the broker's name of it why a message was refused`() async throws {
        let cluster = try await KafkaCluster.start()
        try await cluster.createTopic("t")
        let producer = try cluster.producer(["enable.idempotence": "false", "retries": "0"])
        let notEnoughReplicas = 19
        try await cluster.fail(.produce, code: notEnoughReplicas)
        await #expect {
            try await producer.send(KafkaMessage(topic: "t", value: [1]))
        } throws: { error in
            guard let error = error as? KafkaError else { return false }
            return error.name == "NOT_ENOUGH_REPLICAS" && error.isRetriable && !error.isFatal
        }
        #expect(try await producer.send(KafkaMessage(topic: "t", value: [1])).offset == 0)
        await #expect {
            try await producer.send(KafkaMessage(topic: "t", value: Array(repeating: 0, count: 2_000_000)))
        } throws: { error in
            (error as? KafkaError)?.reason == .invalidRecord
        }
        await producer.close()
    }

    @Test func `keeps what it cannot send until the broker is back`() async throws {
        let cluster = try await KafkaCluster.start()
        try await cluster.createTopic("t")
        let events = Events()
        let producer = try cluster.producer(events: events)
        _ = try await producer.send(KafkaMessage(topic: "t", value: bytes("0")))
        try await cluster.takeDown(1)
        let error = try await events.error(.unreachable)
        #expect(error.isRetriable && !error.isFatal && error.message.contains("127.0.0.1"))
        async let results = producer.send(contentsOf: numbered(50, "t", from: 1))
        // The broker is down as the producer sees it, and the messages wait: no time is needed to know that none arrived.
        _ = try await events.wait { $0.count { if case .error = $0 { true } else { false } } > 1 }
        try await cluster.bringUp(1)
        #expect(try await results.map { try $0.get().offset } == Array(1...50))
        await producer.close()
    }

    @Test func `follows a partition to its new leader`() async throws {
        let cluster = try await KafkaCluster.start(brokers: 3)
        try await cluster.createTopic("t", replicas: 3)
        try await cluster.moveLeader(of: "t", 0, to: 1)
        let producer = try cluster.producer(["topic.metadata.refresh.fast.interval.ms": "20"])
        #expect(try await producer.send(KafkaMessage(topic: "t", value: [0])).offset == 0)
        #expect(try await producer.metadata(of: "t").partitions == [KafkaTopic.Partition(id: 0, leader: 1, replicas: 3)])
        try await cluster.takeDown(1)
        async let results = producer.send(contentsOf: numbered(20, "t"))
        try await cluster.moveLeader(of: "t", 0, to: 2)
        #expect(try await results.map { try $0.get().offset } == Array(1...20))
        #expect(try await producer.metadata(of: "t").partitions.first?.leader == 2)
        await producer.close()
    }

    @Test func `waits for room where librdkafka's queue is full`() async throws {
        let cluster = try await KafkaCluster.start()
        try await cluster.createTopic("t")
        let producer = try cluster.producer(["queue.buffering.max.messages": "10"])
        let results = await producer.send(contentsOf: numbered(500, "t"))
        #expect(try results.map { try $0.get().offset } == Array(0..<500))
        await producer.close()
    }

    @Test func `can be cancelled while it waits for room, and only then`() async throws {
        let cluster = try await KafkaCluster.start()
        try await cluster.createTopic("t")
        let events = Events()
        let producer = try cluster.producer(["queue.buffering.max.messages": "10"], events: events)
        _ = try await producer.send(KafkaMessage(topic: "t", value: [0]))
        try await cluster.takeDown(1)
        _ = try await events.error(.unreachable)
        let sending = Task { await producer.send(contentsOf: numbered(20, "t")) }
        sending.cancel()
        try await cluster.bringUp(1)
        let results = await sending.value
        let sent = results.count { if case .success = $0 { true } else { false } }
        #expect(sent == 10)
        #expect(results.suffix(10).allSatisfy { if case .failure(let error) = $0 { error.reason == .cancelled } else { false } })
        await producer.close()
    }

    @Test func `sends what waits before it closes`() async throws {
        let cluster = try await KafkaCluster.start()
        try await cluster.createTopic("t")
        let events = Events()
        let producer = try cluster.producer(["linger.ms": "60000", "statistics.interval.ms": "50"], events: events)
        async let results = producer.send(contentsOf: numbered(10, "t"))
        _ = try await events.first { if case .statistics(let now) = $0, now.waitingMessages == 10 { true } else { nil } }
        await producer.close()
        #expect(try await results.map { try $0.get().offset } == Array(0..<10))
    }

    @Test func `fails what it could not send when the time to close is over`() async throws {
        let cluster = try await KafkaCluster.start()
        try await cluster.createTopic("t")
        let events = Events()
        let producer = try cluster.producer(events: events)
        _ = try await producer.send(KafkaMessage(topic: "t", value: [0]))
        try await cluster.takeDown(1)
        _ = try await events.error(.unreachable)
        async let results = producer.send(contentsOf: numbered(10, "t"))
        await producer.close(within: .milliseconds(50))
        #expect(await results.allSatisfy { if case .failure(let error) = $0 { error.reason == .closed } else { false } })
        await #expect(throws: KafkaError.self) { try await producer.send(KafkaMessage(topic: "t", value: [0])) }
        await producer.close()
    }
}
