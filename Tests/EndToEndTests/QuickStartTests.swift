import ApusPorts
import CloudEvents
import Foundation
import Specs
import Testing

/// What the README shows: the example manifests, an event that matches, one that fails.
@Suite(.timeLimit(.minutes(3)), .serialized) struct `The example manifests` {
    @Test func `deliver by filter, retry on schedule, and dead-letter with the three attributes`() async throws {
        let folder = try TemporaryFolder()
        let subscriber = try await Subscriber.start()
        let failing = try await Subscriber.start { _, _ in .status(503, body: Array("out of order".utf8)) }
        // The examples name fixed ports: each becomes one of this test.
        for file in Specs.files(below: "examples") {
            let text = try String(contentsOf: file, encoding: .utf8)
                .replacing("http://127.0.0.1:9090", with: "http://127.0.0.1:\(subscriber.port)")
                .replacing("http://127.0.0.1:9091", with: "http://127.0.0.1:\(failing.port)")
                // A tick would count among the events of this test.
                .replacing("schedule: \"* * * * *\"", with: "schedule: \"0 0 29 2 *\"")
            try folder.write(text, to: "m/\(file.lastPathComponent)")
        }
        let apus = try await ApusProcess.serve(data: "\(folder.path)/data", manifests: ["\(folder.path)/m"])

        let matched = try await post("1", type: "com.example.order.created", apus)
        #expect(matched.status == 202)
        #expect(matched.header("Apus-Position") == "0:0")
        #expect(matched.header("Apus-Matched") == "1")
        try await subscriber.waitForRequests(1)
        let delivery = try #require(subscriber.requests.first)
        #expect(delivery.path == "/orders")
        #expect(delivery.header("ce-id") == "1" && delivery.body == Array(#"{"total":42}"#.utf8))
        #expect(delivery.header("Prefer") == "reply" && delivery.header("Kn-Namespace") == "default")

        let unmatched = try await post("2", type: "com.example.nobody", apus)
        #expect(unmatched.header("Apus-Matched") == "0")

        #expect(try await post("3", type: "com.example.broken", apus).status == 202)
        try await subscriber.waitForRequests(2)
        let letter = try #require(subscriber.requests.last)
        #expect(letter.path == "/dead-letters")
        #expect(letter.header("ce-id") == "3")
        #expect(letter.header("ce-knativeerrordest") == "http://127.0.0.1:\(failing.port)/")
        #expect(letter.header("ce-knativeerrorcode") == "503")
        #expect(letter.header("ce-knativeerrordata") == Base64.encode(Array("out of order".utf8)))
        let times = failing.requests.map(\.at)
        #expect(times.count == 4)
        // PT0.5S, exponential, ±10 %: 1, 2 and 4 seconds; what a busy machine adds is later, never sooner.
        let waits = zip(times.dropFirst(), times).map { ($0 - $1) / .seconds(1) }
        for (wait, planned) in zip(waits, [1.0, 2.0, 4.0]) { #expect(wait >= planned * 0.9 && wait < planned * 1.1 + 1) }
        #expect(subscriber.requests.count == 2, "an event came to a trigger that does not match it")
        let labels = #"namespace="default",broker="default",trigger="broken",reason="retries-exhausted""#
        #expect(try await apus.metric("apus_trigger_dead_lettered_total{\(labels)}") == 1)
        #expect(try await apus.stop() == .exit(0))
    }

    private func post(_ id: String, type: String, _ apus: ApusProcess) async throws -> HTTPReply {
        try await HTTPExchange.send(
            port: apus.dataPort, method: "POST", path: "/default/default",
            headers: [
                ("ce-specversion", "1.0"), ("ce-id", id), ("ce-type", type), ("ce-source", "/shop"),
                ("content-type", "application/json"),
            ], body: Array(#"{"total":42}"#.utf8))
    }
}
