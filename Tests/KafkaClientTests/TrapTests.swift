import TestSupport
import Testing

@testable import KafkaClient

/// What librdkafka 2.0.2, or its mock cluster, does that one would not think: each with how this room lives with it. That
/// DeleteGroups aborts the process and DescribeGroups hangs is kept by calling neither.
@Suite(.timeLimit(.minutes(1))) struct `A trap of librdkafka 2.0.2` {
    @Test func `CreateTopics without a controller costs its whole time, and the topic comes with the first message`() async throws
    {
        let cluster = try await KafkaCluster.start()
        let producer = try cluster.producer()
        let began = ContinuousClock.now
        let creation = try await producer.createTopic("new", partitions: 2, replicas: 1, timeout: .milliseconds(200))
        #expect(creation == .unsupported)
        #expect(ContinuousClock.now - began < .seconds(5))
        #expect(try await producer.send(KafkaMessage(topic: "new", value: [1])).offset == 0)
        #expect(try await producer.metadata(of: "new").partitions.count == 4)
        await producer.close()
    }

    @Test func `ListOffsets by time finds nothing on the mock, which is no offset and no error`() async throws {
        let cluster = try await KafkaCluster.start()
        try await cluster.createTopic("t")
        let producer = try cluster.producer()
        _ = try await producer.send(KafkaMessage(topic: "t", value: [1], timestampMilliseconds: 1000))
        let consumer = try cluster.consumer()
        #expect(try await consumer.offsets(at: 500, in: [KafkaPartition("t", 0)]) == [:])
        await consumer.close()
        await producer.close()
    }

    @Test func `a group that has no commit has no offset, and the lag is not known`() async throws {
        let cluster = try await KafkaCluster.start()
        try await cluster.createTopic("t")
        let producer = try cluster.producer()
        for result in await producer.send(contentsOf: numbered(10, "t")) { _ = try result.get() }
        let (events, partition) = (Events(), KafkaPartition("t", 0))
        let consumer = try cluster.consumer("g", ["statistics.interval.ms": "50"], events: events)
        try await consumer.read("t", from: KafkaPosition.committed)
        let records = try await consumer.records(10)
        try await consumer.commit([records[3].next])
        let lag = try await events.first { event in
            if case .statistics(let now) = event { now.partitions[partition]?.lag.flatMap { $0 == 6 ? $0 : nil } } else { nil }
        }
        let marks = try await consumer.watermarks(of: partition)
        #expect(lag == marks.high - (try await consumer.committed([partition])[partition] ?? 0))
        await consumer.close()
        await producer.close()
    }

    @Test func `statistics are read, and what is no statistics is not`() {
        let json = #"""
            { "name": "x", "msg_cnt":7, "brokers":{"a:1/1":{"req":{"Fetch":3},"list":[1,[],{"a":"}"}],"x":null}},
              "topics":{"t":{"topic":"t","age":1.5e3,"partitions":{
                "0":{"fetchq_cnt":2, "fetchq_size":30, "consumer_lag":-1}, "3":{"consumer_lag":12,"fetchq_cnt":0,"fetchq_size":0},
                "-1":{"consumer_lag":5}}}}, "eos": true }
            """#
        let statistics = KafkaStatistics(json: bytes(json))
        #expect(statistics?.waitingMessages == 7)
        #expect(statistics?.partitions.count == 2)
        #expect(statistics?.partitions[KafkaPartition("t", 0)]?.lag == nil)
        #expect(statistics?.partitions[KafkaPartition("t", 0)]?.queuedBytes == 30)
        #expect(statistics?.partitions[KafkaPartition("t", 3)]?.lag == 12)
        for broken in ["", "{", "[]", #"{"a"}"#, #"{"a":}"#, #"{"topics":{"t":{"partitions":{"0":[1"#, #"{"a":"x"#] {
            #expect(KafkaStatistics(json: bytes(broken)) == nil, "\(broken)")
        }
    }

    @Test func `clients that nobody closed end all the same`() async throws {
        let cluster = try await KafkaCluster.start()
        try await cluster.createTopic("t")
        do {
            let producer = try cluster.producer()
            _ = try await producer.send(KafkaMessage(topic: "t", value: [1]))
            let consumer = try cluster.consumer()
            try await consumer.read("t")
            _ = try await consumer.records(1)
        }
        // A second one of each in the same group and topic is not hindered.
        let consumer = try cluster.consumer()
        try await consumer.read("t")
        #expect(try await consumer.records(1).count == 1)
        await consumer.close()
    }
}
