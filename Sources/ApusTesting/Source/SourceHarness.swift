package import ApusPorts
package import ApusResources
package import CloudEvents
internal import Synchronization

/// An emitter that remembers what it was given, and refuses as it is told.
package final class RecordingEmitter: EventEmitter {
    /// What becomes of a batch; nil where it is taken. The number counts calls from 1.
    package typealias Script = @Sendable (_ call: Int, _ events: [SourceEvent]) -> EmitFailure?

    private struct State {
        var script: Script
        var calls = 0
        var batches: [[SourceEvent]] = []
        var buried: [RawRecord] = []
    }

    private let state: Mutex<State>

    package init(script: @escaping Script = { _, _ in nil }) { state = Mutex(State(script: script)) }

    /// What was taken, in order; of a batch that failed, what was kept of it.
    package var events: [SourceEvent] { state.withLock { $0.batches.flatMap { $0 } } }
    package var batches: [[SourceEvent]] { state.withLock { $0.batches } }
    package var buried: [RawRecord] { state.withLock { $0.buried } }
    package var calls: Int { state.withLock { $0.calls } }

    package func setScript(_ script: @escaping Script) { state.withLock { $0.script = script } }

    package func emit(_ events: [SourceEvent]) async throws(EmitFailure) {
        let failure = state.withLock { state -> EmitFailure? in
            state.calls += 1
            let failure = state.script(state.calls, events)
            let kept = Array(events.prefix(failure?.kept ?? events.count))
            if !kept.isEmpty { state.batches.append(kept) }
            return failure
        }
        if let failure { throw failure }
    }

    package func bury(_ record: RawRecord) async throws(EmitFailure) { state.withLock { $0.buried.append(record) } }
}

/// Progress in memory, which outlives the sources of a harness.
package final class MemoryProgress: ProgressStore {
    private struct State {
        var values: [String: [String: [UInt8]]] = [:]
        var failure: LogError?
    }

    private let state = Mutex(State())

    package init() {}

    /// Every call fails with it, until it is nil again.
    package func setFailure(_ failure: LogError?) { state.withLock { $0.failure = failure } }

    package func loadProgress(of uid: String, _ name: String) async throws(LogError) -> [UInt8]? {
        let (value, failure) = state.withLock { ($0.values[uid]?[name], $0.failure) }
        if let failure { throw failure }
        return value
    }

    package func saveProgress(of uid: String, _ name: String, _ value: [UInt8]?) async throws(LogError) {
        let failure = state.withLock { state in
            if state.failure == nil { state.values[uid, default: [:]][name] = value }
            return state.failure
        }
        if let failure { throw failure }
    }

    package func forgetProgress(of uid: String) async throws(LogError) { state.withLock { $0.values[uid] = nil } }
}

/// Remembers what a source says of itself.
package final class RecordingReporter: SourceReporter {
    private struct State {
        var readiness: [Readiness] = []
        var notes: [String: String] = [:]
        var missed = 0
    }

    private let state = Mutex(State())

    package init() {}

    package var readiness: [Readiness] { state.withLock { $0.readiness } }
    package var notes: [String: String] { state.withLock { $0.notes } }
    package var missedCount: Int { state.withLock { $0.missed } }

    package func report(_ readiness: Readiness) { state.withLock { $0.readiness.append(readiness) } }
    package func note(_ name: String, _ value: String?) { state.withLock { $0.notes[name] = value } }
    package func missed(_ events: Int) { state.withLock { $0.missed += events } }
}

/// A source under test, with a simulated clock: nothing waits for real time.
package final class SourceHarness: Sendable {
    package let kind: any SourceKind.Type
    package let executor: SimExecutor
    package let emitter = RecordingEmitter()
    package let progress = MemoryProgress()
    package let reporter = RecordingReporter()
    private let uids = Mutex(0)

    package init(_ kind: any SourceKind.Type, now: Timestamp = Timestamp(nanoseconds: 1_767_225_600_000_000_000)) {
        self.kind = kind
        executor = SimExecutor(now: now)
    }

    package func resource(_ manifest: String) throws -> SourceResource {
        let resource = try Resource(json: Array(manifest.utf8), catalog: SourceCatalog([kind.schema]))
        guard case .source(var source) = resource else { throw FieldErrors([]) }
        source.metadata.uid = "5ff86b22"
        return source
    }

    private func context(of resource: SourceResource) -> SourceContext {
        let executor = executor
        return SourceContext(
            identity: resource.identity, uid: resource.metadata.uid, emitter: emitter,
            progress: StoredProgress(progress, uid: resource.metadata.uid), reporter: reporter,
            clock: SourceClock(now: { executor.now }, sleep: { await executor.pause(for: $0) }),
            makeID: { [self] in
                uids.withLock { number in
                    number += 1
                    return "id-\(number)"
                }
            }, seed: 1)
    }

    /// Runs a source of the resource for so long on the simulated clock, cancels it, and waits until it has ended.
    ///
    /// - Returns: Why it ended by itself; nil where it ran until it was cancelled.
    @discardableResult
    package func run(_ resource: SourceResource, for duration: Duration) throws -> SourceFailure? {
        let source = try kind.make(resource), context = context(of: resource), executor = executor
        return executor.run {
            await withTaskGroup(of: Ending.self) { group in
                group.addTask {
                    do throws(SourceFailure) {
                        try await source.run(context)
                        return .cancelled
                    } catch {
                        return .failed(error)
                    }
                }
                group.addTask {
                    await executor.pause(for: duration)
                    return .elapsed
                }
                let first = await group.next()
                group.cancelAll()
                await group.waitForAll()
                if case .failed(let failure) = first { return failure }
                return first == .cancelled ? SourceFailure(reason: "Ended", message: "It returned by itself.") : nil
            }
        }
    }

    private enum Ending: Equatable {
        case cancelled, elapsed
        case failed(SourceFailure)
    }
}
