import ApusPorts
import ApusRegistry
import CloudEvents
import Synchronization
import TestSupport
import Testing

/// The real process, killed at random moments under load and started again: nothing that was answered 202 is lost.
@Suite(.timeLimit(.minutes(10)), .serialized) struct `A node that is killed again and again` {
    static let kills = 32

    @Test func `brings every accepted event to its right end`() async throws {
        let scene = try await KillScene()
        var random = SeededRandom(seed: 20_261_121)
        var accepted: [String: String] = [:]
        var unanswered = 0
        for life in 0...Self.kills {
            let apus = try await scene.start()
            let client = LoadClient(port: apus.dataPort, connections: 8, pipelining: 2, dataBytes: 200)
            let load = Task { try await client.send(600, ids: "l\(life)") }
            if life < Self.kills {
                try await Patience.pass(.milliseconds(Int64.random(in: 15...400, using: &random)))
                try await apus.killNow()
            }
            for answer in try await load.value {
                guard answer.status == 202, let position = answer.position else {
                    unanswered += 1
                    continue
                }
                accepted[answer.id] = position
            }
            guard life == Self.kills else { continue }
            try await scene.waitUntilDone(Set(accepted.keys))
            try await apus.stop()
        }
        let (events, dead) = try await scene.readLog()
        try scene.check(accepted, events: events, dead: dead)
        print(
            "killed \(Self.kills) times: \(accepted.count) events answered 202, \(unanswered) without an answer, "
                + "\(events.count) on the log; \(scene.summary(Set(accepted.keys), dead))")
    }
}

/// A broker with one trigger of each kind, their subscribers, and what has to be true at the end.
private struct KillScene {
    static let retries = 3
    let folder: TemporaryFolder
    let healthy: Subscriber
    let flaky: Subscriber
    let rejecting: Subscriber
    let failing: Subscriber
    let replying: Subscriber
    let replies: Subscriber
    let deadLetters: Subscriber

    init() async throws {
        folder = try TemporaryFolder()
        healthy = try await Subscriber.start()
        flaky = try await Subscriber.start { _, attempt in attempt <= 2 ? .status(503) : .accepted }
        rejecting = try await Subscriber.start { _, _ in .status(422, body: Array("not this one".utf8)) }
        failing = try await Subscriber.start { _, _ in .status(500) }
        replying = try await Subscriber.start { request, _ in
            .reply(id: "reply-\(request.id ?? "")", type: "com.example.reply", extensions: ["cause": request.id ?? ""])
        }
        replies = try await Subscriber.start()
        deadLetters = try await Subscriber.start()
        let load = "com.example.load"
        let manifest =
            Manifest.broker(delivery: "retry: 8, backoffPolicy: linear, backoffDelay: PT0.05S")
            + Manifest.trigger("healthy", to: healthy.url, type: load)
            + Manifest.trigger("flaky", to: flaky.url, type: load)
            + Manifest.trigger(
                "rejecting", to: rejecting.url, type: load,
                delivery: "retry: 1, backoffPolicy: linear, backoffDelay: PT0.05S, deadLetterSink: {uri: \"\(deadLetters.url)\"}")
            + Manifest.trigger(
                "failing", to: failing.url, type: load,
                delivery: "retry: \(Self.retries), backoffPolicy: linear, backoffDelay: PT0.05S")
            + Manifest.trigger("replying", to: replying.url, type: load)
            + Manifest.trigger("replies", to: replies.url, type: "com.example.reply")
        try folder.write(manifest, to: "all.yaml")
    }

    func start() async throws -> ApusProcess {
        try await ApusProcess.serve(data: "\(folder.path)/data", manifests: ["\(folder.path)/all.yaml"])
    }

    /// Waits until every accepted event has reached every subscriber that it has to, and the node has nothing open.
    func waitUntilDone(_ ids: Set<String>) async throws {
        try await Patience.wait(for: "every event to come to its end", upTo: .seconds(180), every: .milliseconds(100)) {
            let attempts = flaky.attempts, failed = failing.attempts
            let replied = replies.attempts
            return [healthy, rejecting, replying, deadLetters].allSatisfy { subscriber in
                let seen = subscriber.attempts
                return ids.allSatisfy { seen[$0] != nil }
            }
                && ids.allSatisfy {
                    attempts[$0, default: 0] >= 3 && failed[$0, default: 0] > Self.retries && replied["reply-\($0)"] != nil
                }
        }
    }

    /// Both streams, read through the backend once the node has ended.
    func readLog() async throws -> (events: [LogRecord], dead: [LogRecord]) {
        let open = try await LogFiles.open(dataDirectory: "\(folder.path)/data")
        var streams: [Stream: [LogRecord]] = [:]
        for stream in Stream.allCases {
            var next: Int64 = 0
            while true {
                let page = try await open.log.read(stream, from: next, limit: ReadLimit(records: 512))
                guard let last = page.last else { break }
                streams[stream, default: []] += page
                next = last.position.offset + 1
            }
        }
        await open.log.close()
        return (streams[.events, default: []], streams[.dead, default: []])
    }

    func check(_ accepted: [String: String], events: [LogRecord], dead: [LogRecord]) throws {
        var places: [String: [String]] = [:]
        for record in events { places[record.event.attributes.text(of: "id") ?? "", default: []].append("\(record.position)") }
        for (id, position) in accepted {
            #expect(places[id] == [position], "event \(id) was answered 202 at \(position) and stands at \(places[id] ?? [])")
            #expect(places["reply-\(id)", default: []].count >= 1, "the reply to \(id) is not on the log")
        }
        let failed = dead.filter { $0.event.deadLetter?.trigger == "failing" }
        for letter in failed {
            #expect(letter.event.deadLetter?.attempts == Self.retries + 1)
            #expect(letter.event.deadLetter?.reason == .retriesExhausted)
        }
        for (trigger, status) in [("failing", 500), ("rejecting", 422)] {
            let letters = dead.filter { $0.event.deadLetter?.trigger == trigger }
            let ids = letters.compactMap { $0.event.attributes.text(of: "id") }
            #expect(Set(ids).isSuperset(of: accepted.keys), "\(trigger) has lost dead letters")
            #expect(Set(ids).count == ids.count, "\(trigger) has given up twice on one event")
            #expect(letters.allSatisfy { $0.event.deadLetter?.status == status })
        }
        for trigger in ["healthy", "flaky", "replying", "replies"] {
            #expect(!dead.contains { $0.event.deadLetter?.trigger == trigger }, "\(trigger) has given up on an event")
        }
        let letter = try #require(deadLetters.requests.first)
        #expect(letter.header("ce-knativeerrorcode") == "422")
        #expect(letter.header("ce-knativeerrordest") == rejecting.url)
        #expect(letter.header("ce-knativeerrordata") == Base64.encode(Array("not this one".utf8)))
    }

    func summary(_ ids: Set<String>, _ dead: [LogRecord]) -> String {
        let subscribers = [
            ("healthy", healthy, 1), ("flaky", flaky, 3), ("rejecting", rejecting, 1), ("failing", failing, Self.retries + 1),
            ("replying", replying, 1), ("dead letter sink", deadLetters, 1),
        ]
        let counts = subscribers.map { name, subscriber, needed -> String in
            let attempts = subscriber.attempts.filter { ids.contains($0.key) }
            let sum = attempts.values.reduce(0, +)
            return "\(name) \(attempts.count) events in \(sum) attempts (\(sum - attempts.count * needed) again after a kill)"
        }
        return "\(counts.joined(separator: ", ")); \(dead.count) dead letters"
    }
}
