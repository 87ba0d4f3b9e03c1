package import ApusPorts
import ApusTelemetry
package import CloudEvents
package import EventFilters
import Synchronization

/// One broker's place at the one door: what comes in for it, from producers and from subscribers' replies, passes here (law 1).
///
/// Nothing here is `async` on an event's way: a message is admitted and appended on the caller's thread, and the log's own
/// thread tells what came of it.
package final class BrokerDoor: Sendable {
    package let namespace: String
    package let broker: String
    package let log: any EventLog
    let limits: IntakeLimits
    let meters: DoorMeters
    let clock: @Sendable () -> Timestamp
    private let state: Mutex<State>

    private struct State: Sendable {
        var filters: FilterIndex
        var queue = DoorQueue()
        /// Replies that wait for room, from the oldest on. Bounded by the windows of the triggers that they come from.
        var waitingReplies: [WaitingReply] = []
    }

    private struct WaitingReply: Sendable {
        var record: EventRecord
        var changes: CursorChange?
        var sender: DoorQueue.Sender
    }

    init(
        namespace: String, broker: String, log: any EventLog, filters: FilterIndex, limits: IntakeLimits, meters: DoorMeters,
        clock: @escaping @Sendable () -> Timestamp
    ) {
        self.namespace = namespace
        self.broker = broker
        self.log = log
        self.limits = limits
        self.meters = meters
        self.clock = clock
        state = Mutex(State(filters: filters))
        // Appends to the stream of events end in `appended`; those to the dead stream free room as well, and are not ours.
        log.observe(.dead) { [weak self] in self?.appendWaitingReplies() }
    }

    /// Sets the filters of all of the broker's triggers, paused ones too: what `Apus-Matched` counts.
    package func update(filters: FilterIndex) { state.withLock { $0.filters = filters } }

    /// Admits a message and appends what of it is new.
    ///
    /// - Returns: what came of it where that is known at once (an empty batch, duplicates only); nil where `receiver` is told.
    package func accept(
        _ message: DecodedMessage, body: [UInt8], headers: [ForwardedHeader], receiver: any IntakeReceiver, token: UInt64
    ) throws(IntakeRefusal) -> Accepted? {
        meters.received.add(message.events.count)
        let records = try Admission.records(of: message, body: body, headers: headers, limits: limits)
        return try append(records, inBatch: message.mode == .batched, receiver: receiver, token: token)
    }

    /// Admits a source's events, all or none, and appends what of them is new; returns as the other does.
    package func accept(
        _ events: [SourceEvent], receiver: any IntakeReceiver, token: UInt64
    ) throws(IntakeRefusal) -> Accepted? {
        meters.received.add(events.count)
        let records = try Admission.records(of: events, limits: limits)
        return try append(records, inBatch: true, receiver: receiver, token: token)
    }

    /// The door's checks of one event, without the way in: what is appended elsewhere must be no worse.
    package func admit(_ event: SourceEvent) throws(IntakeRefusal) -> EventRecord {
        try Admission.records(of: [event], limits: limits)[0]
    }

    private func append(
        _ records: [EventRecord], inBatch: Bool, receiver: any IntakeReceiver, token: UInt64
    ) throws(IntakeRefusal) -> Accepted? {
        guard !records.isEmpty else { return Accepted(position: nil, matched: 0) }
        guard !limits.isFull(log.queueDepth) else { throw .queueFull }
        let matched = matches(records, inBatch: inBatch)
        let now = clock()
        let sender = DoorQueue.Sender.message(receiver: receiver, token: token)
        let admitted = state.withLock { $0.queue.admit(records, matched: matched, from: sender, now: now) }
        switch admitted {
        case .append(let request, nil):
            log.append(AppendBatch(records: records, receiver: self, token: UInt64(request)))
        case .append(let request, let places?):
            meters.deduplicated.add(records.count - places.count)
            log.append(AppendBatch(records: places.map { records[$0] }, receiver: self, token: UInt64(request)))
        case .waits:
            meters.deduplicated.add(records.count)
        case .stored(let position):
            meters.deduplicated.add(records.count)
            return Accepted(position: position, matched: matched)
        }
        return nil
    }

    /// One event: how many filters take it. A batch: how many of its events any filter takes.
    private func matches(_ records: [EventRecord], inBatch: Bool) -> Int {
        let filters = state.withLock { $0.filters }
        guard inBatch else { return filters.countMatches(records[0].attributes) }
        return records.reduce(0) { $0 + (filters.countMatches($1.attributes) > 0 ? 1 : 0) }
    }
}

extension BrokerDoor: ReplyDoor {
    package func accept(
        reply: EventRecord, changes: CursorChange?, completion: @escaping @Sendable (Result<Position, LogError>) -> Void
    ) {
        meters.received.add()
        let waiting = WaitingReply(record: reply, changes: changes, sender: .reply(completion))
        state.withLock { $0.waitingReplies.append(waiting) }
        appendWaitingReplies()
    }

    /// Appends replies for as long as the log has room, a few at a time.
    private func appendWaitingReplies() {
        while true {
            // Asked before the door's own lock is taken: the log has locks of its own.
            guard state.withLock({ !$0.waitingReplies.isEmpty }), !limits.isFull(log.queueDepth) else { return }
            let now = clock()
            let batches = state.withLock { state in
                let taken = state.waitingReplies.prefix(Self.repliesAtOnceMax)
                state.waitingReplies.removeFirst(taken.count)
                return taken.map { waiting in
                    let request = state.queue.admit(reply: waiting.record, from: waiting.sender, now: now)
                    return AppendBatch(
                        records: [waiting.record], changes: waiting.changes, receiver: self, token: UInt64(request))
                }
            }
            for batch in batches { log.append(batch) }
        }
    }

    /// How far the waiting replies may go above the queue's bound.
    private static let repliesAtOnceMax = 64
}

extension BrokerDoor: AppendReceiver {
    package func appended(_ outcomes: [AppendOutcome]) {
        let now = clock()
        var finished: [DoorQueue.Finished] = []
        finished.reserveCapacity(outcomes.count)
        state.withLock { state in
            for outcome in outcomes { state.queue.settle(Int(outcome.token), outcome.result, now: now, into: &finished) }
        }
        tell(finished, now: now)
        appendWaitingReplies()
    }

    /// Tells senders what came of their requests, each receiver once.
    private func tell(_ finished: [DoorQueue.Finished], now: Timestamp) {
        var groups: [(receiver: any IntakeReceiver, outcomes: [IntakeOutcome])] = []
        var appended = 0
        for request in finished {
            appended += request.appended
            meters.appendSeconds.observe(Double(max(0, now.nanoseconds - request.acceptedAt.nanoseconds)) / 1e9)
            switch request.sender {
            case .reply(let completion): completion(request.result)
            case .message(let receiver, let token):
                let result = request.result
                    .map { Accepted(position: $0, matched: request.matched) }
                    .mapError { IntakeRefusal($0) }
                let outcome = IntakeOutcome(token: token, result: result)
                if let group = groups.firstIndex(where: { $0.receiver === receiver }) {
                    groups[group].outcomes.append(outcome)
                } else {
                    groups.append((receiver, [outcome]))
                }
            }
        }
        if appended > 0 { meters.appended.add(appended) }
        for group in groups { group.receiver.accepted(group.outcomes) }
    }
}

extension BrokerDoor {
    /// Sets for how long an event's `source` and `id` are remembered (promise 6); nil for not at all. A new or longer window is
    /// filled from the log's tail. Fails where that cannot be read; the window is then in use, and knows what comes from now on.
    package func update(deduplicationWindow length: Duration?) async throws(LogError) {
        let isNew = state.withLock { state -> Bool in
            guard let length else {
                // Requests may wait for each other through the window: while there are any, it only stops remembering.
                if state.queue.count == 0 { state.queue.window = nil } else { state.queue.window?.length = .zero }
                return false
            }
            if let window = state.queue.window, window.length >= length {
                state.queue.window?.length = length
                return false
            }
            if state.queue.window == nil {
                state.queue.window = DeduplicationWindow(length: length, limits: limits)
            } else {
                state.queue.window?.length = length
            }
            return true
        }
        guard isNew, let length else { return }
        let stored = try await storedEvents(within: length)
        state.withLock { $0.queue.window?.recall(stored) }
    }

    private func storedEvents(
        within length: Duration
    ) async throws(LogError) -> [(key: EventKey, position: Position, storedAt: Timestamp)] {
        let (seconds, attoseconds) = length.components
        let nanoseconds = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let age = nanoseconds.overflow ? Int64.max : nanoseconds.partialValue + attoseconds / 1_000_000_000
        let since = clock().nanoseconds.subtractingReportingOverflow(age)
        let start = try await log.position(
            in: .events, at: Timestamp(nanoseconds: since.overflow ? .min : since.partialValue))
        let end = log.bounds(of: .events).next.offset
        var next = max(start.offset, end - Int64(limits.deduplicationEntriesMax))
        var stored: [(key: EventKey, position: Position, storedAt: Timestamp)] = []
        while next < end {
            let page = try await log.read(.events, from: next, limit: ReadLimit(records: Limits.readPageRecordsMax))
            guard let last = page.last else { break }
            for record in page { stored.append((EventKey(record.event.attributes), record.position, record.appendedAt)) }
            next = last.position.offset + 1
        }
        return stored
    }
}
