import ApusPorts
import ApusTesting
import BrokerMemory
import CloudEvents
import EventFilters
import Testing

@testable import ApusIntake
@testable import ApusServer

@Suite struct `The data plane` {
    @Test func `answers an event with its position and how many triggers take it`() async throws {
        let log = DataPlane.memoryLog()
        let filters: [[FilterExpression]] = [[.exact([AttributePredicate(name: "type", value: "t")])], []]
        try await DataPlane.with(log: log, filters: filters) { plane in
            let wire = try plane.connect()
            for offset in 0..<3 {
                try wire.send(Request.event("\(offset)", body: "hello"))
                let answer = try wire.receive()
                #expect(answer.status == 202)
                #expect(answer["apus-position"] == "0:\(offset)")
                #expect(answer["apus-matched"] == "2")
                #expect(answer["content-length"] == "0")
            }
        }
        #expect(try await log.read(.events, from: 0, limit: ReadLimit(records: 9)).count == 3)
    }

    @Test func `answers an empty batch without a position`() async throws {
        try await DataPlane.with(log: DataPlane.memoryLog()) { plane in
            let answer = try plane.ask(
                "POST /default/default/ HTTP/1.1\r\nHost: h\r\nContent-Type: application/cloudevents-batch+json\r\n"
                    + "Content-Length: 2\r\n\r\n[]")
            #expect(answer.status == 202)
            #expect(answer["apus-position"] == nil)
            #expect(answer["apus-matched"] == "0")
        }
    }

    @Test func `answers OPTIONS with what it takes`() async throws {
        try await DataPlane.with(log: HeldLog()) { plane in
            for target in ["/default/default", "/", "*", "/nobody/here"] {
                let answer = try plane.ask("OPTIONS \(target) HTTP/1.1\r\nHost: h\r\n\r\n")
                #expect(answer.status == 200)
                #expect(answer["allow"] == "POST, OPTIONS")
                #expect(answer["webhook-allowed-origin"] == "*")
                #expect(answer["webhook-allowed-rate"] == "*")
            }
        }
    }

    @Test(arguments: [("/healthz", false, 200), ("/readyz", false, 503), ("/healthz", true, 200), ("/readyz", true, 200)])
    func `says whether it lives and whether it is ready`(_ path: String, _ isReady: Bool, _ status: Int) async throws {
        try await DataPlane.with(log: HeldLog(), isReady: { isReady }) { plane in
            let answer = try plane.ask("GET \(path) HTTP/1.1\r\nHost: any.host\r\n\r\n")
            #expect(answer.status == status)
        }
    }

    @Test func `checks method, path, event, broker and hops in this order`() async throws {
        let hopless = Request.event("1", "ce-knativebrokerttl: 1\r\n", path: "/default/default")
        let requests: [(String, Int, ErrorCode)] = [
            ("DELETE / HTTP/1.1\r\nHost: h\r\n\r\n", 405, .methodNotAllowed),
            ("GET /default/default HTTP/1.1\r\nHost: h\r\n\r\n", 405, .methodNotAllowed),
            ("POST / HTTP/1.1\r\nHost: h\r\n\r\n", 404, .notFound),
            ("POST http://h HTTP/1.1\r\nHost: h\r\n\r\n", 404, .notFound),
            ("POST /default HTTP/1.1\r\nHost: h\r\n\r\n", 400, .malformedPath),
            ("POST /healthz HTTP/1.1\r\nHost: h\r\n\r\n", 400, .malformedPath),
            ("POST /nobody/here HTTP/1.1\r\nHost: h\r\n\r\n", 400, .notACloudEvent),
            (Request.event("", path: "/nobody/here"), 400, .missingAttribute),
            (Request.event("1", "ce-knativebrokerttl: 1\r\n", path: "/nobody/here"), 404, .unknownBroker),
            (hopless, 400, .hopsExhausted),
        ]
        try await DataPlane.with(log: HeldLog()) { plane in
            for (request, status, code) in requests {
                let answer = try plane.ask(request)
                #expect(answer.status == status, "\(request)")
                #expect(answer.body.hasPrefix("{\"error\":\"\(code.rawValue)\",\"message\":\""), "\(answer.body)")
                #expect(answer["content-type"] == "application/json")
                #expect((answer["allow"] == "POST, OPTIONS") == (status == 405))
            }
        }
    }

    @Test func `keeps the fields that travel with an event, and no other`() async throws {
        let log = DataPlane.memoryLog()
        try await DataPlane.with(log: log) { plane in
            let fields = [
                "X-Request-Id: r", "Knative-Foo: k", "X-B3-TraceId: b", "Traceparent: 00-1-2-01", "tracestate: a=b", "X-Foo: no",
                "Knative: no", "Kn-Namespace: no", "X-B3: no", "Traceparents: no",
            ]
            let answer = try plane.ask(Request.event("1", fields.joined(separator: "\r\n") + "\r\n"))
            #expect(answer.status == 202)
        }
        let record = try #require(try await log.read(.events, from: 0, limit: ReadLimit(records: 1)).first?.event)
        let expected = [
            ("x-request-id", "r"), ("knative-foo", "k"), ("x-b3-traceid", "b"), ("traceparent", "00-1-2-01"),
            ("tracestate", "a=b"),
        ]
        #expect(record.headers == expected.map { ForwardedHeader(name: $0.0, value: $0.1) })
    }

    @Test func `answers a duplicate with the first one's position`() async throws {
        try await DataPlane.with(log: DataPlane.memoryLog(), window: .seconds(600)) { plane in
            for id in ["1", "2", "1"] {
                let answer = try plane.ask(Request.event(id))
                #expect(answer["apus-position"] == (id == "1" ? "0:0" : "0:1"))
            }
        }
    }

    @Test func `answers 429 while the queue is full, and 503 when the log fails`() async throws {
        let log = HeldLog()
        try await DataPlane.with(log: log) { plane in
            log.setDepth(QueueDepth(events: Limits.appendQueueEventsMax, bytes: 0))
            let wire = try plane.connect()
            try wire.send(Request.event("1"))
            let full = try wire.receive()
            #expect(full.status == 429)
            #expect(full["retry-after"] == "1")
            log.setDepth(nil)
            try wire.send(Request.event("1"))
            try await log.waitForHeld(1)
            log.fail(.unavailable(reason: "disk"))
            let failed = try wire.receive()
            #expect(failed.status == 503)
            #expect(failed["retry-after"] == "1")
            #expect(failed.body.contains("log-unavailable"))
        }
    }

    @Test func `names the event of a batch that is wrong`() async throws {
        let body = #"[{"specversion":"1.0","id":"1","source":"/s","type":"t"},{"specversion":"1.0","id":"2","type":"t"}]"#
        try await DataPlane.with(log: HeldLog()) { plane in
            let answer = try plane.ask(
                "POST /default/default HTTP/1.1\r\nHost: h\r\nContent-Type: application/cloudevents-batch+json\r\n"
                    + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
            #expect(answer.status == 400)
            #expect(answer.body.contains(#""field":"source","index":1}"#), "\(answer.body)")
        }
    }
}

@Suite struct `A refusal's body` {
    @Test func `is JSON whatever the sentence holds`() {
        let refusal = IntakeRefusal(.invalidAttribute, "a \"b\" \\ \n \u{1F}é", field: "x\"y", index: 2)
        let expected = #"{"error":"invalid-attribute","message":"a \"b\" \\ \u000a \u001fé","field":"x\"y","index":2}"# + "\n"
        #expect(String(decoding: RefusalBody.json(refusal), as: UTF8.self) == expected)
    }
}

extension HeldLog {
    /// Yields until that many batches are held: the server works on threads of its own.
    func waitForHeld(_ count: Int) async throws {
        while held.count < count {
            try Task.checkCancellation()
            await Task.yield()
        }
    }
}
