import ApusPorts
import CloudEvents
import Foundation
import NATSClient
import Synchronization
import TestSupport
import Testing

/// Issue 4's promise for NATS: between the stream and our log nothing is lost, whoever is killed.
///
/// `APUS_ACCEPTANCE=full` runs it on every release with 100 000 messages and ten kills; else it is a small one on one release.
@Suite(.timeLimit(.minutes(15)), .serialized) struct `A NatsSource under fire` {
    struct Size: Sendable, CustomTestStringConvertible {
        var release: NATSServer.Release
        var messages: Int
        var kills: Int
        var leaderKills: Int

        var testDescription: String { "nats-server \(release), \(messages) messages, \(kills) kills" }

        static let all: [Size] =
            ProcessInfo.processInfo.environment["APUS_ACCEPTANCE"] == "full"
            ? NATSServer.Release.allCases.map { Size(release: $0, messages: 100_000, kills: 10, leaderKills: 2) }
            : [Size(release: .pypi, messages: 5000, kills: 3, leaderKills: 1)]
    }

    @Test(arguments: Size.all)
    func `brings each message at least once, and exactly once with the duplicate window`(size: Size) async throws {
        let begun = ContinuousClock.now
        let scene = try await NatsScene(size)
        defer { scene.cluster.stop() }
        var random = SeededRandom(seed: 20_261_121)
        let publisher = Publisher(connection: scene.connection, count: size.messages)
        let publishing = Task { try await publisher.run() }
        var apus = try await scene.serve()
        var leaders: [String] = []
        for life in 0...size.kills {
            // Each life has its share of the messages; the kill comes in the midst of it, and the rest of the share is
            // published while the node is down.
            let start = size.messages * life / (size.kills + 1), end = size.messages * (life + 1) / (size.kills + 1)
            publisher.open(upTo: end)
            guard life < size.kills else { break }
            let moment = start + (end - start) * Int.random(in: 30...90, using: &random) / 100
            try await Patience.wait(for: "message \(moment)", upTo: .seconds(240)) { publisher.published >= moment }
            let killsLeader = leaders.count < size.leaderKills && life >= size.kills * leaders.count / size.leaderKills
            let leader = killsLeader ? try await scene.leader() : nil
            if let leader { await scene.cluster[leader]?.kill() }
            try await apus.killNow()
            apus = try await scene.serve()
            if let leader {
                leaders.append(leader)
                try await Patience.pass(.milliseconds(1500))
                try await scene.cluster[leader]?.restart()
            }
        }
        try await publishing.value
        let stored = try await scene.waitUntilDone()
        try await apus.stop()
        let plain = try await scene.check("plain", size), exact = try await scene.check("exact", size)
        #expect(exact.again == 0, "the duplicate window took out every event that came again")
        // A stream whose leader is killed may have taken a message twice: then they are two messages, and two events at most.
        #expect(exact.events <= Int(stored))
        let seconds = (ContinuousClock.now - begun).components.seconds
        print(
            "nats-server \(size.release): \(size.messages) messages published (\(publisher.refusals) refused, stored \(stored)), "
                + "leaders killed \(leaders.joined(separator: " ")), apus killed \(size.kills) times; "
                + "without the window \(plain.events) events of \(plain.numbers) messages (\(plain.again) again), "
                + "with it \(exact.events) of \(exact.numbers) (\(exact.again) again); \(seconds) s")
    }
}

/// Three nodes with one stream, a node of ours that reads it into two brokers: one with the duplicate window, one without.
private struct NatsScene {
    let cluster: NATSCluster
    let connection: NATSConnection
    let folder: TemporaryFolder
    private var data: String { "\(folder.path)/data" }

    init(_ size: `A NatsSource under fire`.Size) async throws {
        cluster = try await NATSCluster.start(size.release)
        connection = try await NATSConnection.connect(NATSConfiguration(servers: cluster.urls))
        folder = try TemporaryFolder()
        let js = connection.jetStream
        try await insist { () throws(NATSError) in
            try await js.createStream(StreamConfiguration(name: "numbers", subjects: ["numbers"], replicas: 3))
        }
        var manifest = Manifest.broker("plain")
        manifest += Manifest.broker("exact", annotations: ["apus.dev/deduplication-window": "PT1H"])
        for broker in ["plain", "exact"] {
            // What a killed node was given comes again after this time.
            var consumer = ConsumerConfiguration(durableName: broker)
            consumer.ackWaitNanoseconds = 2_000_000_000
            try await insist { () throws(NATSError) in try await js.createConsumer(consumer, stream: "numbers") }
            manifest += Manifest.natsSource(
                broker, servers: cluster.urls, spec: "stream: numbers\ndurable: \(broker)", broker: broker)
        }
        try folder.write(manifest, to: "all.yaml")
    }

    func serve() async throws -> ApusProcess {
        try await ApusProcess.serve(data: data, manifests: ["\(folder.path)/all.yaml"])
    }

    func leader() async throws -> String {
        let js = connection.jetStream
        while true {
            let info = try await insist { () throws(NATSError) in try await js.streamInfo("numbers") }
            if let leader = info.cluster?.leader { return leader }
        }
    }

    /// Returns when the server waits for nothing of either consumer; how many messages the stream has.
    func waitUntilDone() async throws -> UInt64 {
        let js = connection.jetStream
        for consumer in ["plain", "exact"] {
            try await Patience.wait(for: "the consumer \(consumer)", upTo: .seconds(240), every: .milliseconds(100)) {
                let info = try await insist { () throws(NATSError) in
                    try await js.consumerInfo(stream: "numbers", consumer: consumer)
                }
                return info.pendingMessages == 0 && info.ackPendingMessages == 0
            }
        }
        return try await insist { () throws(NATSError) in try await js.streamInfo("numbers") }.state.messages
    }

    /// - Returns: Events on the log, how many messages they are, and how many of them came again.
    func check(
        _ broker: String, _ size: `A NatsSource under fire`.Size
    ) async throws -> (events: Int, numbers: Int, again: Int) {
        let records = try await LogFiles.events(dataDirectory: data, broker: broker)
        var names: [String: Int] = [:], numbers: [Int: Set<String>] = [:]
        for record in records {
            let attributes = record.event.attributes
            let name = "\(attributes.text(of: "source") ?? "") \(attributes.text(of: "id") ?? "")"
            names[name, default: 0] += 1
            let number = try #require(Int(String(decoding: record.event.body, as: UTF8.self)))
            numbers[number, default: []].insert(name)
        }
        let lost = (0..<size.messages).filter { numbers[$0] == nil }
        #expect(lost.isEmpty, "\(broker) has lost \(lost.count): \(lost.prefix(20))")
        return (records.count, numbers.count, records.count - names.count)
    }
}

/// Publishes numbers into a stream, many at once, each again until the stream has it: half of them events, half of them not.
private final class Publisher: Sendable {
    private let connection: NATSConnection
    private let count: Int
    private let gate = Atomic<Int>(0)
    private let done = Atomic<Int>(0)
    private let refused = Atomic<Int>(0)
    private static let workers = 64

    init(connection: NATSConnection, count: Int) {
        self.connection = connection
        self.count = count
    }

    var published: Int { done.load(ordering: .relaxed) }
    var refusals: Int { refused.load(ordering: .relaxed) }

    /// Numbers below this one may be published.
    func open(upTo number: Int) { gate.store(number, ordering: .relaxed) }

    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for worker in 0..<Self.workers {
                group.addTask { [self] in
                    for number in stride(from: worker, to: count, by: Self.workers) { try await publish(number) }
                }
            }
            try await group.waitForAll()
        }
    }

    private func publish(_ number: Int) async throws {
        if number >= gate.load(ordering: .relaxed) {
            try await Patience.wait(for: "leave to publish \(number)", upTo: .seconds(600)) {
                number < gate.load(ordering: .relaxed)
            }
        }
        let js = connection.jetStream
        let headers: NATSHeaders =
            number.isMultiple(of: 2)
            ? ["ce-specversion": "1.0", "ce-id": "\(number)", "ce-source": "/numbers", "ce-type": "number"] : [:]
        try await insist(refusals: refused) { () throws(NATSError) in
            try await js.publish(
                Array("\(number)".utf8), to: "numbers", messageID: "\(number)", headers: headers, timeoutMilliseconds: 2000)
        }
        done.add(1, ordering: .relaxed)
    }
}

/// The same call until it succeeds or fails for good: a cluster that elects refuses for some seconds.
@discardableResult
private func insist<Value: Sendable>(
    refusals: borrowing Atomic<Int> = Atomic(0), _ call: () async throws(NATSError) -> Value
) async throws -> Value {
    while true {
        do throws(NATSError) {
            return try await call()
        } catch {
            // 10005: a cluster that has just begun has no peers.
            guard error.isRetriable || error.jetStreamCode == 10005 else { throw error }
        }
        refusals.add(1, ordering: .relaxed)
        try await Patience.pass(.milliseconds(50))
    }
}
