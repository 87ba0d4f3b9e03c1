import ApusControl
import ApusHTTP
import ApusResources
import Hummingbird
import Logging
import NIOPosix
import Synchronization
import Testing

@testable import ApusServer

/// A node that keeps Replays in memory, with what it was asked.
private final class FakeNode: Sendable {
    struct State {
        var replays: [String: DocumentNode] = [:]
        var asked: [String] = []
        /// Names that are refused as taken, whatever is there.
        var taken = 0
        /// Updates that somebody else came before.
        var overtaken = 0
        var seed: UInt64 = 0
    }

    let state = Mutex(State())

    var asked: [String] { state.withLock { $0.asked } }

    private func put(_ replay: Replay, _ verb: String) -> DocumentNode {
        state.withLock { state in
            state.asked.append("\(verb) \(replay.metadata.namespace)/\(replay.metadata.name)")
            let document = replay.document()
            state.replays["\(replay.metadata.namespace)/\(replay.metadata.name)"] = document
            return document
        }
    }

    var writer: ReplayWriter {
        ReplayWriter(
            current: { namespace, name in self.state.withLock { $0.replays["\(namespace)/\(name)"] } },
            create: { (replay) throws(ReplayRefusal) in
                let isTaken = self.state.withLock { state in
                    state.taken -= 1
                    return state.taken >= 0
                }
                if isTaken { throw ReplayRefusal(status: 409, reason: "AlreadyExists", message: "taken") }
                if replay.spec.broker == "none" {
                    throw ReplayRefusal(status: 422, reason: "Invalid", message: "there is no broker none", field: "spec.broker")
                }
                return self.put(replay, "create")
            },
            survey: { (replay) throws(ReplayRefusal) in
                .mapping([("kind", .string("ReplaySurvey")), ("broker", .string(replay.spec.broker))])
            },
            update: { (replay, namespace, name) throws(ReplayRefusal) in
                let isLate = self.state.withLock { state in
                    state.overtaken -= 1
                    return state.overtaken >= 0
                }
                if isLate {
                    throw ReplayRefusal(status: 409, reason: "Conflict", message: "late", field: "metadata.resourceVersion")
                }
                return self.put(replay, "update")
            },
            delete: { (namespace, name) throws(ReplayRefusal) in
                let old = self.state.withLock { $0.replays.removeValue(forKey: "\(namespace)/\(name)") }
                if old == nil { throw ReplayRefusal(status: 404, reason: "NotFound", message: "\(name) not found") }
            },
            seed: {
                self.state.withLock { state in
                    state.seed += 1
                    return state.seed
                }
            })
    }

    /// Serves the routes on a port of their own while `body` runs.
    func serving(_ body: @escaping @Sendable (ReplayWire) async throws -> Void) async throws {
        let router = Router()
        ReplayRoutes(kinds: ResourceKind.served, writer: writer).add(to: router)
        let (ports, told) = AsyncStream<Int>.makeStream()
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let application = Application(
            router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { told.yield($0.localAddress?.port ?? 0) }, logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await application.run() }
            var iterator = ports.makeAsyncIterator()
            let port = try #require(await iterator.next())
            let http = HTTPClient(group: MultiThreadedEventLoopGroup.singleton)
            try await body(ReplayWire(port: port, http: http))
            http.close()
            group.cancelAll()
        }
    }
}

/// A client that blocks no thread: the routes run on the pool that the tests run on.
private struct ReplayWire: Sendable {
    let port: Int
    let http: HTTPClient

    static let list = "/apis/apus.dev/v1alpha1/namespaces/shop/replays"
    static let again = #"{"apiVersion":"apus.dev/v1alpha1","kind":"Replay","metadata":{"name":"again"},"spec":{"broker":"b"}}"#

    func ask(
        _ method: String, _ path: String, _ body: String = "", type: String? = "application/json"
    ) async throws -> (status: Int, document: DocumentNode) {
        let answer = try await http.request(
            method, "http://127.0.0.1:\(port)\(path)", headers: type.map { [(name: "Content-Type", value: $0)] } ?? [],
            body: Array(body.utf8))
        return (answer.status, try JSONReader.document(answer.body))
    }
}

@Suite(.timeLimit(.minutes(1))) struct `The routes of Replays` {
    @Test func `create, change and delete one`() async throws {
        let node = FakeNode()
        try await node.serving { wire in
            let one = ReplayWire.list + "/again"
            let made = try await wire.ask("POST", ReplayWire.list + "?fieldManager=kubectl-create", ReplayWire.again)
            #expect(made.status == 201)
            #expect(made.document["metadata"]?["namespace"]?.text == "shop")
            #expect(made.document["spec"]?["until"]?.text == "latest")
            let paused = try await wire.ask(
                "PATCH", one, #"{"spec":{"paused":true,"rate":5}}"#, type: "application/merge-patch+json; charset=utf-8")
            #expect(paused.status == 200)
            #expect(paused.document["spec"]?["rate"]?.json() == "5")
            #expect(paused.document["spec"]?["paused"]?.json() == "true")
            #expect(try await wire.ask("PATCH", one, #"{"spec":{"paused":null}}"#).document["spec"]?["paused"] == nil)
            let put = try await wire.ask("PUT", one, ReplayWire.again, type: nil)
            #expect(put.status == 200)
            #expect(put.document["spec"]?["rate"] == nil)
            let deleted = try await wire.ask("DELETE", one)
            #expect(deleted.status == 200)
            #expect(deleted.document["status"]?.text == "Success")
            #expect(deleted.document["details"]?["name"]?.text == "again")
            #expect(try await wire.ask("DELETE", one).status == 404)
        }
        #expect(node.asked == ["create shop/again", "update shop/again", "update shop/again", "update shop/again"])
    }

    @Test func `survey and create nothing in a dry run`() async throws {
        let node = FakeNode()
        try await node.serving { wire in
            let unnamed = #"{"apiVersion":"apus.dev/v1alpha1","kind":"Replay","spec":{"broker":"b"}}"#
            for body in [ReplayWire.again, unnamed] {
                let survey = try await wire.ask("POST", ReplayWire.list + "?dryRun=All", body)
                #expect(survey.status == 200)
                #expect(survey.document.json() == #"{"kind":"ReplaySurvey","broker":"b"}"#)
            }
            let some = try await wire.ask("POST", ReplayWire.list + "?dryRun=Some", ReplayWire.again)
            #expect(some.status == 400)
            #expect(some.document["message"]?.text == #"dryRun: Invalid value: "Some": supported values: "All""#)
            // Where nothing can be tried, nothing is done.
            for method in ["PUT", "PATCH", "DELETE"] {
                #expect(try await wire.ask(method, ReplayWire.list + "/again?dryRun=All", ReplayWire.again).status == 400)
            }
        }
        #expect(node.asked == [])
    }

    @Test func `make a name, and another where it is taken`() async throws {
        let node = FakeNode()
        node.state.withLock { $0.taken = 2 }
        try await node.serving { wire in
            let asked = ReplayWire.again.replacing(#""name""#, with: #""generateName""#)
            let made = try await wire.ask("POST", ReplayWire.list, asked)
            #expect(made.status == 201)
            #expect(made.document["metadata"]?["name"]?.text == "againfbbbb")
            node.state.withLock { $0.taken = 1 }
            // A name that was asked for is not changed.
            let taken = try await wire.ask("POST", ReplayWire.list, ReplayWire.again)
            #expect(taken.status == 409)
            #expect(taken.document["reason"]?.text == "AlreadyExists")
            node.state.withLock { $0.taken = 100 }
            #expect(try await wire.ask("POST", ReplayWire.list, asked).status == 409)
        }
    }

    @Test func `merge a patch anew where somebody else wrote meanwhile, unless it names a version`() async throws {
        let node = FakeNode()
        try await node.serving { wire in
            _ = try await wire.ask("POST", ReplayWire.list, ReplayWire.again)
            node.state.withLock { $0.overtaken = 3 }
            #expect(try await wire.ask("PATCH", ReplayWire.list + "/again", #"{"spec":{"rate":5}}"#).status == 200)
            node.state.withLock { $0.overtaken = 3 }
            let fixed = #"{"metadata":{"resourceVersion":"7"},"spec":{"rate":5}}"#
            let late = try await wire.ask("PATCH", ReplayWire.list + "/again", fixed)
            #expect(late.status == 409)
            #expect(late.document["details"]?["causes"] != nil)
            #expect(node.state.withLock { $0.overtaken } == 2)
        }
    }

    @Test func `refuse what is wrong, as Kubernetes says it`() async throws {
        let node = FakeNode()
        try await node.serving { wire in
            func refused(
                _ method: String, _ path: String, _ body: String, type: String? = "application/json", _ status: Int,
                _ reason: String, _ piece: String
            ) async throws {
                let answer = try await wire.ask(method, path, body, type: type)
                #expect(answer.status == status, "\(piece)")
                #expect(answer.document["kind"]?.text == "Status" && answer.document["status"]?.text == "Failure")
                #expect(answer.document["reason"]?.text == reason)
                let message = answer.document["message"]?.text ?? ""
                #expect(message.contains(piece), "\(message)")
            }
            let list = ReplayWire.list, one = list + "/again", again = ReplayWire.again
            try await refused("POST", list, "{", 400, "BadRequest", "no JSON")
            try await refused("POST", list, "", 400, "BadRequest", "no JSON")
            try await refused("POST", list, again, type: "application/yaml", 415, "UnsupportedMediaType", "application/yaml")
            try await refused("PUT", one, again, type: "application/merge-patch+json", 415, "UnsupportedMediaType", "merge-patch")
            try await refused(
                "PATCH", one, "{}", type: "application/strategic-merge-patch+json", 415, "UnsupportedMediaType",
                "application/merge-patch+json or application/json is needed")
            try await refused("PATCH", one, "[]", 400, "BadRequest", "a merge patch is a JSON object, this is a list")
            try await refused("PATCH", one, "{}", 404, "NotFound", #"replays.apus.dev "again" not found"#)
            try await refused(
                "POST", list, again.replacing("\"b\"", with: "\"b\",\"rate\":0,\"tigger\":\"a\""), 422, "Invalid",
                #"Replay.apus.dev "again" is invalid: [spec.rate: must be events a second"#)
            try await refused("POST", list, again.replacing("\"b\"", with: "\"none\""), 422, "Invalid", "there is no broker none")
            try await refused("POST", list, #"{"kind":"Replay"}"#, 422, "Invalid", "apiVersion")
            try await refused("POST", list, again.replacing(#""name":"again""#, with: ""), 422, "Invalid", "metadata.name")
            try await refused(
                "POST", list, again.replacing("{\"name\"", with: "{\"namespace\":\"other\",\"name\""), 400, "BadRequest",
                "the namespace of the body (other) does not match the namespace of the path (shop)")
            try await refused(
                "PUT", list + "/other", again, 400, "BadRequest", "the name of the body (again) does not match")
            try await refused(
                "POST", list, #"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}}"#, 400, "BadRequest",
                "must be a Replay, was a ConfigMap")
            try await refused(
                "POST", "/apis/apus.dev/v1alpha1/namespaces/Shop/replays", again, 422, "Invalid", "metadata.namespace")
            try await refused(
                "POST", "/apis/eventing.knative.dev/v1/namespaces/shop/brokers", again, 405, "MethodNotAllowed",
                "changed in the files")
            try await refused(
                "DELETE", "/apis/apus.dev/v1alpha1/namespaces/shop/replay/again", "", 404, "NotFound", "resource type")
        }
        #expect(node.asked == [])
    }

    @Test func `take no body that is larger than a mebibyte`() async throws {
        let node = FakeNode()
        try await node.serving { wire in
            let label = String(repeating: "a", count: ReplayRequest.bodyBytesMax)
            let body = ReplayWire.again.replacing("{\"name\"", with: "{\"annotations\":{\"a\":\"\(label)\"},\"name\"")
            let answer = try await wire.ask("POST", ReplayWire.list, body)
            #expect(answer.status == 413)
            #expect(answer.document["reason"]?.text == "RequestEntityTooLarge")
        }
        #expect(node.asked == [])
    }
}

@Suite struct `The discovery of resources` {
    @Test func `says what can be done with each kind`() throws {
        func verbs(_ group: String, _ version: String) throws -> [String: String] {
            let text = try #require(ApiDiscovery.resources(ResourceKind.served, group: group, version: version))
            guard case .sequence(let kinds)? = try JSONReader.document(Array(text.utf8))["resources"]?.content else { return [:] }
            return Dictionary(uniqueKeysWithValues: kinds.map { ($0["name"]?.text ?? "", $0["verbs"]?.json() ?? "") })
        }
        #expect(
            try verbs("apus.dev", "v1alpha1") == ["replays": #"["create","delete","get","list","patch","update"]"#])
        #expect(
            try verbs("eventing.knative.dev", "v1") == ["brokers": #"["get","list"]"#, "triggers": #"["get","list"]"#])
    }
}
