import ApusPorts
import CloudEvents
import Specs
import Testing

/// One vector of `specs/delivery-http/replies.yaml`: an answer, and what the dispatcher hears of it.
struct ReplyVector: Decodable, Sendable {
    struct Event: Decodable, Sendable {
        var mode: String
        var contentType: String?
        var body: String
        var attributes: [String]
        var headers: [String]?
    }

    var name: String
    var status: Int
    var headers: [String]?
    var body: String?
    var wantsReply: Bool?
    /// Nil where it is no reply.
    var event: Event?
    var invalid: String?
    var retryAfterSeconds: Int?
}

@Suite struct `An answer to a delivery` {
    private func text(_ vector: ReplyVector) -> String {
        let fields = (vector.headers ?? []).map { $0 + "\r\n" }.joined()
        let body = vector.body ?? ""
        let length = vector.status == 204 ? "" : "Content-Length: \(body.utf8.count)\r\n"
        return "HTTP/1.1 \(vector.status) X\r\n\(fields)\(length)\r\n\(body)"
    }

    @Test(arguments: Specs.vectors("delivery-http/replies.yaml", as: ReplyVector.self))
    func `is a reply, none, or an invalid one`(vector: ReplyVector) async throws {
        let server = try await ScriptedServer(always: text(vector))
        let sink = TestSink()
        let trace = ForwardedHeader(name: "traceparent", value: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        let delivery = sink.delivery(TestSink.record(headers: [trace]), to: server.url, wantsReply: vector.wantsReply ?? true)
        guard case .answered(let answer) = await sink.deliver(delivery) else {
            Issue.record("\(vector.name): no answer")
            return
        }
        #expect(answer.status == vector.status, "\(vector.name)")
        #expect(answer.body == Array((vector.body ?? "").utf8.prefix(1024)), "\(vector.name)")
        #expect(answer.retryAfter == vector.retryAfterSeconds.map { .seconds($0) }, "\(vector.name)")
        switch answer.reply {
        case .none:
            #expect(vector.event == nil && vector.invalid == nil, "\(vector.name)")
        case .invalid(let sentence):
            #expect(vector.invalid != nil && sentence.hasPrefix(vector.invalid ?? ""), "\(vector.name): \(sentence)")
        case .event(let event):
            let sent = try #require(server.received.first?.value(of: "traceparent"))
            try check(event, vector, trace: sent)
        }
    }

    private func check(_ event: EventRecord, _ vector: ReplyVector, trace: String) throws {
        let wanted = try #require(vector.event, "\(vector.name)")
        #expect(event.mode == (wanted.mode == "binary" ? .binary : .structured), "\(vector.name)")
        #expect(event.contentType == wanted.contentType, "\(vector.name)")
        #expect(event.body == Array(wanted.body.utf8), "\(vector.name)")
        #expect(event.attributes.map { "\($0.name): \($0.value.text)" }.sorted() == wanted.attributes.sorted(), "\(vector.name)")
        let headers = event.headers.map { "\($0.name): \($0.value)" }
        #expect(headers == (wanted.headers ?? []) + ["traceparent: \(trace)"], "\(vector.name)")
        #expect(event.hops == Limits.hopsMax)
    }

    @Test func `is kept to the first 1024 bytes of its body`() async throws {
        let body = String(repeating: "e", count: 200_000)
        for framing in ["Content-Length: 200000\r\n", "Connection: close\r\n"] {
            let server = try await ScriptedServer { _ in
                [.send(Array("HTTP/1.1 500 No\r\n\(framing)\r\n\(body)".utf8)), .close]
            }
            let sink = TestSink()
            guard case .answered(let answer) = await sink.deliver(sink.delivery(TestSink.record(), to: server.url)) else {
                Issue.record("no answer")
                return
            }
            #expect(answer.status == 500)
            #expect(answer.body == Array(body.utf8.prefix(1024)))
        }
    }

    @Test func `that is larger than the bound counts, but is no reply`() async throws {
        let body = #"{"specversion":"1.0","id":"1","source":"/s","type":"t","data":""# + String(repeating: "x", count: 2_000_000)
        for (type, isInvalid) in [("application/cloudevents+json", true), ("application/json", false)] {
            let server = try await ScriptedServer { _ in
                [.send(Array("HTTP/1.1 200 OK\r\nContent-Type: \(type)\r\nContent-Length: 5000000\r\n\r\n\(body)".utf8))]
            }
            let sink = TestSink()
            guard case .answered(let answer) = await sink.deliver(sink.delivery(TestSink.record(), to: server.url)) else {
                Issue.record("no answer")
                return
            }
            #expect(answer.body == Array(body.utf8.prefix(1024)))
            switch answer.reply {
            case .none: #expect(!isInvalid)
            case .invalid(let sentence): #expect(isInvalid && sentence == "the reply is larger than 1048576 bytes")
            case .event: Issue.record("half an event became a reply")
            }
        }
    }

    @Test(arguments: [301, 302, 303, 307, 308]) func `that redirects is not followed`(status: Int) async throws {
        let elsewhere = try await ScriptedServer(always: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        let server = try await ScriptedServer(
            always: "HTTP/1.1 \(status) Elsewhere\r\nLocation: \(elsewhere.url)\r\nContent-Length: 0\r\n\r\n")
        let sink = TestSink()
        guard case .answered(let answer) = await sink.deliver(sink.delivery(TestSink.record(), to: server.url)) else {
            Issue.record("no answer")
            return
        }
        #expect(answer.status == status)
        #expect(elsewhere.connections == 0)
    }

    @Test func `that does not come is a failure that says so`() async throws {
        let server = try await ScriptedServer { request in
            request.number == 1 ? [.send(Array("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".utf8))] : []
        }
        let sink = TestSink()
        // The first delivery makes the connection, so that none of the second one's time goes into that.
        _ = await sink.deliver(sink.delivery(TestSink.record(), to: server.url))
        let delivery = sink.delivery(TestSink.record(), to: server.url, timeout: .milliseconds(50))
        guard case .failed(let sentence) = await sink.deliver(delivery) else {
            Issue.record("an answer came")
            return
        }
        #expect(sentence == "timed out after 50 ms (waiting for the answer)")
    }
}
