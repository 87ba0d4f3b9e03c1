internal import Synchronization

/// Messages of one core subject, as they come: what nobody takes in time is lost, counted and said.
///
/// It ends with ``unsubscribe()``, when it is let go, and with its connection.
package final class NATSSubscription: Sendable {
    package let subject: String
    package let queue: String?
    private let core: ConnectionCore
    private let id: UInt
    private let inbox: Inbox

    init(_ core: ConnectionCore, _ subject: String, queue: String?, pending: PendingLimits) async throws(NATSError) {
        self.core = core
        self.subject = subject
        self.queue = queue
        inbox = Inbox(subject: subject, pending: pending, relay: core.relay)
        id = try await core.subscribe(subject, queue: queue, pending: pending, mailbox: inbox)
    }

    deinit { core.unsubscribe(id) }

    /// The messages that are there, at least one and at most `max`, in order; nil when none will follow, and to a
    /// task that was cancelled.
    ///
    /// One task at a time: a second one gets nil.
    package func next(max: Int = .max) async -> [NATSMessage]? { await inbox.next(max: max) }

    /// Messages that were lost because they were not taken in time.
    package var droppedMessages: Int { inbox.droppedMessages }

    /// Ends it at once; ``next(max:)`` still gives what is there already, then nil.
    package func unsubscribe() { core.unsubscribe(id) }

    /// Asks the server for no more; ``next(max:)`` gives what was on its way, then nil.
    package func drain() async throws(NATSError) { try await core.drain(id) }
}

/// A bounded queue between libnats' thread and one task.
final class Inbox: Mailbox {
    private struct State {
        var messages: [NATSMessage] = []
        var bytes = 0
        var dropped = 0
        var droppedByLibrary = 0
        /// Whether the loss was said; it is said anew after the queue was empty.
        var isSlow = false
        var isComplete = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let subject: String
    private let pending: PendingLimits
    private let relay: EventRelay
    private let state = Mutex(State())

    init(subject: String, pending: PendingLimits, relay: EventRelay) {
        self.subject = subject
        self.pending = pending
        self.relay = relay
    }

    var droppedMessages: Int { state.withLock { $0.dropped + $0.droppedByLibrary } }

    func receive(_ message: NATSMessage, dropped: Int) {
        let size = message.sizeBytes
        let (waiter, lost) = state.withLock { state -> (CheckedContinuation<Void, Never>?, Int?) in
            let isTaken = state.messages.count < pending.messagesMax && state.bytes <= pending.bytesMax - size
            let before = state.dropped + state.droppedByLibrary
            state.droppedByLibrary = dropped
            if isTaken {
                state.messages.append(message)
                state.bytes += size
            } else {
                state.dropped += 1
            }
            let lost = state.dropped + dropped
            let isNews = lost > before && !state.isSlow
            if lost > before { state.isSlow = true }
            guard isTaken else { return (nil, isNews ? lost : nil) }
            defer { state.waiter = nil }
            return (state.waiter, isNews ? lost : nil)
        }
        waiter?.resume()
        if let lost { relay.post(.slowConsumer(subject: subject, droppedMessages: lost)) }
    }

    func complete() {
        let waiter = state.withLock { state in
            state.isComplete = true
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    func next(max: Int) async -> [NATSMessage]? {
        while true {
            let (taken, mustWait) = state.withLock { state -> ([NATSMessage]?, Bool) in
                guard !state.messages.isEmpty else { return (nil, !state.isComplete && state.waiter == nil) }
                return (Self.take(max, &state), false)
            }
            guard mustWait, !Task.isCancelled else { return taken }
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let mustResume = state.withLock { state in
                        if state.isComplete || !state.messages.isEmpty || state.waiter != nil { return true }
                        state.waiter = continuation
                        return false
                    }
                    if mustResume { continuation.resume() } else if Task.isCancelled { wake() }
                }
            } onCancel: {
                wake()
            }
        }
    }

    private static func take(_ max: Int, _ state: inout State) -> [NATSMessage] {
        if max >= state.messages.count {
            defer {
                state.messages = []
                state.bytes = 0
                state.isSlow = false
            }
            return state.messages
        }
        let taken = Array(state.messages.prefix(Swift.max(1, max)))
        state.messages.removeFirst(taken.count)
        state.bytes -= taken.reduce(0) { $0 + $1.sizeBytes }
        return taken
    }

    private func wake() {
        let waiter = state.withLock { state in
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }
}
