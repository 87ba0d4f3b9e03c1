import NATSClient
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct `JetStream` {
    private func given(
        _ release: NATSServer.Release, consumer: ConsumerConfiguration = ConsumerConfiguration(durableName: "worker")
    ) async throws -> (server: NATSServer, connection: NATSConnection, pull: PullConsumer) {
        let server = try await NATSServer.start(release)
        let connection = try await NATSConnection.connect(server.url)
        let js = connection.jetStream
        try await js.createStream(StreamConfiguration(name: "orders", subjects: ["orders.>"]))
        try await js.createConsumer(consumer, stream: "orders")
        return (server, connection, try await js.pullConsumer(stream: "orders", consumer: consumer.durableName))
    }

    @Test(arguments: NATSServer.Release.allCases)
    func `takes a message id once`(release: NATSServer.Release) async throws {
        let (server, connection, _) = try await given(release)
        defer { server.stop() }
        let js = connection.jetStream
        let first = try await js.publish(bytes("a"), to: "orders.new", messageID: "1")
        #expect(first.stream == "orders" && first.sequence == 1 && !first.isDuplicate)
        let again = try await js.publish(bytes("a"), to: "orders.new", messageID: "1")
        #expect(again.sequence == 1 && again.isDuplicate)
        let second = try await js.publish(bytes("b"), to: "orders.new", messageID: "2", headers: ["ce-id": "2"])
        #expect(second.sequence == 2 && !second.isDuplicate)
        let info = try await js.streamInfo("orders")
        #expect(info.state.messages == 2 && info.state.lastSequence == 2)
        #expect(info.config.subjects == ["orders.>"])
    }

    @Test(arguments: NATSServer.Release.allCases)
    func `says in its own words and code what it refuses`(release: NATSServer.Release) async throws {
        let (server, connection, _) = try await given(release)
        defer { server.stop() }
        let js = connection.jetStream
        let missing = await failure { () throws(NATSError) in try await js.streamInfo("nothing") }
        #expect(missing == NATSError(.jetStream, "stream not found", jetStreamCode: 10059, isRetriable: false))
        let consumer = await failure { () throws(NATSError) in try await js.pullConsumer(stream: "orders", consumer: "nobody") }
        #expect(consumer?.jetStreamCode == 10014)
        #expect(consumer?.text == "consumer not found")
        let overlap = await failure { () throws(NATSError) in
            try await js.createStream(StreamConfiguration(name: "more", subjects: ["orders.new"]))
        }
        #expect(overlap?.jetStreamCode == 10065)
        let replicas = await failure { () throws(NATSError) in
            try await js.createStream(StreamConfiguration(name: "three", subjects: ["three"], replicas: 3))
        }
        #expect(replicas?.jetStreamCode == 10074)
        let nobody = await failure { () throws(NATSError) in try await js.publish([], to: "no.stream", messageID: "1") }
        #expect(nobody?.status == .noResponders)
        #expect(nobody?.isRetriable == true)
        #expect(await failure { () throws(NATSError) in try await js.streamInfo("a.b") }?.status == .invalidArgument)
    }

    @Test(arguments: NATSServer.Release.allCases)
    func `delivers what is published, with where it stands`(release: NATSServer.Release) async throws {
        let (server, connection, pull) = try await given(release)
        defer { server.stop() }
        let js = connection.jetStream
        for number in 0..<25 { _ = try await js.publish(bytes("\(number)"), to: "orders.new", headers: ["n": "\(number)"]) }
        var fetched: [JetStreamMessage] = []
        while fetched.count < 25 {
            let batch = try await pull.fetch(max: 10, waitMilliseconds: 20_000)
            #expect((1...10).contains(batch.count))
            fetched += batch
        }
        #expect(fetched.map(\.message.text) == (0..<25).map(String.init))
        #expect(fetched.map(\.message.headers["n"]) == (0..<25).map { "\($0)" })
        #expect(fetched.map(\.message.subject).allSatisfy { $0 == "orders.new" })
        #expect(fetched.map(\.metadata.streamSequence) == Array(1...25))
        #expect(fetched.map(\.metadata.consumerSequence) == Array(1...25))
        #expect(fetched.allSatisfy { $0.metadata.deliveredCount == 1 && $0.metadata.timestampNanoseconds > 0 })
        #expect(fetched[0].metadata.stream == "orders" && fetched[0].metadata.consumer == "worker")
        #expect(fetched[24].metadata.pendingMessages == 0)
        for message in fetched.dropLast() { try await message.ack() }
        try await fetched[24].ackSync()
        let info = try await js.consumerInfo(stream: "orders", consumer: "worker")
        #expect(info.ackPendingMessages == 0 && info.pendingMessages == 0)
    }

    @Test(arguments: NATSServer.Release.allCases)
    func `gives nothing where nothing comes in time, and what comes later to the next fetch`(
        release: NATSServer.Release
    ) async throws {
        let (server, connection, pull) = try await given(release)
        defer { server.stop() }
        #expect(try await pull.fetch(max: 5, waitMilliseconds: 20).isEmpty)
        let cancelled = Task { try await pull.fetch(max: 5, waitMilliseconds: 60_000).count }
        cancelled.cancel()
        #expect(try await cancelled.value == 0)
        for number in 0..<12 { _ = try await connection.jetStream.publish(bytes("\(number)"), to: "orders.new") }
        #expect(try await pull.messages(12, max: 3).map(\.message.text) == (0..<12).map(String.init))
    }

    @Test(arguments: NATSServer.Release.allCases)
    func `delivers again what is refused, after the delay, and never what is given up`(release: NATSServer.Release) async throws {
        let (server, connection, pull) = try await given(release)
        defer { server.stop() }
        let js = connection.jetStream
        for text in ["again", "later", "never", "done"] { _ = try await js.publish(bytes(text), to: "orders.new") }
        let clock = ContinuousClock()
        var refusedAt = clock.now
        for delivered in try await pull.messages(4) {
            switch delivered.message.text {
            case "again": try await delivered.nak()
            case "later":
                refusedAt = clock.now
                try await delivered.nak(delayMilliseconds: 300)
            case "never": try await delivered.term()
            default: try await delivered.ack()
            }
        }
        let again = try await pull.messages(2)
        #expect(again.map(\.message.text) == ["again", "later"])
        #expect(again.map(\.metadata.deliveredCount) == [2, 2])
        #expect(clock.now - refusedAt >= .milliseconds(300))
        for message in again { try await message.ackSync() }
        #expect(try await js.consumerInfo(stream: "orders", consumer: "worker").ackPendingMessages == 0)
    }

    @Test(arguments: NATSServer.Release.allCases)
    func `delivers again when no acknowledgement came in time, up to the deliveries allowed`(
        release: NATSServer.Release
    ) async throws {
        var configuration = ConsumerConfiguration(durableName: "worker")
        configuration.ackWaitNanoseconds = 200_000_000
        configuration.maxDeliver = 3
        let (server, connection, pull) = try await given(release, consumer: configuration)
        defer { server.stop() }
        _ = try await connection.jetStream.publish(bytes("a"), to: "orders.new")
        #expect(try await pull.messages(3).map(\.metadata.deliveredCount) == [1, 2, 3])
        #expect(try await pull.fetch(max: 1, waitMilliseconds: 600).isEmpty)
    }

    @Test(arguments: NATSServer.Release.allCases)
    func `waits on while a message is in progress`(release: NATSServer.Release) async throws {
        var configuration = ConsumerConfiguration(durableName: "worker")
        configuration.ackWaitNanoseconds = 1_000_000_000
        let (server, connection, pull) = try await given(release, consumer: configuration)
        defer { server.stop() }
        _ = try await connection.jetStream.publish(bytes("a"), to: "orders.new")
        let message = try #require(try await pull.messages(1).first)
        for _ in 0..<4 {
            #expect(try await pull.fetch(max: 1, waitMilliseconds: 400).isEmpty)
            try await message.inProgress()
        }
        try await message.ackSync()
    }

    @Test(arguments: NATSServer.Release.allCases)
    func `delivers no more than may wait for acknowledgement, and only what the filter lets pass`(
        release: NATSServer.Release
    ) async throws {
        var configuration = ConsumerConfiguration(durableName: "worker")
        configuration.maxAckPending = 2
        configuration.filterSubject = "orders.new"
        let (server, connection, pull) = try await given(release, consumer: configuration)
        defer { server.stop() }
        for number in 0..<4 {
            _ = try await connection.jetStream.publish(bytes("old \(number)"), to: "orders.old")
            _ = try await connection.jetStream.publish(bytes("\(number)"), to: "orders.new")
        }
        let first = try await pull.messages(2)
        #expect(first.map(\.message.text) == ["0", "1"])
        #expect(try await pull.fetch(max: 10, waitMilliseconds: 50).isEmpty)
        for message in first { try await message.ack() }
        #expect(try await pull.messages(2).map(\.message.text) == ["2", "3"])
    }

    @Test func `has several filters where the server knows them, and says so where it does not`() async throws {
        var configuration = ConsumerConfiguration(durableName: "several")
        configuration.filterSubjects = ["orders.a", "orders.c"]
        configuration.metadata = ["made-by": "apus"]
        let old = try await given(.debian)
        defer { old.server.stop() }
        let refused = await failure { () throws(NATSError) in
            try await old.connection.jetStream.createConsumer(configuration, stream: "orders")
        }
        #expect(refused?.status == .noServerSupport)
        let (server, connection, pull) = try await given(.pypi, consumer: configuration)
        defer { server.stop() }
        for subject in ["orders.a", "orders.b", "orders.c"] {
            _ = try await connection.jetStream.publish(bytes(subject), to: subject)
        }
        #expect(try await pull.messages(2).map(\.message.text) == ["orders.a", "orders.c"])
        let info = try await connection.jetStream.consumerInfo(stream: "orders", consumer: "several")
        #expect(info.config.metadata?["made-by"] == "apus")
        #expect(info.pendingMessages == 0)
    }

    @Test(arguments: NATSServer.Release.allCases)
    func `goes on with its consumer after the server was killed`(release: NATSServer.Release) async throws {
        let (server, connection, pull) = try await given(release)
        defer { server.stop() }
        let js = connection.jetStream
        for number in 0..<5 { _ = try await js.publish(bytes("\(number)"), to: "orders.new", messageID: "\(number)") }
        for message in try await pull.messages(5) { try await message.ackSync() }
        // 2.9.10 may forget in a kill which acknowledgements it had confirmed: earlier messages may come again before it.
        let waiting = Task {
            var seen: Set<String> = []
            while !seen.contains("5") { seen.formUnion(try await pull.messages(1).map(\.message.text)) }
            return seen
        }
        await server.kill()
        #expect(await connection.event { $0 == .disconnected } == .disconnected)
        try await server.restart()
        #expect(await connection.event { if case .reconnected = $0 { true } else { false } } != nil)
        let ack = try await js.publish(bytes("5"), to: "orders.new", messageID: "5")
        #expect(ack.sequence == 6 && !ack.isDuplicate)
        #expect(try await waiting.value.isSubset(of: (0...5).map { "\($0)" }))
    }

    @Test func `asks for nothing while the connection is lost`() async throws {
        let (server, connection, pull) = try await given(.pypi)
        defer { server.stop() }
        await server.kill()
        #expect(await connection.event { $0 == .disconnected } == .disconnected)
        #expect(try await pull.fetch(max: 1, waitMilliseconds: 100).isEmpty)
        #expect(!pull.isAsking)
    }

    @Test(arguments: NATSServer.Release.allCases)
    func `ends a fetch when the consumer is deleted or closed, and when the connection is closed`(
        release: NATSServer.Release
    ) async throws {
        let (server, connection, pull) = try await given(release)
        defer { server.stop() }
        let js = connection.jetStream
        let deleted = Task { await failure { () throws(NATSError) in try await pull.fetch(max: 1, waitMilliseconds: 60_000) } }
        try await js.asked("worker")
        try await js.deleteConsumer(stream: "orders", consumer: "worker")
        let error = await deleted.value
        #expect(error?.text.lowercased().contains("consumer deleted") == true, "\(error.map(\.description) ?? "no error")")
        #expect(error?.isRetriable == false)

        try await js.createConsumer(ConsumerConfiguration(durableName: "next"), stream: "orders")
        for closesAll in [false, true] {
            let next = try await js.pullConsumer(stream: "orders", consumer: "next")
            let waiting = Task {
                await failure { () throws(NATSError) in try await next.fetch(max: 1, waitMilliseconds: 60_000) }
            }
            try await js.asked("next")
            if closesAll { await connection.close() } else { next.close() }
            #expect(await waiting.value?.status == .connectionClosed)
        }
    }
}

extension NATSClient.JetStream {
    /// Returns when a request for messages of this consumer of `orders` stands at the server.
    fileprivate func asked(_ consumer: String) async throws {
        try await Patience.wait(for: "a request of \(consumer)") {
            try await consumerInfo(stream: "orders", consumer: consumer).waitingRequests > 0
        }
    }
}
