import NATSClient
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(3))) struct `A cluster of NATS` {
    /// The same call until it succeeds or fails for good; a cluster that has just begun has no peers for a while.
    private func insist<Value: Sendable>(
        _ call: () async throws(NATSError) -> Value
    ) async throws(NATSError) -> (value: Value, refusals: Int) {
        var refusals = 0
        while true {
            do throws(NATSError) {
                return (try await call(), refusals)
            } catch {
                guard error.isRetriable || error.jetStreamCode == 10005 else { throw error }
                refusals += 1
            }
        }
    }

    @Test(arguments: NATSServer.Release.allCases)
    func `keeps what it acknowledged when the leader of a stream is killed`(
        release: NATSServer.Release
    ) async throws {
        let cluster = try await NATSCluster.start(release)
        defer { cluster.stop() }
        let connection = try await NATSConnection.connect(NATSConfiguration(servers: cluster.urls))
        let js = connection.jetStream
        let configuration = StreamConfiguration(name: "orders", subjects: ["orders"], replicas: 3)
        _ = try await insist { () throws(NATSError) in try await js.createStream(configuration) }
        _ = try await insist { () throws(NATSError) in
            try await js.createConsumer(ConsumerConfiguration(durableName: "worker"), stream: "orders")
        }
        let info = try await insist { () throws(NATSError) in try await js.streamInfo("orders") }.value
        let leader = try #require(info.cluster?.leader)
        for number in 0..<100 {
            if number == 50 { await cluster[leader]?.kill() }
            _ = try await insist { () throws(NATSError) in
                try await js.publish(
                    bytes("\(number)"), to: "orders", messageID: "\(number)", timeoutMilliseconds: 2000)
            }
        }
        let pull = try await insist { () throws(NATSError) in
            try await js.pullConsumer(stream: "orders", consumer: "worker")
        }.value
        var seen: [String] = []
        while seen.count < 100 {
            let fetched = try await insist { () throws(NATSError) in
                try await pull.fetch(max: 50, waitMilliseconds: 2000)
            }.value
            for message in fetched {
                if message.metadata.deliveredCount == 1 { seen.append(message.message.text) }
                try await message.ack()
            }
        }
        #expect(seen == (0..<100).map(String.init))
        #expect(
            try await insist { () throws(NATSError) in try await js.streamInfo("orders") }.value.state
                .messages == 100)
    }
}
