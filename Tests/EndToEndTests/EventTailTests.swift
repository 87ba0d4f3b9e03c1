import Foundation
import TestSupport
import Testing

/// The live tail: server-sent events, and `apus events tail` that follows them through cuts.
@Suite(.timeLimit(.minutes(5)), .serialized) struct `A live tail of the log` {
    private let path = "/v1/namespaces/default/brokers/default/events"

    private func node(_ folder: TemporaryFolder, dataPort: Int = 0, adminPort: Int = 0) async throws -> ApusProcess {
        let manifest = try folder.write(Manifest.broker(), to: "broker.yaml")
        return try await ApusProcess.serve(
            data: "\(folder.path)/data", manifests: [manifest], dataPort: dataPort, adminPort: adminPort)
    }

    private func send(_ count: Int, _ prefix: String, to apus: ApusProcess, connections: Int = 1) async throws -> [LoadAnswer] {
        try await LoadClient(port: apus.dataPort, connections: connections, dataBytes: 64).send(count, ids: prefix)
    }

    /// A client that shows the stream's lines as they come.
    private func stream(_ apus: ApusProcess, _ query: String, lastID: String? = nil) throws -> ChildProcess {
        let header = lastID.map { ["-H", "Last-Event-ID: \($0)"] } ?? []
        return try ChildProcess(
            "/usr/bin/env",
            ["curl", "-sN", "-H", "Accept: text/event-stream"] + header + ["\(apus.adminURL)\(path)?data=false&\(query)"])
    }

    private func ids(_ lines: [String]) -> [String] {
        zip(lines, lines.dropFirst()).filter { $1.hasPrefix("data: ") }.map { String($0.0.dropFirst("id: ".count)) }
    }

    @Test func `begins at the end, says where that is, and goes on after the last id`() async throws {
        let apus = try await node(try TemporaryFolder())
        _ = try await send(3, "a", to: apus)
        let first = try stream(apus, "")
        try await Patience.wait(for: "the first id") { first.lines.contains("id: 0:2") }
        _ = try await send(2, "b", to: apus)
        try await Patience.wait(for: "two events") { ids(first.lines) == ["0:3", "0:4"] }
        first.signal(SIGKILL)
        _ = try await send(2, "c", to: apus)
        let second = try stream(apus, "", lastID: "0:3")
        try await Patience.wait(for: "what came meanwhile") { ids(second.lines) == ["0:4", "0:5", "0:6"] }
        let third = try stream(apus, "from=earliest&filter=id%20LIKE%20'b-%25'", lastID: "before-0:0")
        try await Patience.wait(for: "what matches") { ids(third.lines) == ["0:3", "0:4"] }
        #expect(third.lines.first == ": events from 0:0")
    }

    @Test func `is one of so many, gives its place back, and ends with the node`() async throws {
        let apus = try await node(try TemporaryFolder())
        var tails: [ChildProcess] = []
        for _ in 0..<64 { tails.append(try stream(apus, "")) }
        try await Patience.wait(for: "64 tails") { tails.allSatisfy { $0.lines.contains("retry: 1000") } }
        let refused = try await HTTPExchange.send(port: apus.adminPort, path: path + "?follow=true")
        #expect(refused.status == 429)
        #expect(refused.bodyText.contains("64 tails are open"))
        tails.removeFirst().signal(SIGKILL)
        var last: ChildProcess?
        try await Patience.wait(for: "a place", every: .milliseconds(100)) {
            let tail = try stream(apus, "")
            try await Patience.wait(for: "an answer") { !tail.lines.isEmpty }
            last = tail
            return tail.lines.contains("retry: 1000")
        }
        tails.append(try #require(last))
        #expect(try await apus.stop() == .exit(0))
        for tail in tails { #expect(try await tail.waitForEnd() == .exit(0)) }
    }

    @Test func `under load gives every event once and in order, while the node is killed`() async throws {
        let folder = try TemporaryFolder()
        var apus = try await node(folder)
        let ports = (apus.dataPort, apus.adminPort)
        let tail = try ChildProcess(
            ApusProcess.binary, ["events", "tail", "--from", "earliest", "-o", "jsonl", "--server", apus.adminURL])
        var accepted = 0
        for round in 0..<3 {
            let running = apus
            async let answers = send(1500, "r\(round)", to: running, connections: 4)
            if round < 2 {
                let seen = accepted
                try await Patience.wait(for: "events of round \(round)") { events(tail).count > seen + 200 }
                try await running.killNow()
            }
            accepted += try await answers.filter { $0.status == 202 }.count
            if round < 2 { apus = try await node(folder, dataPort: ports.0, adminPort: ports.1) }
        }
        let end = try await end(of: apus)
        #expect(end >= accepted)
        try await Patience.wait(for: "all \(end) events", upTo: .seconds(60)) { events(tail).count >= end }
        // Not the two lists themselves: what a failure prints would fill the screen.
        let first = zip(events(tail), (0..<end).map { "0:\($0)" }).first { $0 != $1 }
        #expect(first == nil)
        #expect(events(tail).count == end)
        #expect(tail.lines.contains { $0.hasPrefix("# ") && $0.contains("connecting again") })
        #expect(tail.end == nil, "a tail ends when a person ends it")
        tail.signal(SIGINT)
        _ = try await tail.waitForEnd()
    }

    private func events(_ tail: ChildProcess) -> [String] {
        tail.lines.compactMap {
            $0.hasPrefix(#"{"position":""#) ? $0.split(separator: "\"").dropFirst(3).first.map(String.init) : nil
        }
    }

    private func end(of apus: ApusProcess) async throws -> Int {
        let reply = try await HTTPExchange.send(port: apus.adminPort, path: path + "?limit=1")
        let document = try JSONSerialization.jsonObject(with: Data(reply.body)) as? [String: Any]
        let end = try #require(document?["end"] as? String)
        return try #require(Int(end.dropFirst(2)))
    }
}
