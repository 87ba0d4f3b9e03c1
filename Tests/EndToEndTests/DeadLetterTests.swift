import Foundation
import Synchronization
import TestSupport
import Testing

/// Promise 18 as a person meets it: `apus deadletters` against a running node.
@Suite(.timeLimit(.minutes(5)), .serialized) struct `Dead letters in the terminal` {
    @Test func `are listed, shown, redriven, and keep what came of them`() async throws {
        let scene = try await LetterScene()
        try await scene.send(["1", "2", "3"])
        try await scene.wait(deadLetters: 3)

        let listed = try await scene.run(["list"])
        #expect(listed.end == .exit(0))
        let columns = ["TRIGGER", "REASON", "STATUS", "ERROR", "COUNT", "FIRST", "LAST", "NEWEST"]
        #expect(listed.lines.first?.split(separator: " ").map(String.init) == columns, "\(listed.lines)")
        #expect(listed.lines[1].hasPrefix("orders   rejected  422     order <n> has no amount  3      20"), "\(listed.lines)")
        #expect(listed.lines.last?.hasPrefix("3 dead letters, 1 kind of error.") == true, "\(listed.lines)")
        let each = try await scene.run(["list", "--each", "--limit", "2"])
        #expect(each.lines.count == 4)
        #expect(each.lines[1].hasPrefix("0:2       20") && each.lines[1].hasSuffix("order  3   open"), "\(each.lines)")

        let shown = try await scene.run(["show", "0:1"])
        #expect(shown.lines.contains("Trigger:      orders"), "\(shown.lines)")
        #expect(shown.lines.contains("Last status:  422"))
        #expect(shown.lines.contains("  order 2 has no amount"))
        #expect(shown.lines.contains("Event:        0:1 (apus why 0:1)"))
        #expect(
            shown.lines.contains { $0.hasPrefix("  orders  1        20") && $0.contains("dead letter 0:1") }, "\(shown.lines)")
        #expect(shown.lines.contains { $0.hasPrefix("  id ") && $0.hasSuffix("2") })

        scene.mend()
        let redriven = try await scene.run(["redrive", "--trigger", "orders", "--yes", "--name", "again"])
        #expect(redriven.end == .exit(0), "\(redriven.lines)")
        #expect(redriven.lines.first == "3 dead letters of trigger orders, 1 kind of error:")
        #expect(redriven.lines.contains { $0.hasPrefix("again: completed, 3 of 3 delivered") }, "\(redriven.lines)")
        #expect(scene.subscriber.replayed(by: "again").compactMap(\.id) == ["1", "2", "3"])

        #expect(try await scene.run(["list"]).lines == ["No dead letters that want attention; --state all lists the others."])
        let done = try await scene.run(["list", "--each", "--state", "redriven"])
        #expect(done.lines.count == 4 && done.lines.dropFirst().allSatisfy { $0.hasSuffix("redriven") }, "\(done.lines)")
        let after = try await scene.run(["show", "0:1"])
        #expect(after.lines.contains { $0.hasPrefix("State:        redriven by again at 20") && $0.hasSuffix(", 1 attempt") })
        let once = try await scene.run(["redrive", "0:1", "--dry-run"])
        #expect(once.lines.contains("1 of them were redriven before, and are delivered once more."), "\(once.lines)")
        try await scene.apus.stop()
    }

    @Test func `are edited: the copy is delivered, names the original, and both are marked`() async throws {
        let scene = try await LetterScene()
        try await scene.send(["1"])
        try await scene.wait(deadLetters: 1)
        scene.mend()
        let edited = try await scene.run(
            ["edit", "0:0", "--data", #"{"amount": 12}"#, "--set", "subject=order-1", "--redrive", "--name", "mended"])
        #expect(edited.end == .exit(0), "\(edited.lines)")
        let changes = ["- data: {}", #"+ data: {"amount":12}"#, "+ subject: order-1"]
        #expect(Array(edited.lines.prefix(3)) == changes, "\(edited.lines)")
        #expect(edited.lines.contains("0:0 was edited: its changed copy is at 0:1."))
        let delivery = try #require(scene.subscriber.replayed(by: "mended").first)
        #expect(delivery.header("ce-apusoriginal") == "0:0" && delivery.header("ce-subject") == "order-1")
        #expect(delivery.id == "1" && delivery.body == Array(#"{"amount":12}"#.utf8))
        let states = try await scene.run(["list", "--each", "--state", "all"]).lines.dropFirst().map {
            $0.split(separator: " ").last.map(String.init)
        }
        #expect(states == ["redriven", "edited"])
        let original = try await scene.run(["show", "0:0"])
        #expect(original.lines.contains("Copy:         0:1"), "\(original.lines)")
        let refused = try await scene.run(["edit", "0:0", "--set", "subject=x"])
        #expect(refused.end == .exit(1))
        #expect(refused.lines == ["Error: 0:0 was edited already; its changed copy is at 0:1: edit that."])
        try await scene.apus.stop()
    }

    @Test func `are edited in the person's editor, whose text is kept where it is refused`() async throws {
        let scene = try await LetterScene()
        try await scene.send(["1"])
        try await scene.wait(deadLetters: 1)
        let quiet = try await scene.run(["edit", "0:0"], environment: ["VISUAL": "", "EDITOR": "true"])
        #expect(quiet.lines == ["Nothing was changed."])
        let wrong = try await scene.run(["edit", "0:0"], environment: ["VISUAL": "sed -i 1s/.//"])
        #expect(wrong.end == .exit(1) && wrong.lines.contains { $0.contains("your text is kept in") }, "\(wrong.lines)")
        let empty = try await scene.run(["edit", "0:0"], environment: ["VISUAL": #"sed -i 's/"id": "1"/"id": ""/'"#])
        #expect(empty.end == .exit(1) && empty.lines.contains { $0.hasPrefix("Your text is kept in ") }, "\(empty.lines)")
        let edited = try await scene.run(["edit", "0:0", "-o", "json"], environment: ["VISUAL": "sed -i s/order/bill/"])
        #expect(edited.end == .exit(0) && edited.lines.contains(#"    "copy": "0:1""#), "\(edited.lines)")
        for line in wrong.lines + empty.lines {
            guard let path = line.components(separatedBy: "kept in ").last, path != line else { continue }
            let file = path.hasSuffix(".") ? String(path.dropLast()) : path
            #expect(FileManager.default.fileExists(atPath: file), "\(file)")
            try? FileManager.default.removeItem(atPath: file)
        }
        try await scene.apus.stop()
    }

    @Test func `are purged with a plan first, and then neither listed nor redriven`() async throws {
        let scene = try await LetterScene()
        try await scene.send(["1", "2", "3"])
        try await scene.wait(deadLetters: 3)
        let plan = try await scene.run(["purge", "--trigger", "orders", "--dry-run"])
        #expect(plan.lines.first == "3 dead letters of trigger orders, 1 kind of error:")
        #expect(plan.lines.last == "Nothing was purged: leave out --dry-run to purge.")
        let asked = try await scene.run(["purge", "--trigger", "orders"])
        #expect(asked.end == .exit(1))
        #expect(
            asked.lines.last == "Error: Purge 3 dead letters for good? There is no terminal to ask on: say --yes, "
                + "or --dry-run to see what it would be")
        #expect(try await scene.run(["purge", "0:0", "0:1", "--yes"]).lines.last == "2 purged.")
        let left = try await scene.run(["list", "--each", "-o", "jsonl"])
        #expect(left.lines.count == 1 && left.lines[0].contains(#""position":"0:2""#), "\(left.lines)")
        scene.mend()
        #expect(try await scene.run(["redrive", "0:0", "--yes"]).lines == ["Error: 0:0 was purged"])
        #expect(try await scene.run(["redrive", "--all", "--yes", "--name", "rest"]).end == .exit(0))
        #expect(scene.subscriber.replayed(by: "rest").compactMap(\.id) == ["3"])
        try await scene.apus.stop()
    }

    @Test func `that are none say what they are`() async throws {
        let scene = try await LetterScene()
        #expect(
            try await scene.run(["list"]).lines == ["No dead letters that want attention; --state all lists the others."])
        #expect(try await scene.run(["redrive", "--all", "--yes"]).lines == ["No dead letters to redrive."])
        try await scene.send(["1"])
        try await scene.wait(deadLetters: 1)
        // An event that is delivered has no dead letter.
        scene.mend()
        try await scene.send(["2"])
        let event = try await scene.run(["show", "0:1"])
        #expect(
            event.lines == [
                "Error: There is no dead letter at 0:1: the newest is at 0:0. Dead letters have positions of their own; "
                    + "0:1 is an event's, of which no dead letter is known."
            ])
        #expect(
            try await scene.run(["redrive", "0:7", "--yes"]).lines == [
                "Error: There is no dead letter at 0:7: the newest is at 0:0."
            ])
        let broker = try await scene.run(["list", "--broker", "shop"])
        #expect(broker.lines == ["Error: There is no broker shop in namespace default, or its log is not open."])
        let nothing = try await scene.run(["purge"])
        #expect(nothing.end == .exit(64))
        #expect(nothing.lines.first?.hasPrefix("Error: nothing is selected: name positions (0:12 0:15), select with") == true)
        let typo = try await HTTPExchange.send(
            port: scene.apus.adminPort, method: "POST", path: "/v1/namespaces/default/brokers/default/deadletters/purge",
            headers: [("content-type", "application/json")], body: Array(#"{"triger": "orders", "confirm": true}"#.utf8))
        #expect(typo.status == 400 && typo.bodyText.contains("triger"), "\(typo.bodyText)")
        try await scene.apus.stop()
    }
}

/// A node with one trigger, whose subscriber refuses events until it is mended.
private struct LetterScene {
    let subscriber: Subscriber
    let apus: ApusProcess
    private let folder: TemporaryFolder
    private let state: State

    private final class State: Sendable {
        let isMended = Mutex(false)
    }

    init() async throws {
        let state = State()
        self.state = state
        folder = try TemporaryFolder()
        subscriber = try await Subscriber.start { request, _ in
            guard !state.isMended.withLock({ $0 }) else { return .accepted }
            return .status(422, body: Array("order \(request.id ?? "") has no amount".utf8))
        }
        let manifest =
            Manifest.broker() + Manifest.trigger("orders", to: subscriber.url, annotations: ["apus.dev/max-in-flight": "1"])
        let path = try folder.write(manifest, to: "all.yaml")
        apus = try await ApusProcess.serve(data: "\(folder.path)/data", manifests: [path])
    }

    func mend() { state.isMended.withLock { $0 = true } }

    func run(
        _ arguments: [String], environment: [String: String] = [:]
    ) async throws -> (end: ChildProcess.End, lines: [String]) {
        try await ApusProcess.run(
            ["deadletters", arguments[0], "--server", apus.adminURL] + arguments.dropFirst(), environment: environment)
    }

    func send(_ ids: [String]) async throws {
        for id in ids {
            let answer = try await HTTPExchange.send(
                port: apus.dataPort, method: "POST", path: "/default/default",
                headers: [
                    ("ce-specversion", "1.0"), ("ce-id", id), ("ce-type", "order"), ("ce-source", "/shop"),
                    ("content-type", "application/json"),
                ], body: Array("{}".utf8))
            #expect(answer.status == 202)
        }
    }

    /// Waits until so many are in the dead stream, with the traces of their attempts.
    func wait(deadLetters count: Int) async throws {
        try await Patience.wait(for: "\(count) dead letters") {
            let path = "/v1/namespaces/default/brokers/default/deadletters/0:\(count - 1)"
            let reply = try await HTTPExchange.send(port: apus.adminPort, path: path)
            return reply.status == 200 && reply.bodyText.contains(#""ending":"dead""#)
        }
    }
}
