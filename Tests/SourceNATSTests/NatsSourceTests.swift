import ApusPorts
import ApusResources
import ApusTesting
import CloudEvents
import NATSClient
import TestSupport
import Testing

@testable import SourceNATS

@Suite(.timeLimit(.minutes(2))) struct `A NatsSource` {
    private static let json = #"{"specversion":"1.0","id":"s","source":"/s","type":"t"}"#
    private static let headers: NATSHeaders = [
        "ce-specversion": "1.0", "ce-id": "b", "ce-source": "/s", "ce-type": "t", "ce-datacontenttype": "text/plain",
    ]

    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test func `names its events after their subject`() {
        var metadata = ObjectMeta(name: "orders")
        metadata.namespace = "shop"
        #expect(
            NatsSource.eventSource(metadata, subject: "eu.*.>") == "/apis/v1alpha1/namespaces/shop/natssources/orders#eu.*.%3E")
    }

    @Test func `wraps a message whose headers no attribute can hold as they are`() throws {
        let message = NATSMessage(
            subject: "orders", headers: ["Content-Type": "no type", "X-Tab": "a\tb"], payload: bytes("text"))
        let item = NatsItem(metadata: ObjectMeta(name: "orders")).item(message, id: "1", origin: "here")
        let event = try item.event.get()
        #expect(event.contentType == nil)
        #expect(event.body == bytes("text"))
        #expect(event.attributes.text(of: "natsheadercontenttype") == "no type")
        #expect(event.attributes.text(of: "natsheaderxtab") == "YQli")
    }

    @Test(arguments: NATSServer.Release.allCases)
    func `brings core messages: events as they are, anything else wrapped`(release: NATSServer.Release) async throws {
        let server = try await NATSServer.start(release)
        defer { server.stop() }
        let connection = try await NATSConnection.connect(NATSConfiguration(servers: [server.url]))
        let running = try Running(manifest(#""servers": ["\#(server.url)"], "subject": "orders.>", "queue": "apus""#))
        try await running.whenReady()
        try await connection.publish(bytes("hi"), to: "orders.a", headers: Self.headers)
        try await connection.publish(bytes(Self.json), to: "orders.b")
        try await connection.publish(bytes("broken"), to: "orders.c", headers: ["ce-id": "1"])
        try await connection.publish(bytes("text"), to: "orders.d", headers: ["Content-Type": "text/plain", "X-Shop": "eu"])
        await running.taken(3)
        #expect(await running.stop() == nil)
        let events = running.emitter.events
        #expect(events.map(\.mode) == [.binary, .structured, .binary])
        #expect(events.map(\.body) == [bytes("hi"), bytes(Self.json), bytes("text")])
        #expect(events.map(\.contentType) == ["text/plain", "application/cloudevents+json; charset=utf-8", "text/plain"])
        #expect(events.map { $0.attributes.text(of: "id") } == ["b", "s", "id-4"])
        let wrapped = events[2].attributes
        #expect(wrapped.text(of: "type") == "dev.apus.nats.message")
        #expect(wrapped.text(of: "source") == "/apis/v1alpha1/namespaces/default/natssources/orders#orders.d")
        #expect(wrapped.text(of: "subject") == "orders.d")
        #expect(wrapped.text(of: "natsheaderxshop") == "eu")
        #expect(running.emitter.buried.map(\.bytes) == [bytes("broken")])
        #expect(running.emitter.buried.first?.origin == "subject orders.c")
    }

    @Test(arguments: NATSServer.Release.allCases)
    func `acknowledges what the sink has, and goes on there after a stop`(release: NATSServer.Release) async throws {
        let server = try await NATSServer.start(release)
        defer { server.stop() }
        let connection = try await NATSConnection.connect(NATSConfiguration(servers: [server.url]))
        let js = connection.jetStream
        try await js.createStream(StreamConfiguration(name: "orders", subjects: ["orders.>"]))
        for number in 0..<20 { _ = try await js.publish(bytes("\(number)"), to: "orders.new") }
        _ = try await js.publish(bytes("broken"), to: "orders.new", headers: ["ce-id": "1"])
        let text = manifest(#""servers": ["\#(server.url)"], "stream": "orders", "durable": "apus""#)
        let first = try Running(text)
        await first.taken(20)
        try await js.acknowledged("orders", "apus")
        #expect(await first.stop() == nil)
        #expect(first.emitter.events.map(\.body) == (0..<20).map { bytes("\($0)") })
        #expect(first.emitter.events.first?.attributes.text(of: "id") == "orders:1")
        #expect(first.emitter.buried.map(\.bytes) == [bytes("broken")])
        for number in 20..<25 { _ = try await js.publish(bytes("\(number)"), to: "orders.new") }
        let second = try Running(text)
        await second.taken(5)
        try await js.acknowledged("orders", "apus")
        #expect(await second.stop() == nil)
        #expect(Set(second.emitter.events.map(\.body)) == Set((20..<25).map { bytes("\($0)") }))
        #expect(second.emitter.buried.isEmpty)
    }

    @Test(arguments: NATSServer.Release.allCases)
    func `brings again what the sink could not take`(release: NATSServer.Release) async throws {
        let server = try await NATSServer.start(release)
        defer { server.stop() }
        let connection = try await NATSConnection.connect(NATSConfiguration(servers: [server.url]))
        let js = connection.jetStream
        try await js.createStream(StreamConfiguration(name: "orders", subjects: ["orders.>"]))
        for number in 0..<3 { _ = try await js.publish(bytes("\(number)"), to: "orders.new") }
        let running = try Running(manifest(#""servers": ["\#(server.url)"], "stream": "orders""#)) { call, _ in
            call <= 2 ? EmitFailure(.unavailable, message: "The disk is full.") : nil
        }
        await running.taken(3)
        try await js.acknowledged("orders", "apus-5ff86b22")
        #expect(await running.stop() == nil)
        #expect(Set(running.emitter.events.map(\.body)) == Set((0..<3).map { bytes("\($0)") }))
        // Not ready again before the sink has taken something, and the end of the connection is no news.
        let away = Readiness.notReady(reason: "SinkUnavailable", message: "The disk is full.")
        #expect(running.reporter.readiness == [.ready, away, away, .ready])
    }

    @Test(arguments: NATSServer.Release.allCases)
    func `gets nothing twice while its sink takes longer than the acknowledgement wait`(
        release: NATSServer.Release
    ) async throws {
        let server = try await NATSServer.start(release)
        defer { server.stop() }
        let js = try await NATSConnection.connect(NATSConfiguration(servers: [server.url])).jetStream
        try await js.createStream(StreamConfiguration(name: "orders", subjects: ["orders.>"]))
        var consumer = ConsumerConfiguration(durableName: "apus")
        consumer.ackWaitNanoseconds = 600_000_000
        try await js.createConsumer(consumer, stream: "orders")
        for number in 0..<300 { _ = try await js.publish(bytes("\(number)"), to: "orders.new") }
        let text = manifest(#""servers": ["\#(server.url)"], "stream": "orders", "durable": "apus""#)
        let running = try Running(text, pauseMax: .seconds(60), hold: { try? await Patience.pass(.milliseconds(1300)) })
        await running.taken(300)
        try await js.acknowledged("orders", "apus")
        #expect(await running.stop() == nil)
        #expect(running.emitter.events.map(\.body) == (0..<300).map { bytes("\($0)") })
        #expect(try await js.consumerInfo(stream: "orders", consumer: "apus").redeliveredMessages == 0)
    }

    @Test func `says in the server's words why it cannot`() async throws {
        let server = try await NATSServer.start(.debian, configuration: "authorization { token: s3cret }")
        defer { server.stop() }
        let refused = try await Running(manifest(#""servers": ["\#(server.url)"], "subject": "a""#)).end()
        #expect(refused?.reason == "ConnectionFailed")
        #expect(refused?.message.contains("Authorization Violation") == true)
        let open = try await NATSServer.start(.pypi)
        defer { open.stop() }
        let missing = try await Running(manifest(#""servers": ["\#(open.url)"], "stream": "none""#)).end()
        #expect(missing?.reason == "ConsumerFailed")
        #expect(missing?.message.contains("stream not found (JetStream 10059)") == true)
    }
}

extension JetStream {
    /// Returns when nothing waits for delivery or acknowledgement any more.
    func acknowledged(_ stream: String, _ consumer: String) async throws {
        try await Patience.wait(for: "\(consumer) to be acknowledged") {
            let info = try await consumerInfo(stream: stream, consumer: consumer)
            return info.ackPendingMessages == 0 && info.pendingMessages == 0
        }
    }
}
