import NATSClient
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct `Core NATS` {
    @Test(arguments: NATSServer.Release.allCases)
    func `brings what a wildcard matches, in order, and nothing else`(release: NATSServer.Release) async throws {
        let server = try await NATSServer.start(release)
        defer { server.stop() }
        let connection = try await NATSConnection.connect(server.url)
        let one = try await connection.subscribe("orders.*.new")
        let all = try await connection.subscribe("orders.>")
        for (subject, text) in [("orders.eu.new", "1"), ("orders.eu.old", "2"), ("other.eu.new", "3"), ("orders.us.new", "4")] {
            try await connection.publish(bytes(text), to: subject)
        }
        try await connection.publish([], to: "orders.eu.new", reply: "answers.here")
        #expect(await one.messages(3).map(\.text) == ["1", "4", ""])
        let received = await all.messages(4)
        #expect(received.map(\.subject) == ["orders.eu.new", "orders.eu.old", "orders.us.new", "orders.eu.new"])
        #expect(received.map(\.reply) == [nil, nil, nil, "answers.here"])
        await connection.close()
        #expect(await one.next() == nil)
    }

    @Test(arguments: NATSServer.Release.allCases)
    func `shares messages among the members of a queue group`(release: NATSServer.Release) async throws {
        let server = try await NATSServer.start(release)
        defer { server.stop() }
        let connection = try await NATSConnection.connect(server.url)
        let other = try await NATSConnection.connect(server.url)
        let members = [
            try await connection.subscribe("work", queue: "workers"), try await other.subscribe("work", queue: "workers"),
        ]
        let observer = try await other.subscribe("work")
        try await connection.flush()
        try await other.flush()
        for number in 0..<200 { try await connection.publish(bytes("\(number)"), to: "work") }
        #expect(await observer.messages(200).count == 200)
        try await connection.flush()
        try await other.flush()
        for member in members { try await member.drain() }
        var shares: [[Int]] = []
        for member in members { shares.append(await member.messages(200).compactMap { Int($0.text) }) }
        #expect((shares[0] + shares[1]).sorted() == Array(0..<200))
        #expect(!shares[0].isEmpty && !shares[1].isEmpty)
    }

    @Test(arguments: NATSServer.Release.allCases)
    func `keeps headers, with several values of one name and the case of names`(release: NATSServer.Release) async throws {
        let server = try await NATSServer.start(release)
        defer { server.stop() }
        let connection = try await NATSConnection.connect(server.url)
        let subscription = try await connection.subscribe("headers")
        var headers: NATSHeaders = ["ce-type": "com.example", "X": "one"]
        headers.add("X", "two")
        headers.add("x", "ünï ✓")
        headers.add("Empty", "")
        try await connection.publish([0, 255, 13, 10], to: "headers", headers: headers)
        let message = try #require(await subscription.next()?.first)
        #expect(message.payload == [0, 255, 13, 10])
        #expect(message.headers.values(of: "X") == ["one", "two"])
        #expect(message.headers["x"] == "ünï ✓")
        #expect(message.headers["Empty"] == "")
        #expect(message.headers["ce-type"] == "com.example")
        #expect(message.headers.fields.count == 5)
    }

    @Test func `sends nothing that would be protocol`() async throws {
        let server = try await NATSServer.start(.debian)
        defer { server.stop() }
        let connection = try await NATSConnection.connect(server.url)
        #expect(
            await failure { () throws(NATSError) in try await connection.publish([], to: "a\r\nPUB b 0\r\n") }?.status
                == .invalidSubject)
        #expect(await failure { () throws(NATSError) in try await connection.publish([], to: "a.*") }?.status == .invalidSubject)
        #expect(
            await failure { () throws(NATSError) in try await connection.publish([], to: "a", reply: "b c") }?.status
                == .invalidSubject)
        for headers: NATSHeaders in [["a": "b\r\nc: d"], ["a b": "c"], ["": "c"], ["a:": "c"], ["a": "b\u{0}"]] {
            #expect(
                await failure { () throws(NATSError) in try await connection.publish([], to: "a", headers: headers) }?.status
                    == .invalidArgument)
        }
        #expect(await failure { () throws(NATSError) in try await connection.subscribe("a..b") }?.status == .invalidSubject)
        #expect(
            await failure { () throws(NATSError) in try await connection.subscribe("a", queue: "b c") }?.status
                == .invalidArgument)
        let tooLarge = await failure { () throws(NATSError) in
            try await connection.publish([UInt8](repeating: 0, count: 1_048_577), to: "a")
        }
        #expect(tooLarge?.status == .maxPayload)
        #expect(tooLarge?.isRetriable == false)
    }

    @Test(arguments: NATSServer.Release.allCases)
    func `answers requests, many at a time`(release: NATSServer.Release) async throws {
        let server = try await NATSServer.start(release)
        defer { server.stop() }
        let connection = try await NATSConnection.connect(server.url)
        let service = try await connection.subscribe("double")
        let responder = Task {
            while let requests = await service.next() {
                for request in requests {
                    guard let reply = request.reply else { continue }
                    try await connection.publish(request.payload + request.payload, to: reply)
                }
            }
        }
        let answers = try await withThrowingTaskGroup(of: (Int, String).self) { group in
            for number in 0..<500 {
                group.addTask { (number, try await connection.request(bytes("\(number)"), to: "double").text) }
            }
            return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        #expect(answers.count == 500)
        #expect(answers.allSatisfy { $0.value == "\($0.key)\($0.key)" })
        service.unsubscribe()
        try await responder.value
    }

    @Test(arguments: NATSServer.Release.allCases)
    func `says at once that nobody listens, and in time that nobody answers`(release: NATSServer.Release) async throws {
        let server = try await NATSServer.start(release)
        defer { server.stop() }
        let connection = try await NATSConnection.connect(server.url)
        let nobody = await failure { () throws(NATSError) in
            try await connection.request([], to: "nobody", timeoutMilliseconds: 60_000)
        }
        #expect(nobody?.status == .noResponders)
        #expect(nobody?.isRetriable == true)
        let mute = try await connection.subscribe("mute")
        let late = await failure { () throws(NATSError) in try await connection.request([], to: "mute", timeoutMilliseconds: 50) }
        #expect(late?.status == .timeout)
        #expect(late?.text.contains("50 ms") == true)
        #expect(await mute.next()?.count == 1)
    }

    @Test func `ends a request whose task is cancelled`() async throws {
        let server = try await NATSServer.start(.debian)
        defer { server.stop() }
        let connection = try await NATSConnection.connect(server.url)
        let mute = try await connection.subscribe("mute")
        let asking = Task {
            await failure { () throws(NATSError) in try await connection.request([], to: "mute", timeoutMilliseconds: 60_000) }
        }
        #expect(await mute.next()?.count == 1)
        asking.cancel()
        #expect(await asking.value?.status == .cancelled)
        let waiting = Task { await mute.next() }
        waiting.cancel()
        #expect(await waiting.value == nil)
    }

    @Test(arguments: NATSServer.Release.allCases)
    func `bounds what waits for a slow consumer, and says what is lost`(release: NATSServer.Release) async throws {
        let server = try await NATSServer.start(release)
        defer { server.stop() }
        let connection = try await NATSConnection.connect(server.url)
        let slow = try await connection.subscribe("flood", pending: PendingLimits(messagesMax: 10, bytesMax: 1_000_000))
        let other = try await connection.subscribe("flood")
        for number in 0..<100 { try await connection.publish(bytes("\(number)"), to: "flood") }
        #expect(await other.messages(100).count == 100)
        let event = await connection.event { if case .slowConsumer = $0 { true } else { false } }
        guard case .slowConsumer(subject: "flood", let dropped) = event else {
            Issue.record("\(String(describing: event))")
            return
        }
        #expect((1...90).contains(dropped))
        try await slow.drain()
        let kept = await slow.messages(100).compactMap { Int($0.text) }
        // libnats may hold as many again that are on their way.
        #expect((10...20).contains(kept.count) && kept.first == 0 && kept == kept.sorted())
        #expect(slow.droppedMessages + kept.count == 100)
    }

    @Test func `bounds what waits by its bytes, too`() async throws {
        let server = try await NATSServer.start(.debian)
        defer { server.stop() }
        let connection = try await NATSConnection.connect(server.url)
        let slow = try await connection.subscribe("flood", pending: PendingLimits(messagesMax: 1000, bytesMax: 1000))
        for _ in 0..<10 { try await connection.publish([UInt8](repeating: 1, count: 300), to: "flood") }
        try await connection.flush()
        try await slow.drain()
        let kept = await slow.messages(10).count
        #expect((3...6).contains(kept))
        #expect(slow.droppedMessages + kept == 10)
    }

    @Test func `drains: what was published before arrives, then all is closed`() async throws {
        let server = try await NATSServer.start(.pypi)
        defer { server.stop() }
        let connection = try await NATSConnection.connect(server.url)
        let subscription = try await connection.subscribe("last.words")
        for number in 0..<50 { try await connection.publish(bytes("\(number)"), to: "last.words") }
        try await connection.drain()
        #expect(await subscription.messages(50).count == 50)
        #expect(await subscription.next() == nil)
        #expect(await failure { () throws(NATSError) in try await connection.publish([], to: "a") }?.status == .connectionClosed)
        #expect(await failure { () throws(NATSError) in try await connection.request([], to: "a") }?.status == .connectionClosed)
        await connection.close()
    }
}
