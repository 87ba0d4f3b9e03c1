internal import Dispatch
internal import Synchronization

/// Calls that are made at a time unless they are cancelled before: one thread for all connections, asleep until the earliest.
final class Deadlines: Sendable {
    typealias Action = @Sendable () -> Void

    private struct State {
        var entries: [UInt64: (at: DispatchTime, action: Action)] = [:]
        var lastID: UInt64 = 0
        /// When the thread wakes by itself; nil while it sleeps until it is told.
        var wakesAt: DispatchTime?
    }

    /// Started by the first connection; the error where no thread could be had.
    static let shared: Result<Deadlines, NATSError> = Result { () throws(NATSError) in
        let deadlines = Deadlines()
        try SystemThread.start("nats-timer") { deadlines.work() }
        return deadlines
    }

    private let state = Mutex(State())
    private let wake = DispatchSemaphore(value: 0)

    /// - Returns: what ``cancel(_:)`` takes.
    func schedule(afterMilliseconds milliseconds: Int, _ action: @escaping Action) -> UInt64 {
        let at = DispatchTime.now() + .milliseconds(max(0, milliseconds))
        let (id, mustWake) = state.withLock { state in
            state.lastID += 1
            state.entries[state.lastID] = (at, action)
            let isEarlier = state.wakesAt.map { at < $0 } ?? true
            if isEarlier { state.wakesAt = at }
            return (state.lastID, isEarlier)
        }
        if mustWake { wake.signal() }
        return id
    }

    /// The action is not called after this, unless it is being called now.
    func cancel(_ id: UInt64) { state.withLock { _ = $0.entries.removeValue(forKey: id) } }

    private func work() {
        while true {
            let now = DispatchTime.now()
            let (due, next) = state.withLock { state in
                let due = state.entries.filter { $0.value.at <= now }
                for id in due.keys { state.entries[id] = nil }
                state.wakesAt = state.entries.values.map(\.at).min()
                return (due.sorted { $0.value.at < $1.value.at }.map(\.value.action), state.wakesAt)
            }
            for action in due { action() }
            if let next { _ = wake.wait(timeout: next) } else { wake.wait() }
        }
    }
}
