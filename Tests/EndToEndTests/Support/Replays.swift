import Foundation
import TestSupport

/// The replays of a running node, through its resource API.
struct Replays: Sendable {
    /// What a test reads of a Replay.
    struct Document: Decodable, Sendable {
        struct Status: Decodable, Sendable {
            struct Condition: Decodable, Sendable {
                var type: String
                var status: String
                var reason: String?
                var message: String?
            }

            var state: String?
            var from: String?
            var until: String?
            var position: String?
            var counted: Int?
            var scanned: Int?
            var delivered: Int?
            var failed: Int?
            var startedAt: String?
            var completionTime: String?
            var conditions: [Condition]?
        }

        var status: Status?

        /// The message of the condition `Succeeded`.
        var message: String { status?.conditions?.first { $0.type == "Succeeded" }?.message ?? "" }

        func condition(_ type: String) -> Status.Condition? { status?.conditions?.first { $0.type == type } }
    }

    private static let path = "/apis/apus.dev/v1alpha1/namespaces/default/replays"
    let port: Int

    init(_ apus: ApusProcess) { port = apus.adminPort }

    /// `spec` as the members of a JSON object, e.g. `"trigger": "t", "from": "0:5"`; the broker is `default`.
    func post(_ name: String, _ spec: String, broker: String = "default", query: String = "") async throws -> HTTPReply {
        let members = spec.isEmpty ? "" : ", \(spec)"
        let body = """
            {"apiVersion": "apus.dev/v1alpha1", "kind": "Replay", "metadata": {"name": "\(name)"},
             "spec": {"broker": "\(broker)"\(members)}}
            """
        return try await HTTPExchange.send(
            port: port, method: "POST", path: Self.path + query, headers: [("content-type", "application/json")],
            body: Array(body.utf8), upTo: .seconds(30))
    }

    /// Makes one that is not refused.
    @discardableResult
    func make(_ name: String, _ spec: String) async throws -> Document {
        try Self.document(try await post(name, spec), expecting: 201)
    }

    func patch(_ name: String, _ spec: String) async throws -> HTTPReply {
        try await HTTPExchange.send(
            port: port, method: "PATCH", path: "\(Self.path)/\(name)",
            headers: [("content-type", "application/merge-patch+json")],
            body: Array(#"{"spec": {\#(spec)}}"#.utf8))
    }

    /// Changes one, and is not refused.
    @discardableResult
    func change(_ name: String, _ spec: String) async throws -> Document {
        try Self.document(try await patch(name, spec), expecting: 200)
    }

    func delete(_ name: String) async throws -> HTTPReply {
        try await HTTPExchange.send(port: port, method: "DELETE", path: "\(Self.path)/\(name)")
    }

    func get(_ name: String) async throws -> HTTPReply {
        try await HTTPExchange.send(port: port, path: "\(Self.path)/\(name)")
    }

    func document(_ name: String) async throws -> Document { try Self.document(try await get(name), expecting: 200) }

    /// Waits until a replay is in a state, and gives it as it is then.
    @discardableResult
    func wait(for state: String, of name: String, upTo limit: Duration = .seconds(30)) async throws -> Document {
        var last: Document?
        do {
            try await Patience.wait(for: "Replay \(name) to be \(state)", upTo: limit, every: .milliseconds(20)) {
                last = try await document(name)
                return last?.status?.state == state
            }
        } catch let lost as Patience.Lost {
            throw Patience.Lost(description: "\(lost.description); it is \(last.map { "\($0)" } ?? "not there")")
        }
        guard let last else { throw Patience.Lost(description: "no document of Replay \(name)") }
        return last
    }

    static func document(_ reply: HTTPReply, expecting status: Int) throws -> Document {
        guard reply.status == status else {
            throw Patience.Lost(description: "expected \(status), was \(reply.status): \(reply.bodyText)")
        }
        return try JSONDecoder().decode(Document.self, from: Data(reply.body))
    }
}

extension Subscriber {
    /// What a replay has brought, in the order in which it came.
    func replayed(by name: String) -> [SubscriberRequest] { requests.filter { $0.header("ce-apusreplay") == name } }

    /// The ids of what a replay has brought, each where it came first.
    func replayedIDs(by name: String) -> [String] {
        var seen: Set<String> = []
        return replayed(by: name).compactMap(\.id).filter { seen.insert($0).inserted }
    }
}
