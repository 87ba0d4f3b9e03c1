import CloudEvents
import Foundation
import TestSupport
import Testing

/// Promises 19 and 20 against the real binary: a stretch of the log again, exactly, while live traffic goes on.
@Suite(.timeLimit(.minutes(5)), .serialized) struct `A replay` {
    @Test func `brings a trigger the events of a range again, in order, and nobody else`() async throws {
        let scene = try await ReplayScene(count: 300)
        let made = try await scene.replays.make("range", #""trigger": "one", "from": "0:50", "until": "0:150""#)
        #expect(made.status?.from == "0:50")
        #expect(made.status?.until == "0:150")
        let done = try await scene.replays.wait(for: "completed", of: "range")
        #expect(scene.one.replayed(by: "range").compactMap(\.id) == Array(scene.ids[50..<150]))
        #expect(scene.two.replayed(by: "range").isEmpty)
        #expect(done.status?.position == "0:150")
        #expect(done.status?.delivered == 100)
        #expect(done.status?.counted == 100)
        #expect(done.condition("Succeeded")?.status == "True")
        #expect(done.status?.completionTime != nil)
        let first = try #require(scene.one.requests.first { $0.id == scene.ids[50] })
        let again = try #require(scene.one.replayed(by: "range").first)
        #expect(again.body == first.body)
        try await scene.end()
    }

    @Test func `is of a stretch of time`() async throws {
        let scene = try await ReplayScene(count: 40)
        let from = Self.now
        let middle = try await scene.send(40, ids: "middle")
        let until = Self.now
        _ = try await scene.send(40, ids: "late")
        try await scene.replays.make("time", #""trigger": "one", "from": "\#(from)", "until": "\#(until)""#)
        try await scene.replays.wait(for: "completed", of: "time")
        #expect(scene.one.replayed(by: "time").compactMap(\.id) == middle)
        try await scene.end()
    }

    @Test func `goes to all triggers, each with its own filter and the replay's`() async throws {
        let scene = try await ReplayScene(count: 30)
        let other = try await scene.send(30, ids: "other", type: "com.example.other")
        try await scene.replays.make("all", "")
        try await scene.replays.wait(for: "completed", of: "all")
        #expect(scene.one.replayed(by: "all").compactMap(\.id) == scene.ids)
        #expect(scene.two.replayed(by: "all").compactMap(\.id) == scene.ids + other)
        try await scene.replays.make("few", #""filters": [{"exact": {"type": "com.example.other"}}]"#)
        try await scene.replays.wait(for: "completed", of: "few")
        #expect(scene.one.replayed(by: "few").isEmpty)
        #expect(scene.two.replayed(by: "few").compactMap(\.id) == other)
        try await scene.end()
    }

    @Test func `goes to a URL, filtered`() async throws {
        let scene = try await ReplayScene(count: 100)
        let sink = try await Subscriber.start()
        let filter = #""filters": [{"cesql": "id LIKE '%7'"}]"#
        try await scene.replays.make("url", #""sink": {"uri": "\#(sink.url)"}, \#(filter)"#)
        let done = try await scene.replays.wait(for: "completed", of: "url")
        #expect(sink.replayed(by: "url").compactMap(\.id) == scene.ids.filter { $0.hasSuffix("7") })
        #expect(done.status?.scanned == 100)
        #expect(done.status?.delivered == 10)
        #expect(scene.one.replayed(by: "url").isEmpty)
        try await scene.end()
    }

    @Test func `pauses, resumes at another pace, and is cancelled for good`() async throws {
        let scene = try await ReplayScene(count: 600)
        let replays = scene.replays
        try await replays.make("pace", #""trigger": "one", "rate": 200"#)
        try await Patience.wait(for: "some events") { scene.one.replayed(by: "pace").count >= 20 }
        #expect(try await replays.change("pace", #""paused": true"#).status?.state == "paused")
        // What was in flight may still arrive.
        try await Patience.pass(.milliseconds(100))
        let count = scene.one.replayed(by: "pace").count
        try await Patience.pass(.milliseconds(300))
        #expect(scene.one.replayed(by: "pace").count == count)
        #expect(count < 600)
        try await replays.change("pace", #""paused": false, "rate": 5000, "maxInFlight": 16"#)
        try await replays.wait(for: "completed", of: "pace")
        #expect(Set(scene.one.replayed(by: "pace").compactMap(\.id)) == Set(scene.ids))
        #expect(try await replays.patch("pace", #""cancelled": true"#).status == 409)

        try await replays.make("end", #""trigger": "one", "rate": 100"#)
        try await Patience.wait(for: "some events") { scene.one.replayed(by: "end").count >= 5 }
        try await replays.change("end", #""cancelled": true"#)
        let ended = try await replays.wait(for: "cancelled", of: "end")
        #expect(ended.condition("Succeeded")?.status == "False")
        #expect(scene.one.replayed(by: "end").count < 600)
        #expect(try await replays.delete("end").status == 200)
        #expect(try await replays.get("end").status == 404)
        try await scene.end()
    }

    @Test func `to a URL that goes down fails, says how far it came, and goes on from there`() async throws {
        let scene = try await ReplayScene(count: 100)
        let sink = try await Subscriber.start { request, _ in
            (request.id?.split(separator: "-").last.flatMap { Int($0) } ?? 0) < 30 ? .accepted : .status(503)
        }
        let delivery = #""delivery": {"retry": 1, "backoffPolicy": "linear", "backoffDelay": "PT0.05S"}"#
        try await scene.replays.make("down", #""sink": {"uri": "\#(sink.url)"}, \#(delivery)"#)
        let failed = try await scene.replays.wait(for: "failed", of: "down")
        #expect(failed.status?.position == "0:30")
        #expect(failed.status?.delivered == 30)
        #expect(failed.condition("Succeeded")?.status == "False")
        #expect(failed.message.contains("0:30"), "\(failed.message)")
        try await sink.stop()

        let again = try await Subscriber.start(port: sink.port)
        try await scene.replays.change("down", #""paused": false"#)
        let done = try await scene.replays.wait(for: "completed", of: "down")
        #expect(again.replayed(by: "down").compactMap(\.id) == Array(scene.ids[30...]))
        #expect(done.status?.delivered == 100)
        try await scene.end()
    }

    @Test func `leaves live traffic alone, and what comes after its start`() async throws {
        let scene = try await ReplayScene(count: 2_000)
        let sink = try await Subscriber.start()
        try await scene.replays.make("beside", #""sink": {"uri": "\#(sink.url)"}, "rate": 2000, "maxInFlight": 16"#)
        let live = try await scene.send(1_000, ids: "live")
        try await scene.one.waitForRequests(3_000)
        try await scene.replays.wait(for: "completed", of: "beside")
        #expect(Set(sink.replayed(by: "beside").compactMap(\.id)) == Set(scene.ids))
        #expect(sink.requests.count == 2_000)
        #expect(Set(scene.one.requests.compactMap(\.id)) == Set(scene.ids + live))
        try await scene.end()
    }

    @Test func `that cannot be made is refused with what would be right`() async throws {
        let scene = try await ReplayScene(count: 10)
        let replays = scene.replays
        let cases: [(spec: String, status: Int, says: String)] = [
            (#""trigger": "one", "from": "0:8", "until": "0:3""#, 422, "must not be before spec.from (0:8), was 0:3"),
            (#""trigger": "one", "from": "0:11""#, 422, "the log ends at 0:10"),
            (#""trigger": "nobody""#, 422, "nobody"),
        ]
        for (spec, status, says) in cases {
            let reply = try await replays.post("wrong", spec)
            #expect(reply.status == status, "\(spec): \(reply.bodyText)")
            #expect(reply.bodyText.contains(says), "\(reply.bodyText)")
        }
        #expect(try await replays.post("wrong", "", broker: "absent").status == 422)
        try await replays.make("twice", "")
        #expect(try await replays.post("twice", "").status == 409)
        #expect(try await replays.delete("never").status == 404)
        try await scene.end()
    }

    @Test func `that is only tried counts and sends nothing`() async throws {
        let scene = try await ReplayScene(count: 20)
        let reply = try await scene.replays.post("dry", #""trigger": "one", "from": "0:5""#, query: "?dryRun=All")
        #expect(reply.status == 200)
        #expect(reply.bodyText.contains(#""matched":15"#), "\(reply.bodyText)")
        #expect(reply.bodyText.contains(scene.ids[5]))
        #expect(try await scene.replays.get("dry").status == 404)
        #expect(scene.one.replayed(by: "dry").isEmpty)
        try await scene.end()
    }

    private static var now: String {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)).rfc3339
    }
}

/// A node with two triggers whose events have all been delivered once: `one` takes `com.example.load`, `two` takes all.
struct ReplayScene {
    let folder: TemporaryFolder
    let one: Subscriber
    let two: Subscriber
    let apus: ApusProcess
    let replays: Replays
    /// Ids of the events at `0:0`, `0:1`, …
    let ids: [String]

    init(count: Int) async throws {
        folder = try TemporaryFolder()
        one = try await Subscriber.start()
        two = try await Subscriber.start()
        let manifest =
            Manifest.broker() + Manifest.trigger("one", to: one.url, type: "com.example.load")
            + Manifest.trigger("two", to: two.url)
        apus = try await ApusProcess.serve(
            data: "\(folder.path)/data", manifests: [try folder.write(manifest, to: "all.yaml")])
        replays = Replays(apus)
        ids = try await Self.send(count, ids: "first", apus)
        try await one.waitForRequests(count)
        try await two.waitForRequests(count)
    }

    /// Sends events one after another and gives their ids.
    func send(_ count: Int, ids prefix: String, type: String = "com.example.load") async throws -> [String] {
        try await Self.send(count, ids: prefix, type: type, apus)
    }

    func end() async throws { try await apus.stop() }

    private static func send(
        _ count: Int, ids prefix: String, type: String = "com.example.load", _ apus: ApusProcess
    ) async throws -> [String] {
        let client = LoadClient(port: apus.dataPort, pipelining: 32, type: type, dataBytes: 100)
        let answers = try await client.send(count, ids: prefix)
        #expect(answers.count == count && answers.allSatisfy { $0.status == 202 })
        return answers.map(\.id)
    }
}
