import Foundation
import Specs
import TestSupport
import Testing

/// `apus why` in the situations that people ask about: a real node, real subscribers, and what the command prints.
///
/// What differs from run to run stands as TIME, DURATION, (in WAIT) and HOST in what is expected.
@Suite(.timeLimit(.minutes(5)), .serialized) struct `apus why` {
    @Test func `answers as its vectors say`() async throws {
        let folder = try TemporaryFolder()
        let subscriber = try await Subscriber.start { request, _ in Situations.answer(request) }
        let manifest = try folder.write(Situations.manifests(subscriber.url), to: "all.yaml")
        let apus = try await ApusProcess.serve(data: "\(folder.path)/data", manifests: [manifest])
        for event in Situations.events { #expect(try await Situations.post(event, to: apus) == event.status, "\(event.id)") }
        let replay = try await ApusProcess.run(
            ["replay", "--broker", "replayed", "--from", "earliest", "--name", "again", "--server", apus.adminURL])
        #expect(replay.end == .exit(0), "\(replay.lines)")
        for vector in Specs.vectors("cli/why.yaml", as: CommandVector.self) {
            let expected = (vector.stdout ?? "") + (vector.stderr ?? "")
            var printed = "", end: ChildProcess.End?
            // What became of an event is known once its outcome is committed.
            try? await Patience.wait(for: vector.name, upTo: .seconds(20)) {
                let run = try await ApusProcess.run(vector.arguments, environment: ["APUS_SERVER": apus.adminURL])
                printed = Self.steady(run.lines)
                end = run.end
                return printed == expected
            }
            #expect(printed == expected, "\(vector.name)")
            #expect(end == .exit(vector.exit ?? 0), "\(vector.name)")
        }
        for trigger in ["exhausted-billing", "filtered-audit", "paused-orders"] {
            let explain = ["explain", "trigger", trigger, "--effective"]
            let ofNode = try await ApusProcess.run(explain + ["--server", apus.adminURL])
            let ofFiles = try await ApusProcess.run(explain + ["-f", manifest])
            #expect(ofNode.end == .exit(0) && ofNode.lines.count > 20)
            #expect(ofNode.lines == ofFiles.lines, "a node and its files say the same")
        }
        #expect(try await apus.stop() == .exit(0))
    }

    @Test func `gives JSON, by position and by id, and says what it does not know`() async throws {
        let folder = try TemporaryFolder()
        let manifest = try folder.write(Manifest.broker(), to: "all.yaml")
        let apus = try await ApusProcess.serve(data: "\(folder.path)/data", manifests: [manifest])
        for id in ["0", "twice", "twice"] {
            _ = try await Situations.post(Situations.Event(id, to: "default"), to: apus)
        }
        let byPosition = try await why(["0:1", "-o", "json"], apus), byID = try await why(["0", "--id", "-o", "json"], apus)
        #expect(try field("id", of: byPosition) == ["twice"])
        #expect(try field("id", of: byID) == ["0"])
        // Digits are an id where one is that, and else a position.
        #expect(try field("id", of: try await why(["0", "-o", "json"], apus)) == ["0"])
        #expect(try field("position", of: try await why(["2", "-o", "json"], apus)) == ["0:2"])
        #expect(try field("position", of: try await why(["twice", "-o", "json"], apus)) == ["0:1", "0:2"])
        let path = "/v1/namespaces/default/brokers/default/events"
        let route = try await HTTPExchange.send(port: apus.adminPort, path: "\(path)/0:2/passport")
        #expect(route.status == 200)
        #expect(try await HTTPExchange.send(port: apus.adminPort, path: "\(path)/0:9/passport").status == 404)
        #expect(try await HTTPExchange.send(port: apus.adminPort, path: "\(path)/first/passport").status == 400)
        #expect(try await HTTPExchange.send(port: apus.adminPort, path: "/v1/why").status == 400)
        #expect(try await HTTPExchange.send(port: apus.adminPort, path: "/v1/why?id=0&nonsense=1").status == 400)
        try await apus.stop()
    }

    private func why(_ arguments: [String], _ apus: ApusProcess) async throws -> String {
        let run = try await ApusProcess.run(["why"] + arguments, environment: ["APUS_SERVER": apus.adminURL])
        #expect(run.end == .exit(0), "\(run.lines)")
        return run.lines.joined(separator: "\n")
    }

    private func field(_ name: String, of text: String) throws -> [String] {
        struct Found: Decodable {
            var passports: [[String: Value]]
        }
        enum Value: Decodable {
            case text(String)
            case other
            init(from decoder: any Decoder) throws {
                self = (try? decoder.singleValueContainer().decode(String.self)).map(Value.text) ?? .other
            }
        }
        return try JSONDecoder().decode(Found.self, from: Data(text.utf8)).passports.compactMap {
            if case .text(let text)? = $0[name] { text } else { nil }
        }
    }

    /// With placeholders for what differs from run to run.
    private static func steady(_ lines: [String]) -> String {
        lines.map { line in
            var text = line.replacing(#/\d{4}-\d\d-\d\dT[\d:.]+Z/#, with: "TIME")
            text = text.replacing(#/\(in [^)]*\)/#, with: "(in WAIT)").replacing(#/127\.0\.0\.1:\d+/#, with: "HOST")
            text = text.replacing(#/\d+(\.\d+)? (µs|ms|s)( +|$)/#, with: "DURATION ")
            while text.hasSuffix(" ") { text.removeLast() }
            return text + "\n"
        }.joined()
    }
}

/// What the vectors of `specs/cli/why.yaml` are asked about: a broker a situation.
enum Situations {
    struct Event: Sendable {
        var id: String
        var broker: String
        var status: Int
        var headers: [(String, String)]

        init(_ id: String, to broker: String, status: Int = 202, headers: [(String, String)] = []) {
            self.id = id
            self.broker = broker
            self.status = status
            self.headers = headers
        }
    }

    static let events = [
        Event("delivered", to: "delivered"), Event("by-attribute", to: "filtered"),
        Event("by-expression", to: "expression", headers: [("ce-region", "us")]), Event("retrying", to: "retrying"),
        Event("rejected", to: "rejected"), Event("exhausted", to: "exhausted"), Event("replied", to: "replied"),
        Event("looped", to: "replied", headers: [("ce-knativebrokerttl", "2")]), Event("before", to: "paused"),
        Event("paused", to: "paused"), Event("replayed", to: "replayed"),
        Event("refused", to: "nobody", status: 404),
    ]

    static func manifests(_ url: String) -> String {
        broker("delivered") + trigger("orders", of: "delivered", to: url)
            + broker("filtered") + trigger("orders", of: "filtered", to: url)
            + trigger("audit", of: "filtered", to: url, filters: "{exact: {type: com.example.audit}}")
            + broker("expression") + trigger("europe", of: "expression", to: url, filters: "{cesql: \"region = 'eu'\"}")
            + trigger("gold", of: "expression", to: url, filters: "{cesql: \"tier = 'gold'\"}")
            + broker("retrying")
            + trigger(
                "billing", of: "retrying", to: url + "down",
                delivery: "retry: 3, backoffPolicy: linear, backoffDelay: PT1H")
            + broker("rejected") + trigger("billing", of: "rejected", to: url + "invalid", delivery: "retry: 3")
            + broker("exhausted")
            + trigger(
                "billing", of: "exhausted", to: url + "down",
                delivery: "retry: 1, backoffDelay: PT0.01S, deadLetterSink: {uri: \"\(url)dead\"}")
            + broker("replied") + trigger("answers", of: "replied", to: url + "reply", filters: "{exact: {type: t}}")
            + broker("paused") + trigger("orders", of: "paused", to: url, annotations: "apus.dev/paused: \"true\"")
            + broker("replayed") + trigger("orders", of: "replayed", to: url)
    }

    private static func broker(_ name: String) -> String { Manifest.broker(name) }

    private static func trigger(
        _ name: String, of broker: String, to url: String, filters: String = "", annotations: String = "", delivery: String = ""
    ) -> String {
        """
        apiVersion: eventing.knative.dev/v1
        kind: Trigger
        metadata: {name: \(broker)-\(name), annotations: {\(annotations)}}
        spec:
          broker: \(broker)
          filters: [\(filters)]
          subscriber: {uri: "\(url)"}
          delivery: {\(delivery)}
        ---

        """
    }

    static func answer(_ request: SubscriberRequest) -> SubscriberAnswer {
        switch request.path {
        case "/down": .status(503, body: Array("out of order".utf8))
        case "/invalid": .status(400, body: Array("there is no such order\n".utf8))
        case "/reply": .reply(id: "reply-to-\(request.id ?? "")", type: "reply")
        default: .status(202)
        }
    }

    static func post(_ event: Event, to apus: ApusProcess) async throws -> Int {
        try await HTTPExchange.send(
            port: apus.dataPort, method: "POST", path: "/default/\(event.broker)",
            headers: [("ce-specversion", "1.0"), ("ce-id", event.id), ("ce-type", "t"), ("ce-source", "/shop")]
                + event.headers
        ).status
    }
}
