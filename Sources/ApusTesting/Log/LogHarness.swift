package import ApusPorts
package import CloudEvents
internal import Foundation
internal import Synchronization

/// A clock that stands still until a test moves it.
package final class TestClock: Sendable {
    private let time: Mutex<Timestamp>

    /// Begins at 2026-01-01T00:00:00Z.
    package init(_ start: Timestamp = Timestamp(nanoseconds: 1_767_225_600_000_000_000)) { time = Mutex(start) }

    package var now: Timestamp { time.withLock { $0 } }

    package func advance(seconds: Int64) { time.withLock { $0.nanoseconds += seconds * 1_000_000_000 } }

    /// The moment so many seconds from now.
    package func moment(_ seconds: Int64) -> Timestamp { Timestamp(nanoseconds: now.nanoseconds + seconds * 1_000_000_000) }
}

/// A folder below the system's temporary one that goes with its last owner.
package final class TemporaryFolder: Sendable {
    package let path: String

    package init() throws {
        path = NSTemporaryDirectory() + "apus-" + UUID().uuidString.lowercased()
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// A backend under test: a broker's log of its own in a folder of its own.
package final class LogHarness: Sendable {
    package let backend: any LogBackend.Type
    package let clock: TestClock
    private let folder: TemporaryFolder

    package init(_ backend: any LogBackend.Type) throws {
        self.backend = backend
        clock = TestClock()
        folder = try TemporaryFolder()
    }

    /// Opens the log; a second time, once the first is closed, it is the same log again.
    package func open() async throws -> OpenLog {
        let clock = clock
        return try await backend.open(
            BackendContext(
                namespace: "default", broker: "contract", uid: "5ff86b22", dataDirectory: folder.path, clock: { clock.now }))
    }
}

/// Keeps the outcomes that a log told, and waits for them.
package final class OutcomeRecorder: AppendReceiver {
    private struct State {
        var calls: [[AppendOutcome]] = []
        var waiting: [(count: Int, CheckedContinuation<Void, Never>)] = []

        var count: Int { calls.reduce(0) { $0 + $1.count } }
    }

    private let state = Mutex(State())

    package init() {}

    package func appended(_ outcomes: [AppendOutcome]) {
        let ready = state.withLock { state in
            state.calls.append(outcomes)
            let count = state.count
            defer { state.waiting.removeAll { $0.count <= count } }
            return state.waiting.filter { $0.count <= count }.map(\.1)
        }
        for continuation in ready { continuation.resume() }
    }

    /// The outcomes of each call, once there are `count` of them in all.
    package func calls(outcomes count: Int) async -> [[AppendOutcome]] {
        await withCheckedContinuation { continuation in
            let isReady = state.withLock { state in
                if state.count < count { state.waiting.append((count, continuation)) }
                return state.count >= count
            }
            if isReady { continuation.resume() }
        }
        return state.withLock { $0.calls }
    }

    package var count: Int { state.withLock { $0.count } }
}

extension EventLog {
    /// Appends one batch and waits for what becomes of it.
    @discardableResult
    package func append(
        _ records: [EventRecord], to stream: ApusPorts.Stream = .events, changes: CursorChange? = nil
    ) async throws(LogError) -> Position {
        let recorder = OutcomeRecorder()
        append(AppendBatch(stream: stream, records: records, changes: changes, receiver: recorder, token: 7))
        return try await recorder.calls(outcomes: 1)[0][0].result.get()
    }
}

extension CursorStore {
    /// Makes one change and waits until it is durable.
    package func commit(_ change: CursorChange) async throws(LogError) {
        let recorder = OutcomeRecorder()
        commit(change, receiver: recorder, token: 8)
        _ = try await recorder.calls(outcomes: 1)[0][0].result.get()
    }
}
