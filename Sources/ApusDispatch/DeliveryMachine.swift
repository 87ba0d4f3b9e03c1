package import ApusPorts
package import CloudEvents

/// Decides what becomes of one event for one trigger. Pure: no clock, no I/O.
///
///     ready ──begin──► attempting ──2xx─────────────────────────────────────► settled
///       │                 │  │ │                                                 ▲
///       │ waits behind    │  │ └─200 + event──► replying ──stored────────────────┤
///       │ its key         │  │                     │ cannot be                   │
///       │                 │  │ failed,             │ stored: failed              │
///       │                 │  │ none left           ▼                             │
///       │                 │  └───────────────► burying ─────stored───────────────┘
///       ▼                 │ failed, attempts left
///     parking ◄───────────┘
///       │ stored
///       ▼
///     parked ──due: a machine that resumes──► ready
///
/// Nothing is left behind before it is durable (law 3): a write that fails keeps the state and is tried again, 1 s later, then
/// 2 s, up to 30 s. Only the driver knows where the event stands; the machine knows what came of it so far.
package struct DeliveryMachine: Sendable {
    package enum State: Sendable, Equatable {
        case ready
        case attempting
        case parking
        case parked
        case burying(DeadLetter.Reason)
        indirect case replying(EventRecord)
        /// The reply had no hops left: it is the reply that becomes a dead letter (promise 7).
        indirect case buryingReply(EventRecord)
        case settled
    }

    package enum Action: Sendable, Equatable {
        /// The event is delivered: nothing more is to be written but the cursor.
        case settle
        /// Write that the event waits until then.
        case park(dueAt: Timestamp)
        /// Write the event to the dead stream.
        case bury(DeadLetter.Reason)
        /// Put the subscriber's reply through the one door.
        indirect case reply(EventRecord)
        /// Write the reply to the dead stream: its hops ran out.
        indirect case buryReply(EventRecord)
        /// Give up without a trace on the log: a dead letter's own sink failed (promise 17).
        case abandon(DeadLetter.Reason)
        /// The write failed: make it again then.
        case again(after: Duration)
    }

    /// What the machine has to know of the trigger and the event when an attempt ends.
    package struct Terms: Sendable {
        package var retry: RetryPolicy
        /// Hops that the event has left.
        package var hops: UInt8
        /// Dead letters are not buried again, and their sinks do not reply.
        package var stream: Stream
        /// Whether a reply and the settling of its cause are one transaction: such a write is tried again until it holds.
        package var isAtomic: Bool

        package init(retry: RetryPolicy, hops: UInt8, stream: Stream, isAtomic: Bool) {
            self.retry = retry
            self.hops = hops
            self.stream = stream
            self.isAtomic = isAtomic
        }
    }

    package private(set) var state = State.ready
    /// Attempts that were begun.
    package private(set) var attempts: Int
    package private(set) var firstAttemptAt: Timestamp?
    package private(set) var lastAttemptAt: Timestamp?
    /// Of the last attempt, where it failed; of an answer whose reply ran out of hops too.
    package private(set) var failure: Failure?
    private var storeFailures = 0

    package init(attempts: Int = 0, firstAttemptAt: Timestamp? = nil) {
        self.attempts = attempts
        self.firstAttemptAt = firstAttemptAt
    }

    /// Goes on with an event that was parked: its attempts count.
    package init(resuming parked: ParkedEvent) { self.init(attempts: parked.attempts, firstAttemptAt: parked.firstAttemptAt) }

    /// The next attempt is being made.
    package mutating func begin(now: Timestamp) {
        precondition(state == .ready, "an attempt begins when the last one is dealt with")
        state = .attempting
        attempts += 1
        firstAttemptAt = firstAttemptAt ?? now
        lastAttemptAt = now
    }

    /// The attempt has ended.
    package mutating func finished(
        _ outcome: Outcome, on terms: Terms, now: Timestamp, using random: inout some RandomNumberGenerator
    ) -> Action {
        precondition(state == .attempting, "only an attempt that was begun can end")
        switch Verdict(outcome) {
        case .delivered(let reply?) where terms.stream == .events:
            return answered(reply, outcome, on: terms)
        case .delivered:
            state = .settled
            return .settle
        case .dead:
            failure = Failure(outcome)
            return giveUp(.rejected, on: terms)
        case .retry(let after):
            failure = Failure(outcome)
            return failed(retryAfter: after, on: terms, now: now, using: &random)
        }
    }

    /// The event was not tried; it makes room for other keys (promise 15).
    package mutating func setAside() {
        precondition(state == .ready, "only an event that waits can be set aside")
        state = .parking
    }

    /// That the event waits is durable. (Where that cannot be written it stays in parking, and the driver writes it again.)
    package mutating func parked() {
        precondition(state == .parking, "only an event that is being parked becomes parked")
        state = .parked
    }

    /// The write of ``Action/bury(_:)``, ``Action/reply(_:)`` or ``Action/buryReply(_:)`` has ended, well where `error` is nil.
    package mutating func stored(
        _ error: LogError?, on terms: Terms, now: Timestamp, using random: inout some RandomNumberGenerator
    ) -> Action {
        precondition(openWrite != nil, "only a write that was begun can end")
        guard let error else {
            storeFailures = 0
            state = .settled
            return .settle
        }
        if case .replying = state, !(terms.isAtomic && error.mayPass) {
            failure = Failure(error)
            return failed(retryAfter: nil, on: terms, now: now, using: &random)
        }
        if case .tooLarge = error { failure?.body = [] }
        storeFailures += 1
        return .again(after: StoreBackoff.wait(afterFailures: storeFailures))
    }

    /// The write that is open, to be made again.
    package var openWrite: Action? {
        switch state {
        case .burying(let reason): .bury(reason)
        case .replying(let reply): .reply(reply)
        case .buryingReply(let reply): .buryReply(reply)
        case .ready, .attempting, .parking, .parked, .settled: nil
        }
    }

    private mutating func answered(_ reply: EventRecord, _ outcome: Outcome, on terms: Terms) -> Action {
        var reply = reply
        guard terms.hops > 1 else {
            reply.hops = 0
            failure = Failure(outcome)
            state = .buryingReply(reply)
            return .buryReply(reply)
        }
        reply.hops = terms.hops - 1
        state = .replying(reply)
        return .reply(reply)
    }

    private mutating func failed(
        retryAfter: Duration?, on terms: Terms, now: Timestamp, using random: inout some RandomNumberGenerator
    ) -> Action {
        guard attempts <= terms.retry.retries else { return giveUp(.retriesExhausted, on: terms) }
        state = .parking
        return .park(dueAt: now + terms.retry.wait(beforeRetry: attempts, retryAfter: retryAfter, using: &random))
    }

    private mutating func giveUp(_ reason: DeadLetter.Reason, on terms: Terms) -> Action {
        guard terms.stream == .events else {
            state = .settled
            return .abandon(reason)
        }
        state = .burying(reason)
        return .bury(reason)
    }
}

extension LogError {
    /// Whether the same write may hold later.
    var mayPass: Bool {
        switch self {
        case .unavailable, .closed: true
        case .tooLarge, .trimmed, .corrupt: false
        }
    }
}

/// How long a store that failed is left alone: 1 s, 2 s, 4 s … 30 s.
enum StoreBackoff {
    static func wait(afterFailures failures: Int) -> Duration { .seconds(min(30, 1 << min(5, max(0, failures - 1)))) }
}
