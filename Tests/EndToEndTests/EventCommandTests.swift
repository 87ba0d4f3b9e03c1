import Foundation
import Specs
import TestSupport
import Testing

/// `apus events` and `apus try`, and the routes that they ask, as a user meets them.
@Suite(.timeLimit(.minutes(5)), .serialized) struct `Reading the log` {
    private struct Command: Decodable, Sendable {
        let name: String
        let arguments: [String]
        let stdout: String?
        let stderr: String?
        let exit: Int32?
    }

    private struct Route: Decodable, Sendable {
        let name: String
        let broker: String?
        let path: String
        let header: String?
        let body: String?
        let status: Int
        let error: String?
        let field: String?
        let says: String?
        let text: String?
    }

    private let files = Specs.directory.appendingPathComponent("cli/files").path

    /// A node with the events that `specs/cli/events.yaml` lists.
    private func node(_ folder: TemporaryFolder) async throws -> ApusProcess {
        let manifest = try folder.write(Manifest.broker() + Manifest.broker("second"), to: "brokers.yaml")
        let apus = try await ApusProcess.serve(data: "\(folder.path)/data", manifests: [manifest])
        func binary(_ id: String, _ source: String, _ type: String, _ more: [(String, String)], _ body: String) async throws {
            let headers = [("ce-specversion", "1.0"), ("ce-id", id), ("ce-source", source), ("ce-type", type)] + more
            try await post(headers, body, apus)
        }
        try await binary("o-1", "/shop", "order.created", [("content-type", "application/json")], #"{"total":7}"#)
        try await binary("o-1", "/shop", "order.paid", [("ce-subject", "4711")], "")
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        try await binary(
            "n-1", "/desk", "note", [("content-type", "text/plain"), ("traceparent", trace)], "first\nsecond\twith a tab")
        let json = [("content-type", "application/cloudevents+json")]
        try await post(
            json, #"{"specversion":"1.0","id":"o-2","source":"/shop","type":"order.created","data":{"total":8}}"#, apus)
        let odd = #"{"specversion":"1.0","id":"e\u20661","source":"/desk","type":"odd","subject":"a\u202eü b"}"#
        try await post(json, odd, apus)
        return apus
    }

    private func post(_ headers: [(String, String)], _ body: String, _ apus: ApusProcess) async throws {
        let reply = try await HTTPExchange.send(
            port: apus.dataPort, method: "POST", path: "/default/default", headers: headers, body: Array(body.utf8))
        #expect(reply.status == 202, "\(reply.bodyText)")
    }

    /// With every moment as one that stands for all.
    private func timeless(_ text: String) -> String {
        text.replacing(#/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/#, with: "YYYY-MM-DDTHH:MM:SS.mmmZ")
    }

    @Test func `prints what the vectors say`() async throws {
        let folder = try TemporaryFolder()
        let apus = try await node(folder)
        let script = #"cd "$1" && out="$2" && shift 2 && exec "$@" < /dev/null > "$out/stdout" 2> "$out/stderr""#
        for vector in Specs.vectors("cli/events.yaml", as: Command.self) {
            let process = try ChildProcess(
                "/bin/sh", ["-c", script, "sh", files, folder.path, ApusProcess.binary] + vector.arguments,
                environment: ["APUS_SERVER": apus.adminURL, "COLUMNS": "500"])
            #expect(try await process.waitForEnd() == .exit(vector.exit ?? 0), "\(vector.name)")
            let (output, errors) = try (text("stdout", folder), text("stderr", folder))
            #expect(timeless(output) == (vector.stdout ?? ""), "\(vector.name)")
            #expect(timeless(errors) == (vector.stderr ?? ""), "\(vector.name)")
        }
    }

    private func text(_ name: String, _ folder: TemporaryFolder) throws -> String {
        try String(contentsOfFile: "\(folder.path)/\(name)", encoding: .utf8)
    }

    @Test func `answers as the vectors of its routes say`() async throws {
        let apus = try await node(try TemporaryFolder())
        for vector in Specs.vectors("history/routes.yaml", as: Route.self) {
            let header = vector.header.map { $0.split(separator: ":", maxSplits: 1).map { String($0) } }
            let reply = try await HTTPExchange.send(
                port: apus.adminPort, method: vector.body == nil ? "GET" : "POST",
                path: "/v1/namespaces/default/brokers/\(vector.broker ?? "default")\(vector.path)",
                headers: header.map { [($0[0], $0[1].trimmingCharacters(in: .whitespaces))] } ?? [],
                body: Array((vector.body ?? "").utf8))
            #expect(reply.status == vector.status, "\(vector.name): \(reply.bodyText)")
            if let text = vector.text { #expect(reply.bodyText == text, "\(vector.name)") }
            guard vector.status >= 400 else { continue }
            let document = try JSONSerialization.jsonObject(with: Data(reply.body)) as? [String: String] ?? [:]
            #expect(document["error"] == vector.error, "\(vector.name)")
            #expect((document["field"] ?? "") == (vector.field ?? ""), "\(vector.name)")
            let message = try #require(document["message"])
            #expect(vector.says.map { message.contains($0) } ?? true, "\(vector.name): \(message)")
        }
    }

    @Test func `takes a day's begin where the person is`() async throws {
        let folder = try TemporaryFolder()
        let apus = try await node(folder)
        for (zone, hours) in [("UTC", 0), ("Asia/Tokyo", 9), ("America/Bogota", -5)] {
            let run = try await ApusProcess.run(
                ["try", "-f", "\(files)/created.yaml", "-b", "second", "--since", "today", "--server", apus.adminURL],
                environment: ["TZ": zone])
            let line = run.lines.first ?? ""
            let since = try #require(line.firstMatch(of: #/since (\S+Z) /#)?.output.1, "\(run.lines)")
            let midnight = try Date(String(since), strategy: .iso8601).timeIntervalSince1970
            #expect((Int(midnight) + hours * 3600).isMultiple(of: 86_400), "\(zone): \(since)")
            #expect((0..<90_000).contains(time(nil) - Int(midnight)))
        }
    }
}
