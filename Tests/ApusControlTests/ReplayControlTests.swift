import ApusPorts
import ApusResources
import ApusTesting
import CloudEvents
import TestSupport
import Testing

@testable import ApusControl

/// Replays as the controller runs them, on a broker in memory.
@Suite struct `The controller's replays` {
    @Test func `run to their end, and are as they were when they are read again`() async throws {
        let node = try await ReplayNode()
        try await node.append(10)
        try await node.make("all", #""from": "0:2", "until": "0:6""#)
        let done = try await node.wait(for: .completed, of: "all")
        #expect(node.ids(at: "one") == ["2", "3", "4", "5"])
        #expect(node.ids(at: "two") == ["2", "3", "4", "5"])
        #expect(done.status.counted == 8)
        #expect(done.status.position == "0:6")
        #expect(done.status.conditions["Succeeded"]?.status == .yes)
        await node.controller.reconcile()
        #expect(await node.document("all") == done)
        #expect(node.ids(at: "one").count == 4)
    }

    @Test func `are refused where they never could run`() async throws {
        let node = try await ReplayNode()
        try await node.append(10)
        #expect(try await node.refusal("r", #""trigger": "nobody""#)?.field == "spec.trigger")
        #expect(try await node.refusal("r", #""deadLetters": {"trigger": "nobody"}"#)?.field == "spec.deadLetters.trigger")
        #expect(try await node.refusal("r", #""from": "0:11""#)?.message == "from is 0:11, and the log ends at 0:10")
        #expect(try await node.refusal("r", #""from": "3:1""#)?.message == "the log has one lane, 0: there is no lane 3")
        let absent = try await node.refusal("r", #""deadLetters": {"positions": ["0:7"]}"#)
        #expect(absent?.message == "there is no dead letter at 0:7: the next one will be 0:0")
        try await node.bury(2)
        let stray = try await node.refusal("r", #""deadLetters": {"positions": ["3:1"]}"#)
        #expect(stray?.message == "the log has one lane, 0: there is no dead letter at 3:1")
        var other = try ReplayNode.replay("r", "")
        other.spec.broker = "absent"
        let stranger = other
        await #expect(throws: ReplayRefusal.self) { try await node.controller.createReplay(stranger) }
        try await node.make("r", "")
        #expect(try await node.refusal("r", "")?.reason == "AlreadyExists")
    }

    @Test func `of a trimmed range are refused with the position from which the log begins`() async throws {
        let node = try await ReplayNode()
        try await node.append(10)
        _ = try await node.log.trim(.events, TrimPolicy(keepFrom: 4, recordsMax: 0))
        let refusal = try await node.refusal("late", #""from": "0:3""#)
        #expect(refusal?.message == "from is 0:3, and the log begins at 0:4: what was before is trimmed")
        try await node.make("rest", #""trigger": "one""#)
        try await node.wait(for: .completed, of: "rest")
        #expect(node.ids(at: "one") == ["4", "5", "6", "7", "8", "9"])
    }

    @Test func `pin the retention, and fail with the gap named where it is forced`() async throws {
        let node = try await ReplayNode(annotations: #", apus.dev/retention-count: "1""#)
        try await node.append(10)
        try await node.make("held", #""trigger": "one", "from": "0:3", "paused": true"#)
        try await Patience.wait(for: "the triggers to be through") {
            await node.controller.trim()
            return try await node.log.bounds(of: .events).oldest.offset == 3
        }
        await node.controller.trim()
        #expect(try await node.log.bounds(of: .events).oldest == Position(offset: 3))
        _ = try await node.log.trim(.events, TrimPolicy(keepFrom: .max, recordsMax: 1))
        try await node.change("held") { $0.isPaused = false }
        let failed = try await node.wait(for: .failed, of: "held")
        #expect(failed.status.message.contains("0:3 to 0:8"), "\(failed.status.message)")
        await node.controller.trim()
        #expect(node.ids(at: "one").isEmpty)
    }

    @Test func `wait for their turn where too many run`() async throws {
        let node = try await ReplayNode()
        try await node.append(2)
        node.sink.answers(nil)
        for number in 0..<Limits.replaysRunningMax { try await node.make("r\(number)", #""trigger": "one""#) }
        node.clock.advance(seconds: 1)
        try await node.make("last", #""trigger": "two""#)
        let waiting = await node.document("last")
        #expect(waiting?.status.state == .pending)
        #expect(waiting?.status.message == "It waits for its turn: 8 replays of the broker run, and it is the next.")
        #expect(waiting?.status.until == "0:2")
        node.sink.answers(200)
        try await node.controller.deleteReplay(namespace: "default", name: "r0")
        try await node.wait(for: .completed, of: "last")
        #expect(await node.document("r1")?.status.state == .running)
        #expect(await node.document("r0") == nil)
        for number in 1..<Limits.replaysRunningMax {
            try await node.controller.deleteReplay(namespace: "default", name: "r\(number)")
        }
    }

    @Test func `are forgotten a week after their end`() async throws {
        let node = try await ReplayNode()
        try await node.append(1)
        try await node.make("old", "")
        try await node.wait(for: .completed, of: "old")
        await node.controller.forgetEndedReplays()
        #expect(await node.document("old") != nil)
        node.clock.advance(seconds: Int64(Limits.replaysKeptDays) * 86_400 + 60)
        await node.controller.forgetEndedReplays()
        #expect(await node.document("old") == nil)
        try await node.make("old", "")
        try await node.wait(for: .completed, of: "old")
        #expect(node.ids(at: "one") == ["0", "0"])
    }

    @Test func `that failed go on where they were`() async throws {
        let node = try await ReplayNode()
        try await node.append(5)
        node.sink.answers(500)
        try await node.make("url", #""sink": {"uri": "http://sink.test/"}, "delivery": {"retry": 0, "backoffDelay": "PT0S"}"#)
        #expect(try await node.wait(for: .failed, of: "url").status.position == "0:0")
        node.sink.answers(200)
        try await node.change("url") { $0.isPaused = false }
        #expect(try await node.wait(for: .completed, of: "url").status.delivered == 5)
    }

    @Test func `change only in what may change, and not after their end`() async throws {
        let node = try await ReplayNode()
        try await node.append(1)
        node.sink.answers(nil)
        try await node.make("r", #""trigger": "one""#)
        await #expect(throws: ReplayRefusal.self) { try await node.change("r") { $0.trigger = "two" } }
        guard var stale = await node.document("r") else { return }
        stale.metadata.resourceVersion = 1
        let old = stale
        let refusal = await #expect(throws: ReplayRefusal.self) {
            try await node.controller.updateReplay(old, namespace: "default", name: "r")
        }
        #expect(refusal?.field == "metadata.resourceVersion")
        try await node.change("r") { ($0.rate, $0.maxInFlight) = (5, 7) }
        #expect(await node.document("r")?.metadata.generation == 2)
        try await node.change("r") { $0.isCancelled = true }
        #expect(await node.document("r")?.status.state == .cancelled)
        let late = await #expect(throws: ReplayRefusal.self) { try await node.change("r") { $0.rate = 1 } }
        #expect(late?.message == "Replay r is cancelled, and can change no more: create another")
    }
}

@Suite struct `The controller's redrives` {
    @Test func `are refused while another has the same dead letter to do`() async throws {
        let node = try await ReplayNode()
        try await node.bury(5)
        node.sink.answers(nil)
        try await node.make("first", #""deadLetters": {"trigger": "one", "positions": ["0:1", "0:3"]}"#)
        let refusal = try await node.refusal("second", #""deadLetters": {"trigger": "one"}"#)
        #expect(refusal?.status == 409)
        #expect(
            refusal?.message
                == "the dead letter at 0:1 is being redriven by Replay first: wait until that has ended, or cancel it")
        try await node.make("beside", #""deadLetters": {"positions": ["0:2"]}"#)
        node.sink.answers(200)
        try await node.controller.deleteReplay(namespace: "default", name: "first")
        try await node.make("second", #""deadLetters": {"positions": ["0:3"]}"#)
        try await node.wait(for: .completed, of: "second")
        try await node.controller.deleteReplay(namespace: "default", name: "beside")
    }

    @Test func `of a file wait for one that has the same dead letter to do`() async throws {
        let node = try await ReplayNode()
        try await node.bury(3)
        node.sink.answers(nil)
        try await node.make("first", #""deadLetters": {}"#)
        try await node.apply(
            "{apiVersion: apus.dev/v1alpha1, kind: Replay, metadata: {name: second}, spec: {broker: b, deadLetters: {}}}")
        let waiting = await node.document("second")
        #expect(waiting?.status.state == .pending)
        #expect(waiting?.status.message == "It waits: the dead letter at 0:0 is being redriven by Replay first.")
        node.sink.answers(200)
        try await node.change("first") { $0.isCancelled = true }
        try await node.wait(for: .completed, of: "second")
    }
}

@Suite struct `Replays of files` {
    private static let late = """
        apiVersion: apus.dev/v1alpha1
        kind: Replay
        metadata: {name: filed}
        spec: {broker: b, trigger: late}

        """

    @Test func `wait for what they need, belong to their file, and go with it`() async throws {
        let node = try await ReplayNode()
        try await node.append(3)
        try await node.apply(Self.late)
        let waiting = await node.document("filed")
        #expect(waiting?.status.state == .pending)
        #expect(waiting?.status.message == "There is no trigger late of broker b.")
        #expect(waiting?.status.conditions.isReady == false)
        try await node.apply(Self.late + "---\n" + ReplayNode.trigger("late"))
        try await node.wait(for: .completed, of: "filed")
        #expect(node.ids(at: "late") == ["0", "1", "2"])
        let refusal = await #expect(throws: ReplayRefusal.self) {
            try await node.controller.deleteReplay(namespace: "default", name: "filed")
        }
        #expect(refusal?.message.contains("more.yaml") == true)
        try await node.apply("")
        #expect(await node.document("filed") == nil)
    }

    @Test func `that cannot begin yet keep the bounds that they were made with`() async throws {
        let node = try await ReplayNode()
        try await node.append(2)
        try await node.make("early", #""sink": {"ref": {"apiVersion": "v1", "kind": "Service", "name": "later"}}"#)
        #expect(await node.document("early")?.status.state == .pending)
        // What a restart would find: nothing but what is durable.
        let broker = ResourceIdentity(kind: Broker.kind, namespace: "default", name: "b")
        await node.controller.stopReplays(of: broker)
        try await node.append(3)
        await node.controller.reconcileReplays()
        let early = await node.document("early")
        #expect(early?.status.from == "0:0")
        #expect(early?.status.until == "0:2")
        let service = try #require(await node.controller.services[broker])
        #expect(await node.controller.replaysKeepFrom(.events, of: service) == 0)
    }

    @Test func `can be paused and paced through the API, until their file wishes something else`() async throws {
        let node = try await ReplayNode()
        try await node.append(3)
        node.sink.answers(nil)
        let filed = Self.late.replacing("trigger: late", with: "trigger: one")
        try await node.apply(filed)
        try await node.change("filed") { ($0.isPaused, $0.rate) = (true, 5) }
        await #expect(throws: ReplayRefusal.self) { try await node.change("filed") { $0.maxInFlight = 2 } }
        try await node.apply(filed)
        #expect(await node.document("filed")?.status.state == .paused)
        #expect(await node.document("filed")?.spec.rate == 5)
        try await node.apply(filed.replacing("trigger: one", with: "trigger: one, rate: 7"))
        #expect(await node.document("filed")?.spec.isPaused == false)
        #expect(await node.document("filed")?.spec.rate == 7)
    }

    @Test func `of a range that is not there have failed, and say why`() async throws {
        let node = try await ReplayNode()
        try await node.apply(
            "{apiVersion: apus.dev/v1alpha1, kind: Replay, metadata: {name: far}, spec: {broker: b, from: '0:7'}}")
        let failed = await node.document("far")
        #expect(failed?.status.state == .failed)
        #expect(failed?.status.message == "from is 0:7, and the log ends at 0:0")
    }
}

extension ReplayNode {
    /// Writes `more.yaml`, and waits for the controller to have applied it.
    func apply(_ text: String) async throws {
        try place.write(text, to: "more.yaml")
        await controller.applyFiles()
        await controller.reconcile()
    }
}
