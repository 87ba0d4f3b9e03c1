package import ApusPorts
import Synchronization

/// Wakes those who wait for the next record of a stream. A log's observers cannot be taken back, so there is one for all who come
/// and go.
package final class LogTail: Sendable {
    private let log: any EventLog
    private let stream: Stream
    private let bells = Bells()

    package init(_ log: any EventLog, _ stream: Stream) {
        self.log = log
        self.stream = stream
    }

    /// Runs `body` with a bell that rings after each append that became durable; nothing is left of it afterwards.
    package func withBell<Value>(_ body: (Bell) async throws -> Value) async rethrows -> Value {
        let bell = Bell()
        let id = bells.add(bell)
        defer { bells.remove(id) }
        if bells.beginsToObserve() { log.observe(stream) { [bells] in bells.ring(.appended) } }
        return try await body(bell)
    }

    /// How many wait now, or look at what they were woken for.
    package var bellCount: Int { bells.count }

    /// The log is being closed.
    package func close() { bells.close() }
}

/// The bells of one stream. The log keeps this through its observer, and this keeps no log.
private final class Bells: Sendable {
    private struct State {
        var bells: [UInt64: Bell] = [:]
        var made: UInt64 = 0
        var isObserving = false
        var isClosed = false
    }

    private let state = Mutex(State())

    var count: Int { state.withLock { $0.bells.count } }

    func add(_ bell: Bell) -> UInt64 {
        let (id, isClosed) = state.withLock { state in
            state.made += 1
            state.bells[state.made] = bell
            return (state.made, state.isClosed)
        }
        if isClosed { bell.ring(.closed) }
        return id
    }

    func remove(_ id: UInt64) { state.withLock { _ = $0.bells.removeValue(forKey: id) } }

    /// True for the first who asks.
    func beginsToObserve() -> Bool {
        state.withLock { state in
            defer { state.isObserving = true }
            return !state.isObserving
        }
    }

    /// On the log's own thread: a few locks, and none that is held for long.
    func ring(_ ring: Bell.Ring) {
        let bells = state.withLock { Array($0.bells.values) }
        for bell in bells { bell.ring(ring) }
    }

    func close() {
        state.withLock { $0.isClosed = true }
        ring(.closed)
    }
}

/// What one reader waits for. Rings that come while it is busy are kept, as one of each kind.
package final class Bell: Sendable {
    package struct Ring: OptionSet, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }

        /// There may be more records than before.
        package static let appended = Ring(rawValue: 1)
        /// Time has passed: whoever keeps the reader says how much.
        package static let tick = Ring(rawValue: 2)
        /// The log is closed, the reader has gone, or its task is cancelled.
        package static let closed = Ring(rawValue: 4)
    }

    private struct State {
        var rung: Ring = []
        var waiting: CheckedContinuation<Ring, Never>?
    }

    private let state = Mutex(State())

    init() {}

    package func ring(_ ring: Ring) {
        let waiting = state.withLock { state -> CheckedContinuation<Ring, Never>? in
            guard let waiting = state.waiting else {
                state.rung.formUnion(ring)
                return nil
            }
            state.waiting = nil
            return waiting
        }
        waiting?.resume(returning: ring)
    }

    /// What has rung since it was last asked, without waiting.
    package func take() -> Ring {
        state.withLock { state in
            defer { state.rung = [] }
            return state.rung
        }
    }

    /// Returns when something has rung. One task waits at a time.
    package func wait() async -> Ring {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let rung = state.withLock { state -> Ring in
                    defer { state.rung = [] }
                    if state.rung.isEmpty { state.waiting = continuation }
                    return state.rung
                }
                if !rung.isEmpty { continuation.resume(returning: rung) }
            }
        } onCancel: {
            ring(.closed)
        }
    }
}
