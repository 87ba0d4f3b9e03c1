import ApusResources
import CloudEvents
import Specs
import Synchronization
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// `apus replay` as a user meets it: the real binary against a control plane that a script plays.
@Suite(.timeLimit(.minutes(5)), .serialized) struct `The command replay` {
    private struct Vector: Decodable, Sendable {
        let name: String
        let arguments: [String]
        let output: String
    }

    @Test func `refuses flags that cannot be, in their own words`() async throws {
        for vector in Specs.vectors("cli/replay.yaml", as: Vector.self) {
            // A port that nobody listens at: what gets through would say that.
            let run = try await ApusProcess.run(
                ["replay"] + vector.arguments, environment: ["APUS_SERVER": "http://127.0.0.1:1"])
            #expect(run.end == .exit(64), "\(vector.name)")
            let output = run.lines.joined(separator: "\n")
            #expect(output.hasPrefix(vector.output), "\(vector.name): \(output)")
        }
    }

    @Test func `says how to reach a node that does not answer`() async throws {
        let run = try await ApusProcess.run(["replay", "--broker", "b", "--server", "http://127.0.0.1:1"])
        #expect(run.end == .exit(1))
        #expect(run.lines.first?.hasPrefix("Error: http://127.0.0.1:1 does not answer: ") == true)
        #expect(run.lines.first?.contains("Is `apus serve` running?") == true)
    }

    @Test(arguments: [
        (["a", "b"], ["--from", "-1h"], "Error: namespace default has the brokers a, b: name one of them with --broker"),
        ([], [], "Error: there is no broker in namespace default; apus get brokers -A lists them"),
        (["a"], ["--trigger", "x"], "Error: there is no trigger x in namespace default; apus get triggers -A lists them"),
    ])
    func `asks which broker is meant where that is not clear`(brokers: [String], flags: [String], message: String) async throws {
        let node = try await FakeControlPlane.start(brokers: brokers)
        let run = try await node.run(flags)
        #expect(run.end == .exit(1))
        #expect(run.lines == [message])
        #expect(node.bodies("POST").isEmpty)
    }

    @Test func `creates what its flags say, at the trigger's broker, and detaches`() async throws {
        let node = try await FakeControlPlane.start(brokers: ["a", "b"], triggers: [("orders", "b")])
        let run = try await node.run([
            "--trigger", "orders", "--from", "0:12", "--until", "2026-11-21T10:30:00Z", "--filter", "type=t", "--filter",
            "INT(total) > 5", "--rate", "2.5", "--max-in-flight", "3", "--detach",
        ])
        #expect(run.end == .exit(0))
        #expect(
            run.lines == [
                "replay again has begun; apus replay watch again shows how far it is, apus replay cancel again ends it"
            ])
        let body = try #require(node.bodies("POST").first)
        #expect(body["metadata"]?["generateName"]?.text == "replay-")
        #expect(body["metadata"]?["name"] == nil)
        let spec = #"""
            {"broker":"b","trigger":"orders","from":"0:12","until":"2026-11-21T10:30:00Z","filters":[{"exact":{"type":"t"}},
            {"cesql":"INT(total) > 5"}],"rate":2.5,"maxInFlight":3}
            """#
        #expect(body["spec"]?.json() == spec.replacing("\n", with: ""))
    }

    @Test func `sends to a URL what it would send to triggers, and a name that is given`() async throws {
        let node = try await FakeControlPlane.start(brokers: ["only"])
        let run = try await node.run(["--to", "http://127.0.0.1:9/x", "--name", "mine", "--detach", "-o", "json"])
        #expect(run.end == .exit(0))
        let body = try #require(node.bodies("POST").first)
        #expect(body["metadata"]?["name"]?.text == "mine")
        #expect(body["spec"]?["sink"]?.json() == #"{"uri":"http://127.0.0.1:9/x"}"#)
        #expect(body["spec"]?["broker"]?.text == "only")
        #expect(try JSONReader.document(Array(run.lines.joined().utf8))["kind"]?.text == "Replay")
    }

    @Test func `shows how far it is, and ends as the replay does`() async throws {
        for (state, exit) in [(ReplayState.completed, Int32(0)), (.failed, 1), (.cancelled, 1)] {
            let node = try await FakeControlPlane.start(brokers: ["b"]) { asked in
                ReplayStatus(
                    state: asked < 3 ? .running : state, from: "0:0", until: "0:9", position: "0:4", counted: 8, delivered: 4,
                    message: state == .failed && asked >= 3 ? "The sink is down." : "")
            }
            let run = try await node.run([])
            #expect(run.end == .exit(exit))
            #expect(run.lines.first == "again: running, 4 of 8 delivered (50%)")
            switch state {
            case .failed:
                #expect(
                    run.lines.suffix(2) == [
                        "again: failed, 4 of 8 delivered: The sink is down. [0:0 to 0:9]",
                        "apus replay resume again goes on at 0:4",
                    ])
            default: #expect(run.lines.last == "again: \(state.rawValue), 4 of 8 delivered [0:0 to 0:9]")
            }
        }
    }

    @Test func `leaves the replay running on Ctrl-C, and says how to go on`() async throws {
        let node = try await FakeControlPlane.start(brokers: ["b"]) { _ in ReplayStatus(state: .running, counted: 8) }
        let process = try ChildProcess(ApusProcess.binary, ["replay", "watch", "again", "-n", "shop", "--server", node.url])
        try await Patience.wait(for: "the first line", upTo: .seconds(30)) { !process.lines.isEmpty }
        process.signal(SIGINT)
        #expect(try await process.waitForEnd() == .exit(130))
        #expect(
            process.lines.last
                == "replay again goes on: apus replay watch again -n shop shows how far it is, "
                + "apus replay cancel again -n shop ends it"
        )
        #expect(node.methods == Set(["GET"]))
    }

    @Test func `counts in a dry run, and makes nothing`() async throws {
        let node = try await FakeControlPlane.start(brokers: ["b"])
        let run = try await node.run(["--from", "0:1", "--dry-run"])
        #expect(run.end == .exit(0))
        #expect(run.lines.first == "2 of the 8 events from 0:1 until 0:9 would be sent")
        let json = try await node.run(["--dry-run", "-o", "json"])
        #expect(try JSONReader.document(Array(json.lines.joined().utf8))["kind"]?.text == "ReplaySurvey")
        #expect(node.paths("POST").allSatisfy { $0.hasSuffix("/replays?dryRun=All") })
    }

    @Test(arguments: [
        ("pause", #"{"spec":{"paused":true}}"#, "replay again is paused at 0:4; apus replay resume again goes on there"),
        ("resume", #"{"spec":{"paused":false}}"#, "replay again goes on at 0:4; apus replay watch again shows how far it is"),
        ("cancel", #"{"spec":{"cancelled":true}}"#, "replay again is cancelled at 0:4, 4 delivered"),
    ])
    func `changes one`(verb: String, body: String, line: String) async throws {
        let node = try await FakeControlPlane.start(brokers: ["b"]) { _ in
            ReplayStatus(state: .running, position: "0:4", delivered: 4, startedAt: .init(nanoseconds: 0))
        }
        let run = try await node.run([verb, "again"])
        #expect(run.end == .exit(0))
        #expect(run.lines == [line])
        #expect(node.bodies("PATCH").map { $0.json() } == [body])
        #expect(node.types("PATCH") == ["application/merge-patch+json"])
    }

    @Test func `does not say that one goes on which is over`() async throws {
        let node = try await FakeControlPlane.start(brokers: ["b"]) { _ in ReplayStatus(state: .completed) }
        let run = try await node.run(["resume", "again"])
        #expect(run.end == .exit(1))
        #expect(run.lines == ["Error: replay again is completed, and does not go on: begin another"])
    }

    @Test func `lists, and deletes one`() async throws {
        let node = try await FakeControlPlane.start(brokers: ["b"]) { _ in ReplayStatus(state: .paused, counted: 8, delivered: 4)
        }
        let list = try await node.run(["list"])
        #expect(list.lines.first == "NAME   BROKER  TARGET        STATE   PROGRESS  AGE")
        #expect(
            list.lines.dropFirst().map { $0.split(separator: " ").prefix(6).joined(separator: " ") } == [
                "again b all triggers paused 4/8"
            ])
        let deleted = try await node.run(["delete", "again"])
        #expect(deleted.lines == ["replay again is deleted"])
        #expect(node.paths("DELETE") == ["/apis/apus.dev/v1alpha1/namespaces/default/replays/again"])
    }

    @Test func `passes on what the node refuses`() async throws {
        let node = try await FakeControlPlane.start(brokers: ["b"], refusal: "The log begins at 0:40.")
        let run = try await node.run(["--from", "0:1"])
        #expect(run.end == .exit(1))
        #expect(run.lines == ["Error: The log begins at 0:40."])
    }
}

/// A control plane with brokers, triggers and the replay `again`, whose status is what a closure says.
private final class FakeControlPlane: Sendable {
    private let server: Subscriber

    var url: String { "http://127.0.0.1:\(server.port)" }

    static func start(
        brokers: [String], triggers: [(name: String, broker: String)] = [], refusal: String? = nil,
        status: @escaping @Sendable (_ asked: Int) -> ReplayStatus = { _ in ReplayStatus(state: .running) }
    ) async throws -> FakeControlPlane {
        let asked = Mutex(0)
        let lists = [
            "brokers": try brokers.map { try resource("eventing.knative.dev/v1", "Broker", $0, "{}") },
            "triggers": try triggers.map {
                try resource(
                    "eventing.knative.dev/v1", "Trigger", $0.name, #"{"broker":"\#($0.broker)","subscriber":{"uri":"http://a/"}}"#
                )
            },
        ]
        let server = try await Subscriber.start { request, _ in
            guard let kind = request.path.split(separator: "/").first(where: { ["brokers", "triggers"].contains($0) }) else {
                if request.method == "POST", let refusal { return answer(422, #"{"kind":"Status","message":"\#(refusal)"}"#) }
                if request.path.hasSuffix("?dryRun=All") {
                    return answer(200, #"{"kind":"ReplaySurvey","from":"0:1","until":"0:9","scanned":8,"matched":2}"#)
                }
                let count = asked.withLock { count in
                    count += 1
                    return count
                }
                let replay = Replay(
                    metadata: ObjectMeta(name: "again"), spec: ReplaySpec(broker: "b"), status: status(count))
                let text = replay.document().json()
                let isList = request.method == "GET" && request.path.hasSuffix("/replays")
                return answer(request.method == "POST" ? 201 : 200, isList ? #"{"items":[\#(text)]}"# : text)
            }
            let items = lists[String(kind)] ?? []
            return answer(200, DocumentNode.mapping([("items", .sequence(items))]).json())
        }
        return FakeControlPlane(server)
    }

    private init(_ server: Subscriber) { self.server = server }

    func run(_ arguments: [String]) async throws -> (end: ChildProcess.End, lines: [String]) {
        try await ApusProcess.run(["replay"] + arguments, environment: ["APUS_SERVER": url])
    }

    var methods: Set<String> { Set(server.requests.map(\.method)) }
    func paths(_ method: String) -> [String] { requests(method).map(\.path) }
    func types(_ method: String) -> [String?] { requests(method).map { $0.header("content-type") } }
    func bodies(_ method: String) -> [DocumentNode] { requests(method).compactMap { try? JSONReader.document($0.body) } }

    private func requests(_ method: String) -> [SubscriberRequest] { server.requests.filter { $0.method == method } }

    private static func answer(_ status: Int, _ json: String) -> SubscriberAnswer {
        .status(status, headers: [("content-type", "application/json")], body: Array(json.utf8))
    }

    private static func resource(_ apiVersion: String, _ kind: String, _ name: String, _ spec: String) throws -> DocumentNode {
        try JSONReader.document(
            Array(#"{"apiVersion":"\#(apiVersion)","kind":"\#(kind)","metadata":{"name":"\#(name)"},"spec":\#(spec)}"#.utf8))
    }
}
