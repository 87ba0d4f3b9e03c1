internal import Synchronization

/// Answers to requests: one subscription for all, a token of its own for each, and nobody waits on a thread.
final class Replies: Mailbox {
    private struct Waiting {
        var continuation: CheckedContinuation<Result<NATSMessage, NATSError>, Never>
        var deadline: UInt64
    }

    private struct State {
        var waiting: [UInt64: Waiting] = [:]
        var lastToken: UInt64 = 0
        var isSubscribed = false
        var ended: NATSError?
    }

    /// The subject of answers without its last token.
    let prefix: String
    private let deadlines: Deadlines
    private let state = Mutex(State())

    init(deadlines: Deadlines, prefix: String) {
        self.deadlines = deadlines
        self.prefix = prefix
    }

    var isSubscribed: Bool { state.withLock { $0.isSubscribed } }
    func setSubscribed() { state.withLock { $0.isSubscribed = true } }

    /// Sends with a reply subject of its own and waits for one answer. A server that knows nobody who listens says so at once.
    func answer(
        timeoutMilliseconds: Int, send: (_ reply: String, _ failed: @escaping @Sendable (NATSError) -> Void) -> Void
    ) async throws(NATSError) -> NATSMessage {
        let token = state.withLock { state in
            state.lastToken += 1
            return state.lastToken
        }
        let result: Result<NATSMessage, NATSError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                guard wait(token, continuation, timeoutMilliseconds) else { return }
                send("\(prefix).\(token)") { self.finish(token, .failure($0)) }
                if Task.isCancelled { finish(token, .failure(.cancelled)) }
            }
        } onCancel: {
            finish(token, .failure(.cancelled))
        }
        let message = try result.get()
        if message.status == 503 { throw NATSError(.noResponders, "nobody listens there: no responders") }
        return message
    }

    private func wait(
        _ token: UInt64, _ continuation: CheckedContinuation<Result<NATSMessage, NATSError>, Never>, _ timeoutMilliseconds: Int
    ) -> Bool {
        let deadline = deadlines.schedule(afterMilliseconds: timeoutMilliseconds) {
            self.finish(token, .failure(NATSError(.timeout, "no answer within \(timeoutMilliseconds) ms")))
        }
        let ended: NATSError? = state.withLock { state in
            if state.ended == nil { state.waiting[token] = Waiting(continuation: continuation, deadline: deadline) }
            return state.ended
        }
        guard let ended else { return true }
        deadlines.cancel(deadline)
        continuation.resume(returning: .failure(ended))
        return false
    }

    private func finish(_ token: UInt64, _ result: Result<NATSMessage, NATSError>) {
        guard let waiting = state.withLock({ $0.waiting.removeValue(forKey: token) }) else { return }
        deadlines.cancel(waiting.deadline)
        waiting.continuation.resume(returning: result)
    }

    /// Ends every wait: the connection that would have brought the answers is gone. Nothing waits any more once it is closed.
    func failAll(_ error: NATSError) {
        let all = state.withLock { state in
            defer { state.waiting = [:] }
            if error.status == .connectionClosed { state.ended = error }
            return state.waiting.values
        }
        for waiting in all {
            deadlines.cancel(waiting.deadline)
            waiting.continuation.resume(returning: .failure(error))
        }
    }

    func receive(_ message: NATSMessage, dropped: Int) {
        guard let token = Self.token(of: message.subject) else { return }
        finish(token, .success(message))
    }

    func complete() { failAll(.closed) }

    /// The number behind the last dot.
    static func token(of subject: String) -> UInt64? {
        let utf8 = subject.utf8
        guard let dot = utf8.lastIndex(of: UInt8(ascii: ".")) else { return nil }
        return UInt64(String(subject[utf8.index(after: dot)...]))
    }
}
