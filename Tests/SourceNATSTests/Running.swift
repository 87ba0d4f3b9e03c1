import ApusPorts
import ApusResources
import ApusTesting
import CloudEvents
import NATSClient
import SourceNATS
import Synchronization
import TestSupport

/// A NatsSource that runs against a real server, with a sink that is scripted and tells each call.
final class Running: Sendable {
    let emitter: RecordingEmitter
    let reporter = RecordingReporter()
    let calls: AsyncStream<Int>
    private let task: Task<SourceFailure?, Never>

    /// - Parameters:
    ///   - pauseMax: waits of the source end after this time at the latest.
    ///   - script: what the sink answers to a call; nil takes it.
    ///   - hold: the sink takes this long before it answers.
    init(
        _ manifest: String, pauseMax: Duration = .milliseconds(5), script: @escaping RecordingEmitter.Script = { _, _ in nil },
        hold: @escaping @Sendable () async -> Void = {}
    ) throws {
        let resource = try SourceHarness(NatsSource.self).resource(manifest)
        let source = try NatsSource.make(resource)
        let (calls, continuation) = AsyncStream<Int>.makeStream()
        self.calls = calls
        let emitter = RecordingEmitter { call, events in
            let failure = script(call, events)
            continuation.yield(failure == nil ? events.count : 0)
            return failure
        }
        self.emitter = emitter
        let ids = Counter()
        let context = SourceContext(
            identity: resource.identity, uid: resource.metadata.uid, emitter: HoldingEmitter(inner: emitter, hold: hold),
            progress: StoredProgress(MemoryProgress(), uid: resource.metadata.uid), reporter: reporter,
            clock: SourceClock(now: { Timestamp(nanoseconds: 0) }, sleep: { try? await Patience.pass(min($0, pauseMax)) }),
            makeID: { "id-\(ids.next())" }, seed: 1)
        task = Task {
            do throws(SourceFailure) {
                try await source.run(context)
                return nil
            } catch {
                return error
            }
        }
    }

    deinit { task.cancel() }

    /// Returns when the sink has taken so many events.
    func taken(_ count: Int) async {
        var left = count
        for await events in calls {
            left -= events
            if left <= 0 { return }
        }
    }

    /// Cancels it; why it ended by itself, if it did.
    func stop() async -> SourceFailure? {
        task.cancel()
        return await task.value
    }

    /// Why it ended by itself.
    func end() async -> SourceFailure? { await task.value }

    /// Returns when the source says that it is ready.
    func whenReady() async throws {
        try await Patience.wait(for: "the source to be ready") { reporter.readiness.contains(.ready) }
    }

    private final class Counter: Sendable {
        private let last = Atomic<Int>(0)
        func next() -> Int { last.add(1, ordering: .relaxed).newValue }
    }
}

/// A sink that takes its time.
private struct HoldingEmitter: EventEmitter {
    let inner: RecordingEmitter
    let hold: @Sendable () async -> Void

    func emit(_ events: [SourceEvent]) async throws(EmitFailure) {
        await hold()
        try await inner.emit(events)
    }

    func bury(_ record: RawRecord) async throws(EmitFailure) { try await inner.bury(record) }
}

/// A manifest with these lines of JSON in its spec.
func manifest(_ spec: String) -> String {
    """
    {"apiVersion": "sources.apus.dev/v1alpha1", "kind": "NatsSource", "metadata": {"name": "orders"},
     "spec": {\(spec), "sink": {"uri": "http://localhost/"}}}
    """
}
