import ApusDelivery
import ApusHTTP
import ApusPorts
import CloudEvents
import NIOCore
import NIOPosix
import Specs
import Testing

/// One vector of `specs/delivery-http/requests.yaml`: an event as it came, how it is to be delivered, and what the subscriber
/// gets.
struct RequestVector: Decodable, Sendable {
    struct Added: Decodable, Sendable {
        var name: String
        var value: String
    }

    var name: String
    /// The fields that the event came with.
    var headers: [String]
    var body: String?
    /// `true` where `body` is hexadecimal digits.
    var isHex: Bool?
    /// Fields that travelled with the event, `name: value`.
    var travelled: [String]?
    var format: String?
    var wantsReply: Bool?
    var added: [Added]?
    /// The fields that are sent, in any order, without Host, User-Agent, Kn-Namespace, Prefer, knativearrivaltime and
    /// Content-Length.
    var sent: [String]?
    var sentBody: String?
    var sentHex: String?
    /// What is said where the event cannot be sent.
    var failure: String?
}

@Suite struct `A delivery` {
    @Test func `sends what came as promise 3 says, in the mode that it came in or the mode that is asked for`() async throws {
        let server = try await ScriptedServer(always: "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
        let sink = TestSink()
        for vector in Specs.vectors("delivery-http/requests.yaml", as: RequestVector.self) {
            var delivery = sink.delivery(try record(vector), to: server.url, wantsReply: vector.wantsReply ?? true)
            delivery.format = vector.format.map { $0 == "json" ? .structured : .binary }
            delivery.added = (vector.added ?? []).map { Attribute(name: $0.name, value: .string($0.value)) }
            let before = server.received.count
            switch await sink.deliver(delivery) {
            case .answered(let answer):
                #expect(vector.failure == nil, "\(vector.name)")
                #expect(answer.status == 202, "\(vector.name)")
                check(try #require(server.received.last), vector)
            case .failed(let sentence):
                #expect(sentence == vector.failure, "\(vector.name)")
                #expect(server.received.count == before, "\(vector.name)")
            }
        }
        #expect(server.connections == 1)
    }

    private func record(_ vector: RequestVector) throws -> EventRecord {
        let pairs = vector.headers.map { line in
            let parts = line.split(separator: ": ", maxSplits: 1, omittingEmptySubsequences: false)
            return (name: String(parts[0]), value: parts.count > 1 ? String(parts[1]) : "")
        }
        let body = vector.isHex == true ? bytes(hex: vector.body ?? "") : Array((vector.body ?? "").utf8)
        let message = try HTTPBinding.decode(headers: HeaderBlock(pairs), body: body)
        let event = try #require(message.events.first, "\(vector.name)")
        var attributes = event.attributes
        attributes.remove("knativebrokerttl")
        let travelled = (vector.travelled ?? []).map { line in
            let parts = line.split(separator: ": ", maxSplits: 1)
            return ForwardedHeader(name: String(parts[0]), value: String(parts[1]))
        }
        return EventRecord(
            attributes: attributes, mode: message.mode == .batched ? .structured : message.mode, contentType: message.contentType,
            body: Array(body[event.range]), headers: travelled)
    }

    private func check(_ received: ScriptedServer.Received, _ vector: RequestVector) {
        let body = vector.sentHex.map(bytes(hex:)) ?? Array((vector.sentBody ?? "").utf8)
        #expect(received.body == body, "\(vector.name): \(String(decoding: received.body, as: UTF8.self))")
        #expect(received.lines.first == "POST / HTTP/1.1", "\(vector.name)")
        let usual = ["host", "user-agent", "kn-namespace", "prefer", "ce-knativearrivaltime", "content-length"]
        let fields = received.lines.dropFirst().filter { line in
            !usual.contains { line.lowercased().hasPrefix($0 + ":") } && !line.hasPrefix("traceparent:")
        }
        #expect(fields.sorted() == (vector.sent ?? []).sorted(), "\(vector.name)")
        #expect(received.values(of: "host") == ["127.0.0.1:\(received.value(of: "host")?.split(separator: ":").last ?? "")"])
        #expect(received.values(of: "user-agent") == ["apus/test"])
        #expect(received.values(of: "kn-namespace") == ["default"])
        #expect(received.values(of: "prefer") == (vector.wantsReply == false ? [] : ["reply"]), "\(vector.name)")
        #expect(received.values(of: "content-length") == [String(body.count)], "\(vector.name)")
        let isBinary = fields.contains { $0.hasPrefix("ce-id:") }
        let came = vector.headers.contains { $0.hasPrefix("ce-knativearrivaltime") }
        let arrival = came ? "1999-12-31T23:59:59Z" : TestSink.arrival
        #expect(received.values(of: "ce-knativearrivaltime") == (isBinary ? [arrival] : []), "\(vector.name)")
    }

    private func bytes(hex: String) -> [UInt8] {
        stride(from: 0, to: hex.utf8.count, by: 2).compactMap { UInt8(hex.dropFirst($0).prefix(2), radix: 16) }
    }

    @Test func `goes on with the trace, in a span of its own each time`() async throws {
        let server = try await ScriptedServer(always: "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
        let sink = TestSink()
        let record = TestSink.record(headers: [
            ForwardedHeader(name: "traceparent", value: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
            ForwardedHeader(name: "tracestate", value: "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"),
        ])
        for _ in 0..<3 { _ = await sink.deliver(sink.delivery(record, to: server.url)) }
        let parents = server.received.flatMap { $0.values(of: "traceparent") }
        #expect(parents.count == 3)
        #expect(Set(parents).count == 3)
        for parent in parents {
            #expect(parent.hasPrefix("00-4bf92f3577b34da6a3ce929d0e0e4736-"))
            #expect(parent.hasSuffix("-01"))
            #expect(!parent.contains("00f067aa0ba902b7"))
        }
        for request in server.received {
            #expect(request.values(of: "tracestate") == ["congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"])
        }
    }

    @Test func `makes no trace of its own, and ends one that is not valid`() async throws {
        let server = try await ScriptedServer(always: "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
        let sink = TestSink()
        let broken = TestSink.record(headers: [
            ForwardedHeader(name: "traceparent", value: "00-zz-01"), ForwardedHeader(name: "tracestate", value: "a=b"),
        ])
        for record in [TestSink.record(), broken] { _ = await sink.deliver(sink.delivery(record, to: server.url)) }
        #expect(server.received.count == 2)
        for request in server.received {
            #expect(request.values(of: "traceparent") == [])
            #expect(request.values(of: "tracestate") == [])
        }
    }

    @Test func `of a record to many destinations is each its own, though it is encoded once`() async throws {
        let servers = [
            try await ScriptedServer(always: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
            try await ScriptedServer(always: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        ]
        let sink = TestSink()
        for number in 0..<12 {
            var delivery = sink.delivery(TestSink.record(id: "\(number / 4)"), to: servers[number % 2].url + "\(number)")
            delivery.namespace = "ns\(number)"
            delivery.format = number % 4 < 2 ? .binary : .structured
            if number % 4 == 1 { delivery.added = [Attribute(name: "apusreplay", value: .string("r"))] }
            _ = await sink.deliver(delivery)
        }
        for number in 0..<12 {
            let request = try #require(servers[number % 2].received.first { $0.lines[0] == "POST /\(number) HTTP/1.1" })
            #expect(request.value(of: "kn-namespace") == "ns\(number)")
            #expect(request.value(of: "ce-id") == (number % 4 < 2 ? "\(number / 4)" : nil))
            #expect(request.value(of: "ce-apusreplay") == (number % 4 == 1 ? "r" : nil))
            if number % 4 >= 2 { #expect(try JSONFormat.decode(request.body).id == "\(number / 4)") }
        }
    }

    @Test func `cannot be made to hold a field that nobody sent`() async throws {
        let server = try await ScriptedServer(always: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        let sink = TestSink()
        let record = TestSink.record(headers: [ForwardedHeader(name: "x-request-id", value: "1\r\nX-Evil: 1")])
        var delivery = sink.delivery(record, to: server.url)
        delivery.namespace = "a\r\nX-Evil: 2"
        _ = await sink.deliver(delivery)
        let request = try #require(server.received.first)
        #expect(request.values(of: "x-evil") == [])
        #expect(request.value(of: "x-request-id") == "1  X-Evil: 1")
    }

    @Test func `to what is no URL fails with a sentence, after it was handed over`() async throws {
        let sink = TestSink()
        for (url, sentence) in [
            ("ftp://h/", "the URL's scheme ftp is not supported: use http or https"),
            ("http://me:pw@h/", "the URL has a user name or a password, which is not supported: leave it out"),
        ] {
            guard case .failed(let message) = await sink.deliver(sink.delivery(TestSink.record(), to: url)) else {
                Issue.record("an answer came from \(url)")
                continue
            }
            #expect(message == sentence)
        }
    }

    @Test func `is completed on its loop, once, after deliver has returned`() async throws {
        let sink = TestSink()
        let port = try await SilentServer.freePort()
        let urls = ["ftp://h/", "http://127.0.0.1:\(port)/"]
        let executor = sink.executor
        for url in urls {
            let delivery = sink.delivery(TestSink.record(), to: url)
            let order: [String] = await withCheckedContinuation { continuation in
                executor.execute {
                    let steps = LoopBound<[String]>([])
                    sink.sink.deliver(delivery) { _ in
                        #expect(executor.isIsolatingCurrentContext() == true)
                        steps.value.append("completed")
                        continuation.resume(returning: steps.value)
                    }
                    steps.value.append("returned")
                }
            }
            #expect(order == ["returned", "completed"])
        }
    }
}

@Suite struct `A loop's executor` {
    @Test func `runs an actor on its loop`() async {
        let group = MultiThreadedEventLoopGroup.singleton
        let executor = LoopExecutor(loop: group.next())
        let actor = OnLoop(executor: executor)
        #expect(await actor.isOnLoop)
        let isAssumed = await withCheckedContinuation { continuation in
            executor.execute { continuation.resume(returning: actor.assumeIsolated { $0.touch() }) }
        }
        #expect(isAssumed)
        #expect(executor.isIsolatingCurrentContext() == false)
    }

    @Test func `never runs what is scheduled early`() async {
        let executor = LoopExecutor(loop: MultiThreadedEventLoopGroup.singleton.next())
        let clock = ContinuousClock()
        let start = clock.now
        await withCheckedContinuation { continuation in
            executor.schedule(after: .microseconds(20_500)) { continuation.resume() }
        }
        #expect(clock.now - start >= .microseconds(20_500))
    }

    @Test func `is given in turns, with one sink for each loop`() {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        defer { group.shutdownGracefully { _ in } }
        let factory = HTTPSinkFactory(group: group, userAgent: "apus/test", seed: 1)
        let executors = (0..<4).map { _ in factory.makeExecutor() }
        #expect(executors[0] !== executors[1])
        #expect(executors[0] === executors[2])
        #expect(executors[1] === executors[3])
        #expect(factory.makeSink(on: executors[0]) === factory.makeSink(on: executors[2]))
        #expect(factory.makeSink(on: executors[0]) !== factory.makeSink(on: executors[1]))
    }
}

private actor OnLoop {
    private let executor: LoopExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
    var isOnLoop: Bool { executor.loop.inEventLoop }

    init(executor: LoopExecutor) { self.executor = executor }

    func touch() -> Bool { executor.loop.inEventLoop }
}
