import ApusPorts
import ApusTesting
import CloudEvents
import Testing

@testable import ApusIntake
@testable import ApusServer

@Suite(.timeLimit(.minutes(1))) struct `A refused request` {
    /// A request, and the ids under which its refusal is found.
    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var request: String
        var status: Int
        var code: ErrorCode
        var ids: [String]
        var broker = "default"
    }

    static let cases = [
        Case(
            testDescription: "an unknown broker, in binary mode", request: Request.event("e1", path: "/default/nobody"),
            status: 404,
            code: .unknownBroker, ids: ["e1"], broker: "nobody"),
        Case(
            testDescription: "no source, in binary mode",
            request: "POST /default/default HTTP/1.1\r\nHost: h\r\nce-specversion: 1.0\r\nce-id: a%20b\r\nce-type: t\r\n"
                + "Content-Length: 0\r\n\r\n", status: 400, code: .missingAttribute, ids: ["a b"]),
        Case(
            testDescription: "no source, in structured mode",
            request: structured(#"{"specversion":"1.0","id":"e2","type":"t"}"#), status: 400, code: .missingAttribute,
            ids: ["e2"]),
        Case(
            testDescription: "a batch with one bad event: all of it is refused",
            request: structured(
                #"[{"specversion":"1.0","id":"good","source":"/s","type":"t"},{"specversion":"1.0","id":"bad","type":"t"}]"#,
                type: "application/cloudevents-batch+json"), status: 400, code: .missingAttribute, ids: ["good", "bad"]),
        Case(
            testDescription: "a path that is no broker's", request: Request.event("e3", path: "/a/b/c"), status: 400,
            code: .malformedPath, ids: ["e3"], broker: ""),
        Case(
            testDescription: "an event that says itself that it is too large",
            request: "POST /default/default HTTP/1.1\r\nHost: h\r\nce-specversion: 1.0\r\nce-id: e4\r\nce-type: t\r\n"
                + "ce-source: /s\r\nContent-Length: 999999999\r\n\r\n", status: 413, code: .eventTooLarge, ids: ["e4"]),
        Case(
            testDescription: "no hops left",
            request: Request.event("e5", "ce-knativebrokerttl: 1\r\n"), status: 400, code: .hopsExhausted,
            ids: ["e5"]),
    ]

    private static func structured(_ body: String, type: String = "application/cloudevents+json") -> String {
        "POST /default/default HTTP/1.1\r\nHost: h\r\nContent-Type: \(type)\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    @Test(arguments: cases) func `is remembered under its event's id`(_ asked: Case) async throws {
        try await DataPlane.with(log: DataPlane.memoryLog()) { plane in
            let answer = try plane.ask(asked.request)
            #expect(answer.status == asked.status)
            for id in asked.ids {
                let found = plane.intake.refusals.refusals(ofID: id)
                #expect(found.map(\.refusal.code) == [asked.code], "\(id)")
                #expect(found.first?.broker == asked.broker)
            }
        }
    }

    @Test func `of garbage costs no memory, and an accepted event is not remembered`() async throws {
        try await DataPlane.with(log: DataPlane.memoryLog()) { plane in
            let (garbage, event) = (try plane.ask(Self.structured("{\"id\": \"e1\", ")), try plane.ask(Request.event("e1")))
            #expect(garbage.status == 400 && event.status == 202)
            #expect(plane.intake.refusals.refusals(ofID: "e1").isEmpty)
        }
    }
}
