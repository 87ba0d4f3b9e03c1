internal import Dispatch
internal import Synchronization

/// Something that happens again and again, and tasks that wait for the next time.
final class Signal: Sendable {
    enum Awakening: Sendable {
        case raised, ended, cancelled
    }

    private struct State {
        var count: UInt64 = 0
        var isEnded = false
        var next: UInt64 = 0
        var waiters: [UInt64: CheckedContinuation<Awakening, Never>] = [:]
    }

    private let state = Mutex(State())

    /// To be taken before one looks whether there is something to do, so that ``wait(after:)`` misses nothing.
    var mark: UInt64 { state.withLock { $0.count } }

    /// May be called from a thread of librdkafka's that holds a lock of its queue: it waits for nothing.
    func raise() { wake(.raised) { $0.count &+= 1 } }

    func end() { wake(.ended) { $0.isEnded = true } }

    private func wake(_ awakening: Awakening, _ change: (inout sending State) -> Void) {
        let waiters = state.withLock { state in
            change(&state)
            defer { state.waiters = [:] }
            return state.waiters
        }
        for waiter in waiters.values { waiter.resume(returning: awakening) }
    }

    /// Waits until it was raised since `mark`.
    func wait(after mark: UInt64) async -> Awakening {
        let id = state.withLock { state in
            state.next += 1
            return state.next
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let now: Awakening? = state.withLock { state in
                    if state.isEnded { return .ended }
                    if Task.isCancelled { return .cancelled }
                    if state.count != mark { return .raised }
                    state.waiters[id] = continuation
                    return nil
                }
                if let now { continuation.resume(returning: now) }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: id) }?.resume(returning: .cancelled)
        }
    }
}

/// Something that happens once; who comes later does not wait.
final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    func open() {
        let waiters = state.withLock { state in
            state.isOpen = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    func wait() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiters.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }
}

/// A thread for one call that may block, so that the cooperative pool never does.
enum BlockingCall {
    /// Each has a queue of its own, hence a thread of its own: one that is stuck holds up no other.
    static func start(_ name: String, _ body: @escaping @Sendable () -> Void) {
        DispatchQueue(label: "apus.kafka.\(name)").async(execute: body)
    }

    static func value<Value: Sendable>(
        _ name: String, _ body: @escaping @Sendable () throws(KafkaError) -> Value
    ) async throws(KafkaError) -> Value {
        let result: Result<Value, KafkaError> = await withCheckedContinuation { continuation in
            start(name) { continuation.resume(returning: Result { () throws(KafkaError) in try body() }) }
        }
        return try result.get()
    }
}

extension Duration {
    /// Whole milliseconds as C takes them, at least 1.
    var milliseconds: Int32 {
        let (seconds, attoseconds) = components
        return Int32(
            clamping: max(1, seconds.multipliedReportingOverflow(by: 1000).partialValue + attoseconds / 1_000_000_000_000_000))
    }
}
