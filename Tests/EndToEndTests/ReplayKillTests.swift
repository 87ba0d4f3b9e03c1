import TestSupport
import Testing

/// The real process, killed in the middle of its replays and started again: they go on, and what they bring is exact.
@Suite(.timeLimit(.minutes(5)), .serialized) struct `A node that is killed in the middle of its replays` {
    static let kills = 5
    static let count = 3_000

    @Test func `brings every event of their ranges, and none other, in order`() async throws {
        let folder = try TemporaryFolder()
        let one = try await Subscriber.start(), two = try await Subscriber.start(), sink = try await Subscriber.start()
        let manifest = try folder.write(
            Manifest.broker() + Manifest.trigger("one", to: one.url, type: "com.example.load")
                + Manifest.trigger("two", to: two.url), to: "all.yaml")
        let data = "\(folder.path)/data"
        var apus = try await ApusProcess.serve(data: data, manifests: [manifest])
        let load = LoadClient(port: apus.dataPort, pipelining: 32, dataBytes: 100)
        let ids = try await load.send(Self.count, ids: "e").map(\.id)
        try await one.waitForRequests(Self.count)
        try await two.waitForRequests(Self.count)

        let replays = Replays(apus)
        try await replays.make("trigger", #""trigger": "one", "from": "0:100", "until": "0:2900", "rate": 1200"#)
        try await replays.make("all", #""from": "0:500", "rate": 1000, "maxInFlight": 16"#)
        try await replays.make("url", #""sink": {"uri": "\#(sink.url)"}, "rate": 1200, "filters": [{"suffix": {"id": "3"}}]"#)
        var random = SeededRandom(seed: 19)
        for _ in 0..<Self.kills {
            try await Patience.pass(.milliseconds(Int64.random(in: 150...350, using: &random)))
            try await apus.killNow()
            apus = try await ApusProcess.serve(data: data, manifests: [manifest])
        }
        let after = Replays(apus)
        var ends: [String: Replays.Document] = [:]
        for name in ["trigger", "all", "url"] { ends[name] = try await after.wait(for: "completed", of: name) }

        #expect(one.replayedIDs(by: "trigger") == Array(ids[100..<2900]))
        #expect(two.replayed(by: "trigger").isEmpty)
        #expect(Set(one.replayedIDs(by: "all")) == Set(ids[500...]))
        #expect(Set(two.replayedIDs(by: "all")) == Set(ids[500...]))
        #expect(sink.replayedIDs(by: "url") == ids.filter { $0.hasSuffix("3") })
        #expect(ends["trigger"]?.status?.delivered == 2_800)
        #expect(ends["all"]?.status?.delivered == 5_000)
        #expect(ends["all"]?.status?.until == "0:\(Self.count)")
        #expect(ends["url"]?.status?.delivered == Self.count / 10)
        let again = one.replayed(by: "trigger").count - 2_800
        print("killed \(Self.kills) times in mid-replay: 2800 events in order, \(again) of them again after a kill")
        try await apus.stop()
    }

    @Test func `does not run again what has ended, and goes on with what is paused when it is resumed`() async throws {
        let folder = try TemporaryFolder()
        let one = try await Subscriber.start()
        let replay = """
            apiVersion: apus.dev/v1alpha1
            kind: Replay
            metadata: {name: filed}
            spec: {broker: default, trigger: one}
            """
        let base = Manifest.broker() + Manifest.trigger("one", to: one.url)
        try folder.write(base, to: "m/base.yaml")
        let data = "\(folder.path)/data"
        var apus = try await ApusProcess.serve(data: data, manifests: ["\(folder.path)/m"])
        let load = LoadClient(port: apus.dataPort, pipelining: 32, dataBytes: 100)
        let ids = try await load.send(400, ids: "e").map(\.id)
        try await one.waitForRequests(400)
        try folder.write(replay, to: "m/replay.yaml")
        try await Patience.wait(for: "the replay of the file") {
            (try? await Replays(apus).document("filed"))?.status?.state == "completed"
        }
        try await Replays(apus).make("held", #""trigger": "one", "rate": 200"#)
        try await Patience.wait(for: "some events") { one.replayed(by: "held").count >= 10 }
        try await Replays(apus).change("held", #""paused": true"#)
        try await apus.killNow()

        apus = try await ApusProcess.serve(data: data, manifests: ["\(folder.path)/m"])
        let replays = Replays(apus)
        try await replays.wait(for: "paused", of: "held")
        #expect(try await replays.patch("filed", #""maxInFlight": 2"#).status == 409)
        let count = one.replayed(by: "held").count
        #expect(count < 400)
        try await replays.change("held", #""paused": false, "rate": 5000"#)
        try await replays.wait(for: "completed", of: "held")
        #expect(one.replayedIDs(by: "held") == ids)
        #expect(try await replays.document("filed").status?.state == "completed")
        #expect(one.replayed(by: "filed").compactMap(\.id) == ids)

        try folder.remove("m/replay.yaml")
        try await Patience.wait(for: "the replay to go with its file") { try await replays.get("filed").status == 404 }
        try await apus.stop()
    }
}
