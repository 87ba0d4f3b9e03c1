internal import Dispatch
internal import Synchronization

/// Takes messages from a durable pull consumer, no more at a time than are asked for.
///
/// libnats 3.4.1 pulls with a call that holds a thread; here the request is a message like any other, and its answers come to a
/// subscription of their own: nothing waits but the task. It ends with ``close()``, when it is let go, and with its connection.
package final class PullConsumer: Sendable {
    package let stream: String
    package let consumer: String
    /// How long the server waits for an acknowledgement before it delivers again.
    package let ackWaitMilliseconds: Int
    private let core: ConnectionCore
    private let pull: Pull

    /// JetStream's own, where a consumer names no other.
    private static let ackWaitNanosecondsDefault: Int64 = 30_000_000_000

    init(_ core: ConnectionCore, stream: String, consumer: String, ackWaitNanoseconds: Int64?) async throws(NATSError) {
        self.stream = stream
        self.consumer = consumer
        self.core = core
        ackWaitMilliseconds = max(1, Int((ackWaitNanoseconds ?? Self.ackWaitNanosecondsDefault) / 1_000_000))
        pull = Pull(core, nextSubject: "$JS.API.CONSUMER.MSG.NEXT.\(stream).\(consumer)")
        try await pull.open()
    }

    deinit { pull.close() }

    /// The messages that are there, at least one and at most `max`; none when none came within `waitMilliseconds`.
    ///
    /// One task at a time. A cancelled wait loses nothing: what comes is kept for the next fetch. Throws what JetStream says
    /// (`Consumer Deleted`, `noResponders` without a leader), `connectionClosed` after the end. While the connection is
    /// lost it waits, and asks again when it is back.
    package func fetch(max: Int, waitMilliseconds: Int) async throws(NATSError) -> [JetStreamMessage] {
        try await pull.fetch(max: Swift.max(1, max), waitMilliseconds: waitMilliseconds)
    }

    /// Whether a request for messages stands at the server, as far as is known here: not while the connection is lost.
    package var isAsking: Bool { pull.isAsking }

    /// Says what became of messages that were fetched, all at once; returns when libnats has it.
    package func settle(_ outcomes: [(message: JetStreamMessage, outcome: JetStreamMessage.Outcome)]) async throws(NATSError) {
        try await core.publish(outcomes.map { $0.message.acknowledgement($0.outcome) })
    }

    /// Begins the acknowledgement wait anew for these messages, and for those that came and were not fetched yet.
    package func keepAtWork(_ messages: [JetStreamMessage]) {
        for message in messages { message.postInProgress() }
        pull.keepAtWork()
    }

    /// Ends it; what was delivered and not fetched is given back to the server, which delivers it again.
    package func close() { pull.close() }
}

/// The state of a pull consumer: at most one request stands at the server, for as many messages as one fetch wants.
final class Pull: Mailbox {
    private struct Request {
        var token: UInt64
        var remaining: Int
        var watch: UInt64
    }

    private struct State {
        var messages: [JetStreamMessage] = []
        var request: Request?
        var lastToken: UInt64 = 0
        /// When the server last said anything.
        var heardAt = DispatchTime.now()
        var waiter: CheckedContinuation<Void, Never>?
        /// What the waiting fetch asked for.
        var wanted = 0
        var problem: NATSError?
        var isClosed = false
        /// What libnats is given while the connection is lost goes out when it is back: no request stands until then.
        var isConnected = true
        var subscription: UInt?
        var observer: UInt64?
    }

    private let core: ConnectionCore
    private let nextSubject: String
    private let inbox = ConnectionCore.newInbox()
    private let state = Mutex(State())

    /// A request that stands this long unfilled is made anew.
    private static let requestMilliseconds = 30_000
    /// The server says this often that it has the request; twice in vain, and the request is lost.
    private static let heartbeatMilliseconds = 5000

    init(_ core: ConnectionCore, nextSubject: String) {
        self.core = core
        self.nextSubject = nextSubject
    }

    func open() async throws(NATSError) {
        let id = try await core.subscribe("\(inbox).*", queue: nil, pending: .unbounded, mailbox: self)
        let observer = core.relay.observe { [weak self] event in self?.follow(event) }
        state.withLock {
            $0.subscription = id
            $0.observer = observer
        }
    }

    func close() {
        let (subscription, observer, messages) = state.withLock { state in
            state.isClosed = true
            defer {
                state.subscription = nil
                state.observer = nil
                state.messages = []
            }
            return (state.subscription, state.observer, state.messages)
        }
        if let observer { core.relay.removeObserver(observer) }
        if let subscription { core.unsubscribe(subscription) }
        for message in messages { message.postNak() }
        endRequest()
        wake()
    }

    var isAsking: Bool { state.withLock { $0.request != nil } }

    func keepAtWork() {
        for message in state.withLock({ $0.messages }) { message.postInProgress() }
    }

    // MARK: - Fetching

    func fetch(max: Int, waitMilliseconds: Int) async throws(NATSError) -> [JetStreamMessage] {
        if let taken = try take(max) { return taken }
        let overdue = core.deadlines.schedule(afterMilliseconds: waitMilliseconds) { self.wake() }
        defer { core.deadlines.cancel(overdue) }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let mustResume = state.withLock { state in
                    if state.waiter != nil || state.isClosed || !state.messages.isEmpty || state.problem != nil { return true }
                    state.waiter = continuation
                    state.wanted = max
                    return false
                }
                if mustResume { return continuation.resume() }
                ask()
                if Task.isCancelled { wake() }
            }
        } onCancel: {
            wake()
        }
        return try take(max) ?? []
    }

    /// Nil where nothing is there yet.
    private func take(_ max: Int) throws(NATSError) -> [JetStreamMessage]? {
        let result: Result<[JetStreamMessage]?, NATSError> = state.withLock { state in
            if !state.messages.isEmpty {
                let taken = Array(state.messages.prefix(max))
                state.messages.removeFirst(taken.count)
                return .success(taken)
            }
            if let problem = state.problem {
                state.problem = nil
                return .failure(problem)
            }
            return state.isClosed ? .failure(.closed) : .success(nil)
        }
        return try result.get()
    }

    private func wake() {
        let waiter = state.withLock { state in
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    // MARK: - The request at the server

    /// Makes a request where none stands and somebody waits.
    private func ask() {
        let request: (token: UInt64, count: Int)? = state.withLock { state in
            guard state.request == nil, state.waiter != nil, state.isConnected, !state.isClosed else { return nil }
            state.lastToken += 1
            state.heardAt = .now()
            state.request = Request(token: state.lastToken, remaining: state.wanted, watch: 0)
            return (state.lastToken, state.wanted)
        }
        guard let request else { return }
        watch(request.token)
        let milliseconds = Self.requestMilliseconds
        let body =
            "{\"batch\": \(request.count), \"expires\": \(milliseconds)000000, "
            + "\"idle_heartbeat\": \(Self.heartbeatMilliseconds)000000}"
        core.post(
            NATSMessage(subject: nextSubject, reply: "\(inbox).\(request.token)", payload: Array(body.utf8))
        ) { error in
            self.end(request.token, error)
        }
    }

    /// Looks whether the server still has the request, for as long as it stands.
    private func watch(_ token: UInt64) {
        let deadline = core.deadlines.schedule(afterMilliseconds: Self.heartbeatMilliseconds * 2) { [weak self] in
            guard let self else { return }
            // What is heard meanwhile is later than any moment that was looked at before: moments are compared, not subtracted.
            let isLost = state.withLock { $0.heardAt } + .milliseconds(Self.heartbeatMilliseconds * 19 / 10) <= .now()
            if isLost { end(token, nil) } else { watch(token) }
        }
        let isKept = state.withLock { state in
            guard state.request?.token == token else { return false }
            state.request?.watch = deadline
            return true
        }
        if !isKept { core.deadlines.cancel(deadline) }
    }

    /// The request stands no more. With an error the fetch throws it; without, it asks again while it waits.
    private func end(_ token: UInt64, _ error: NATSError?) {
        let watch: UInt64? = state.withLock { state in
            guard let request = state.request, request.token == token else { return nil }
            state.request = nil
            if let error { state.problem = error }
            return request.watch
        }
        guard let watch else { return }
        core.deadlines.cancel(watch)
        if error == nil { ask() } else { wake() }
    }

    private func endRequest() {
        let watch = state.withLock { state in
            defer { state.request = nil }
            return state.request?.watch
        }
        if let watch { core.deadlines.cancel(watch) }
    }

    private func follow(_ event: NATSEvent) {
        switch event {
        case .disconnected:
            state.withLock { $0.isConnected = false }
            endRequest()
        case .reconnected:
            state.withLock { $0.isConnected = true }
            ask()
        default: break
        }
    }

    // MARK: - What comes

    func receive(_ message: NATSMessage, dropped: Int) {
        guard let delivered = JetStreamMessage(message, core: core) else { return receiveStatus(message) }
        let (waiter, watch, isKept) = state.withLock { state -> (CheckedContinuation<Void, Never>?, UInt64?, Bool) in
            guard !state.isClosed else { return (nil, nil, false) }
            state.heardAt = .now()
            state.messages.append(delivered)
            state.request?.remaining -= 1
            var watch: UInt64?
            if let request = state.request, request.remaining <= 0 {
                watch = request.watch
                state.request = nil
            }
            defer { state.waiter = nil }
            return (state.waiter, watch, true)
        }
        if let watch { core.deadlines.cancel(watch) }
        waiter?.resume()
        if !isKept { delivered.postNak() }
    }

    /// 100 heartbeat, 408 expired, 404 and 409 refused, 503 nobody there.
    private func receiveStatus(_ message: NATSMessage) {
        guard let status = message.status, let token = Replies.token(of: message.subject) else { return }
        switch status {
        case 100: state.withLock { $0.heardAt = .now() }
        case 408: end(token, nil)
        case 503: end(token, NATSError(.noResponders, "nobody answers for the consumer: no responders"))
        default:
            let text = message.statusText.isEmpty ? "status \(status)" : message.statusText
            end(token, NATSError(.jetStream, text, jetStreamCode: nil, isRetriable: !Self.isFinal(text)))
        }
    }

    /// What stays as it is until someone changes the consumer.
    private static func isFinal(_ text: String) -> Bool {
        ["Consumer Deleted", "Consumer is push based", "Exceeded MaxRequest"].contains { text.contains($0) }
    }

    func complete() {
        state.withLock { $0.isClosed = true }
        endRequest()
        wake()
    }
}
