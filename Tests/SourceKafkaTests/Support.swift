import ApusPorts
import ApusResources
import ApusTesting
import CloudEvents
import Dispatch
import KafkaClient
import Synchronization
import TestSupport

@testable import SourceKafka

/// What a sink waits for before it takes anything; nothing, unless it is closed.
final class Hold: Sendable {
    private let state = Mutex<(stream: AsyncStream<Void>, continuation: AsyncStream<Void>.Continuation)?>(nil)
    private let waiting = Atomic<Int>(0)

    var isWaitedFor: Bool { waiting.load(ordering: .acquiring) > 0 }

    func close() { state.withLock { $0 = AsyncStream.makeStream(of: Void.self) } }
    func open() { state.withLock { $0?.continuation.finish() } }

    fileprivate func wait(_ noticed: AsyncStream<Void>.Continuation) async {
        guard let stream = state.withLock({ $0?.stream }) else { return }
        waiting.add(1, ordering: .acquiringAndReleasing)
        noticed.yield()
        for await _ in stream {}
    }
}

/// Passes on what a source does, and tells who waits that there is something new.
private struct Noticing: EventEmitter {
    let emitter: RecordingEmitter
    let noticed: AsyncStream<Void>.Continuation
    let hold: Hold

    func emit(_ events: [SourceEvent]) async throws(EmitFailure) {
        defer { noticed.yield() }
        await hold.wait(noticed)
        try await emitter.emit(events)
    }

    func bury(_ record: RawRecord) async throws(EmitFailure) {
        try await emitter.bury(record)
        noticed.yield()
    }
}

private final class NoticingReporter: SourceReporter {
    let reporter: RecordingReporter
    let noticed: AsyncStream<Void>.Continuation

    init(_ reporter: RecordingReporter, _ noticed: AsyncStream<Void>.Continuation) {
        self.reporter = reporter
        self.noticed = noticed
    }

    func report(_ readiness: Readiness) {
        reporter.report(readiness)
        noticed.yield()
    }

    func note(_ name: String, _ value: String?) {
        reporter.note(name, value)
        noticed.yield()
    }

    func missed(_ events: Int) { reporter.missed(events) }
}

/// A KafkaSource on a mock cluster, with its sink and its status in memory, in real time.
struct Scene: Sendable {
    let cluster: KafkaCluster
    let emitter = RecordingEmitter()
    let reporter = RecordingReporter()
    let hold = Hold()
    var secrets = SecretLookup.none
    private let noticed = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    private init(_ cluster: KafkaCluster) { self.cluster = cluster }

    /// Another node's source of the same group.
    func another() -> Scene { Scene(cluster) }

    /// A cluster with the topic `orders`.
    static func start(partitions: Int = 1) async throws -> Scene {
        let cluster = try await KafkaCluster.start()
        try await cluster.createTopic("orders", partitions: partitions)
        return Scene(cluster)
    }

    /// Its clock waits really: librdkafka has no simulated one.
    private var context: SourceContext {
        SourceContext(
            identity: ResourceIdentity(kind: "KafkaSource", namespace: "shop", name: "intake"), uid: "5ff86b22",
            emitter: Noticing(emitter: emitter, noticed: noticed.continuation, hold: hold),
            progress: StoredProgress(MemoryProgress(), uid: "5ff86b22"),
            reporter: NoticingReporter(reporter, noticed.continuation),
            clock: SourceClock(
                now: { Timestamp(nanoseconds: 0) },
                sleep: { duration in
                    let (stream, end) = AsyncStream.makeStream(of: Void.self)
                    let milliseconds = Int(duration / .milliseconds(1))
                    DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(milliseconds)) { end.finish() }
                    for await _ in stream {}
                }),
            makeID: { "id" }, seed: 1, secrets: secrets)
    }

    func resource(_ more: String = "", topics: String = "\"orders\"", servers: [String]? = nil) throws -> SourceResource {
        let servers = (servers ?? cluster.bootstrapServers).map { "\"\($0)\"" }.joined(separator: ",")
        let json = """
            {"apiVersion": "sources.knative.dev/v1", "kind": "KafkaSource",
             "metadata": {"name": "intake", "namespace": "shop", "annotations": {"apus.dev/session-timeout": "PT4S"}},
             "spec": {"bootstrapServers": [\(servers)], "topics": [\(topics)], "consumerGroup": "g", \(more)
                      "sink": {"uri": "http://localhost/"}}}
            """
        guard case .source(let source) = try Resource(json: Array(json.utf8), catalog: SourceCatalog([KafkaSource.schema])) else {
            throw FieldErrors([])
        }
        return source
    }

    /// Runs a source while `body` runs, and waits until it has let go.
    @discardableResult
    func run(
        _ resource: SourceResource, while body: @escaping @Sendable () async throws -> Void
    ) async throws -> SourceFailure? {
        let source = try KafkaSource.make(resource), context = context
        let task = Task { () -> SourceFailure? in
            do throws(SourceFailure) {
                try await source.run(context)
                return nil
            } catch { return error }
        }
        do {
            try await body()
        } catch {
            task.cancel()
            _ = await task.value
            throw error
        }
        task.cancel()
        return await task.value
    }

    func send(_ values: [String], partition: Int32 = 0, headers: [KafkaHeader] = []) async throws {
        let producer = try KafkaProducer(
            KafkaConfiguration(bootstrapServers: cluster.bootstrapServers, properties: ["linger.ms": "1"]))
        let messages = values.map {
            KafkaMessage(topic: "orders", partition: partition, value: Array($0.utf8), headers: headers)
        }
        for result in await producer.send(contentsOf: messages) { _ = try result.get() }
        await producer.close()
    }

    /// The group's commits of `orders`.
    func committed(_ partitions: Int32 = 1) async throws -> [Int32: Int64] {
        let consumer = try KafkaConsumer(KafkaConfiguration(bootstrapServers: cluster.bootstrapServers), group: "g")
        let committed = try await consumer.committed((0..<partitions).map { KafkaPartition("orders", $0) })
        await consumer.close()
        return Dictionary(uniqueKeysWithValues: committed.map { ($0.key.partition, $0.value) })
    }

    var bodies: [String] { emitter.events.map { String(decoding: $0.body, as: UTF8.self) } }
    var ids: [String] { emitter.events.map { $0.attributes.text(of: "id") ?? "" } }

    /// Looks again whenever the source did or said something; the test's own limit is the end.
    func wait(until condition: @Sendable () -> Bool) async throws {
        if condition() { return }
        for await _ in noticed.stream where condition() { return }
        throw CancellationError()
    }

    func waitForReason(_ reason: String) async throws -> String {
        try await wait { message(reason) != nil }
        return message(reason) ?? ""
    }

    private func message(_ wanted: String) -> String? {
        reporter.readiness.lazy.compactMap { if case .notReady(wanted, let message) = $0 { message } else { nil } }.first
    }

    /// Until its group gave it this number of partitions.
    func waitUntilAssigned(_ partitions: Int) async throws {
        try await wait { reporter.notes["partitions"] == String(partitions) }
    }

    func waitUntilReady() async throws { try await wait { reporter.readiness.last == .ready } }
}
