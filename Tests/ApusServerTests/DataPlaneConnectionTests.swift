import ApusPorts
import ApusTesting
import BrokerMemory
import CloudEvents
import Testing

@testable import ApusIntake
@testable import ApusServer

@Suite(.timeLimit(.minutes(1))) struct `A connection` {
    @Test func `answers requests behind one another in their order`() async throws {
        let log = HeldLog()
        try await DataPlane.with(log: log) { plane in
            let wire = try plane.connect()
            try wire.send(
                Request.event("1") + "GET / HTTP/1.1\r\nHost: h\r\n\r\n" + Request.event("2")
                    + "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n" + Request.event("3"))
            try await log.waitForHeld(3)
            log.commit()
            var answers: [String] = []
            for _ in 0..<5 {
                let answer = try wire.receive()
                answers.append(answer["apus-position"] ?? "\(answer.status)")
            }
            #expect(answers == ["0:0", "405", "0:1", "200", "0:2"])
        }
    }

    @Test func `reads no further while too many answers are owed`() async throws {
        let log = HeldLog()
        var limits = DataPlaneLimits()
        limits.pipelinedRequestsMax = 2
        try await DataPlane.with(log: log, limits: limits) { plane in
            let wire = try plane.connect()
            try wire.send((1...5).map { Request.event("\($0)") }.joined())
            for (taken, offset) in [(2, 0), (2, 2), (1, 4)] {
                try await log.waitForHeld(taken)
                #expect(log.held.count == taken)
                log.commit()
                for index in 0..<taken { #expect(try wire.receive()["apus-position"] == "0:\(offset + index)") }
            }
        }
    }

    @Test func `stays after a refusal, and drops the refused body`() async throws {
        try await DataPlane.with(log: DataPlane.memoryLog()) { plane in
            let wire = try plane.connect()
            let evil = Request.event("evil")
            try wire.send("POST /nope HTTP/1.1\r\nHost: h\r\nContent-Length: \(evil.utf8.count)\r\n\r\n\(evil)")
            #expect(try wire.receive().status == 400)
            try wire.send("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
            #expect(try wire.receive().status == 405)
            try wire.send("POST /default/default HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc")
            #expect(try wire.receive().status == 400)
            try wire.send(Request.event("1"))
            #expect(try wire.receive()["apus-position"] == "0:0")
        }
    }

    @Test(arguments: [
        ("POST /default/default HTTP/1.1\r\n\r\n", 400),
        ("POST /default/default HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST /default/default HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\n\r\n", 413),
        ("POST /default/default HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n", 413),
        ("POST /default/default HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 9999999\r\n\r\n", 413),
        ("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n", 404),
        ("POST / HTTP/1.1\r\nHost: h\r\nX: " + String(repeating: "x", count: 131_072), 431),
        ("POST / HTTP/2.0\r\nHost: h\r\n\r\n", 505),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        ("POST / HTTP/1.1\r\nHost: h\r\nExpect: tea\r\n\r\n", 417),
        ("POST /" + String(repeating: "x", count: 9000) + " HTTP/1.1\r\nHost: h\r\n\r\n", 414),
    ])
    func `closes behind a refusal after which nothing can be told apart`(_ request: String, _ status: Int) async throws {
        try await DataPlane.with(log: HeldLog()) { plane in
            let wire = try plane.connect()
            try wire.send(request + "garbage that nobody reads")
            let answer = try wire.receive()
            #expect(answer.status == status, "\(answer.body)")
            #expect(answer["connection"] == "close")
            #expect(try wire.isClosed())
        }
    }

    @Test func `takes a batch up to its own bound`() async throws {
        let head = "POST /default/default HTTP/1.1\r\nHost: h\r\nContent-Type: Application/CloudEvents-Batch+JSON\r\n"
        try await DataPlane.with(log: HeldLog()) { plane in
            let larger = try plane.ask(head + "Content-Length: 8388609\r\n\r\n")
            #expect(larger.status == 413)
            #expect(larger.body.contains("batch-too-large"))
            let wire = try plane.connect()
            try wire.send(head + "Expect: 100-continue\r\nContent-Length: 8388608\r\n\r\n")
            #expect(try wire.receive().status == 100)
        }
    }

    @Test func `tells a client that waits to go on, and then takes the event`() async throws {
        try await DataPlane.with(log: DataPlane.memoryLog()) { plane in
            let wire = try plane.connect()
            let event = Request.event("1", "Expect: 100-continue\r\n", body: "hello")
            try wire.send(String(event.dropLast(5)))
            #expect(try wire.receive().status == 100)
            try wire.send("hello")
            #expect(try wire.receive().status == 202)
        }
    }

    @Test func `closes when the client asks for it, and not before the answer`() async throws {
        let log = HeldLog()
        try await DataPlane.with(log: log) { plane in
            let wire = try plane.connect()
            try wire.send(Request.event("1", "Connection: close\r\n") + Request.event("2"))
            try await log.waitForHeld(1)
            log.commit()
            let answer = try wire.receive()
            #expect(answer.status == 202)
            #expect(answer["connection"] == "close")
            #expect(try wire.isClosed())
            #expect(log.held.isEmpty)
        }
    }

    @Test func `stays with HTTP/1.0 only where that is asked for`() async throws {
        try await DataPlane.with(log: HeldLog()) { plane in
            let wire = try plane.connect()
            try wire.send("OPTIONS * HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            #expect(try wire.receive()["connection"] == "keep-alive")
            try wire.send("OPTIONS * HTTP/1.0\r\n\r\n")
            #expect(try wire.receive()["connection"] == "close")
            #expect(try wire.isClosed())
        }
    }

    @Test func `answers a client that has closed its side`() async throws {
        let log = HeldLog()
        try await DataPlane.with(log: log) { plane in
            let wire = try plane.connect()
            try wire.send(Request.event("1") + Request.event("2"))
            wire.finish()
            try await log.waitForHeld(2)
            log.commit()
            #expect(try wire.receive().status == 202)
            #expect(try wire.receive().status == 202)
            #expect(try wire.isClosed())
        }
    }

    @Test func `answers HEAD without a body`() async throws {
        try await DataPlane.with(log: HeldLog()) { plane in
            let wire = try plane.connect()
            try wire.send("HEAD /a HTTP/1.1\r\nHost: h\r\n\r\nOPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n")
            #expect(try wire.receive(answersHead: true).status == 405)
            #expect(try wire.receive().status == 200)
        }
    }

    @Test func `is refused beyond the bound, and taken again once there is room`() async throws {
        var limits = DataPlaneLimits()
        limits.openConnectionsMax = 1
        try await DataPlane.with(log: HeldLog(), limits: limits) { plane in
            var first: Wire? = try plane.connect()
            try first?.send("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n")
            #expect(try first?.receive().status == 200)
            let second = try plane.connect()
            let refusal = try second.receive()
            #expect(refusal.status == 503)
            #expect(refusal["retry-after"] == "1")
            #expect(refusal.body.contains("too-many-connections"))
            #expect(try second.isClosed())
            second.finish()
            first = nil
            // The server learns of the first one's end in its own time.
            var status = 503
            while status == 503 {
                try Task.checkCancellation()
                status = (try? plane.ask("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n").status) ?? 503
            }
            #expect(status == 200)
        }
    }

    @Test func `comes to its end when the node stops: what came in is answered, and no more is taken`() async throws {
        let log = HeldLog()
        try await DataPlane.with(log: log, host: DataPlane.ownHost) { plane in
            let idle = try plane.connect()
            try idle.send("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n")
            #expect(try idle.receive().status == 200)
            let busy = try plane.connect()
            try busy.send(Request.event("1"))
            try await log.waitForHeld(1)
            async let stopped: Void = plane.server.stop(grace: .seconds(20))
            #expect(try await idle.isClosedSoon())
            log.commit()
            let answer = try busy.receive()
            #expect(answer.status == 202)
            #expect(answer["connection"] == "close")
            busy.finish()
            #expect(try await busy.isClosedSoon())
            try await stopped
            #expect(throws: WireError.self) { try plane.connect() }
            #expect(log.held.isEmpty)
        }
    }
}
