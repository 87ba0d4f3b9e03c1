import Synchronization
import TestSupport
import Testing

/// Promise 18 against the real binary: dead letters are brought again to the trigger that gave up on them.
@Suite(.timeLimit(.minutes(5)), .serialized) struct `A redrive` {
    @Test func `brings a trigger what it gave up on, once`() async throws {
        let scene = try await RedriveScene(count: 50)
        let replays = scene.replays
        scene.accepts(true)
        try await replays.make("again", #""deadLetters": {"trigger": "orders"}"#)
        let done = try await replays.wait(for: "completed", of: "again")
        #expect(done.status?.delivered == 50)
        #expect(done.status?.failed == 0)
        #expect(scene.orders.replayed(by: "again").compactMap(\.id) == scene.ids)
        #expect(scene.other.replayed(by: "again").isEmpty)
        try await replays.make("nothing", #""deadLetters": {"trigger": "orders"}"#)
        let nothing = try await replays.wait(for: "completed", of: "nothing")
        #expect(nothing.status?.delivered == 0)
        #expect(scene.orders.replayed(by: "nothing").isEmpty)
        try await scene.apus.stop()
    }

    @Test func `of one record, by its position, is counted as failed where it fails again`() async throws {
        let scene = try await RedriveScene(count: 5)
        try await scene.replays.make("one", #""deadLetters": {"positions": ["0:3"]}"#)
        let done = try await scene.replays.wait(for: "completed", of: "one")
        #expect(done.status?.failed == 1)
        #expect(done.status?.delivered == 0)
        #expect(scene.orders.replayed(by: "one").compactMap(\.id) == [scene.ids[3]])
        try await scene.apus.stop()
    }

    @Test func `is refused while another has the same record to do`() async throws {
        let scene = try await RedriveScene(count: 20)
        let replays = scene.replays
        scene.accepts(true)
        try await replays.make("first", #""deadLetters": {"trigger": "orders"}, "rate": 1"#)
        let second = try await replays.post("second", #""deadLetters": {"positions": ["0:19"]}"#)
        #expect(second.status == 409)
        #expect(second.bodyText.contains("0:19") && second.bodyText.contains("first"), "\(second.bodyText)")
        try await replays.change("first", #""cancelled": true"#)
        try await replays.wait(for: "cancelled", of: "first")
        try await replays.make("second", #""deadLetters": {"positions": ["0:19"]}"#)
        try await replays.wait(for: "completed", of: "second")
        #expect(scene.orders.replayed(by: "second").compactMap(\.id) == [scene.ids[19]])
        try await scene.apus.stop()
    }

    @Test func `that is killed again and again loses no record`() async throws {
        let scene = try await RedriveScene(count: 400)
        scene.accepts(true)
        try await scene.replays.make("killed", #""deadLetters": {}, "rate": 300"#)
        var apus = scene.apus
        for _ in 0..<3 {
            try await Patience.pass(.milliseconds(250))
            try await apus.killNow()
            apus = try await scene.start()
        }
        let done = try await Replays(apus).wait(for: "completed", of: "killed")
        #expect(done.status?.delivered == 400)
        #expect(scene.orders.replayedIDs(by: "killed") == scene.ids)
        try await apus.stop()
    }
}

/// A node whose trigger `orders` has given up on every event.
private struct RedriveScene {
    let folder: TemporaryFolder
    let orders: Subscriber
    let other: Subscriber
    let apus: ApusProcess
    /// Ids of the dead letters at `0:0`, `0:1`, … of the dead stream.
    let ids: [String]
    private let isAccepting: Flag

    private final class Flag: Sendable {
        let value = Mutex(false)
    }

    var replays: Replays { Replays(apus) }

    init(count: Int) async throws {
        let isAccepting = Flag()
        self.isAccepting = isAccepting
        folder = try TemporaryFolder()
        orders = try await Subscriber.start { _, _ in isAccepting.value.withLock { $0 } ? .accepted : .status(422) }
        other = try await Subscriber.start()
        let manifest =
            Manifest.broker() + Manifest.trigger("orders", to: orders.url, annotations: ["apus.dev/max-in-flight": "1"])
            + Manifest.trigger("other", to: other.url)
        try folder.write(manifest, to: "all.yaml")
        apus = try await Self.start(folder)
        let answers = try await LoadClient(port: apus.dataPort, dataBytes: 100).send(count, ids: "e")
        ids = answers.map(\.id)
        let buried = #"apus_trigger_dead_lettered_total{namespace="default",broker="default",trigger="orders",reason="rejected"}"#
        let apus = apus
        try await Patience.wait(for: "\(count) dead letters") { try await apus.metric(buried) == Double(count) }
    }

    func start() async throws -> ApusProcess { try await Self.start(folder) }

    /// What the subscriber says from now on.
    func accepts(_ does: Bool) { isAccepting.value.withLock { $0 = does } }

    private static func start(_ folder: TemporaryFolder) async throws -> ApusProcess {
        try await ApusProcess.serve(data: "\(folder.path)/data", manifests: ["\(folder.path)/all.yaml"])
    }
}
