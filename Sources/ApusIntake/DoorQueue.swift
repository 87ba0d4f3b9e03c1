import ApusPorts
import CloudEvents

/// The requests of one broker whose events are on their way to the log, and who waits for which. A value without effects: the
/// door asks it what to append, and tells it what the log said.
struct DoorQueue: Sendable {
    /// Who is told what became of a request.
    enum Sender: Sendable {
        case message(receiver: any IntakeReceiver, token: UInt64)
        case reply(@Sendable (Result<Position, LogError>) -> Void)
    }

    /// A request that came to its end.
    struct Finished: Sendable {
        var sender: Sender
        var result: Result<Position, LogError>
        var matched: Int
        /// How many records became durable for it.
        var appended: Int
        var acceptedAt: Timestamp
    }

    enum Admitted: Sendable, Equatable {
        /// Append the records at these places, all of them where nil, under this token.
        case append(request: Int, records: [Int]?)
        /// Nothing to append: other requests append the same events, and this one is told with them.
        case waits
        /// All events are stored; the first stands here.
        case stored(Position)
    }

    private struct Request: Sendable {
        var sender: Sender
        var matched: Int
        var acceptedAt: Timestamp
        /// Records that its own append holds.
        var records: Int
        /// The keys of those records, where they are remembered.
        var keys: [EventKey] = []
        /// Outcomes that it still waits for: its own append's and those of events that others append.
        var waits = 1
        var ownsFirst = true
        var position: Position?
        var failure: LogError?
    }

    var window: DeduplicationWindow?
    private var requests = SlotTable<Request>()

    /// Requests whose outcome is not known yet.
    var count: Int { requests.count }

    /// Takes a message in: decides which of its events are new.
    mutating func admit(
        _ records: [EventRecord], matched: Int, from sender: Sender, now: Timestamp
    ) -> Admitted {
        guard window != nil else {
            let request = Request(sender: sender, matched: matched, acceptedAt: now, records: records.count)
            return .append(request: requests.insert(request), records: nil)
        }
        var request = Request(sender: sender, matched: matched, acceptedAt: now, records: 0)
        request.waits = 0
        request.ownsFirst = false
        let slot = requests.next
        var fresh: [Int] = []
        for (index, record) in records.enumerated() {
            let key = EventKey(record.attributes)
            switch window?.claim(key, by: .init(request: slot, isFirst: index == 0), now: now) {
            case .new, nil:
                fresh.append(index)
                request.keys.append(key)
                if index == 0 { request.ownsFirst = true }
            case .stored(let position): if index == 0 { request.position = position }
            case .pending: request.waits += 1
            case .own: break
            }
        }
        request.records = fresh.count
        if !fresh.isEmpty { request.waits += 1 }
        if request.waits == 0, let position = request.position { return .stored(position) }
        _ = requests.insert(request)
        return fresh.isEmpty ? .waits : .append(request: slot, records: fresh.count == records.count ? nil : fresh)
    }

    /// Takes a reply in. It is never answered as a duplicate, since cursor changes may ride with it, but it is remembered.
    mutating func admit(reply: EventRecord, from sender: Sender, now: Timestamp) -> Int {
        var request = Request(sender: sender, matched: 0, acceptedAt: now, records: 1)
        if window != nil { request.keys = [EventKey(reply.attributes)] }
        return requests.insert(request)
    }

    /// What the log said of a request's append; adds all requests that this brings to their end.
    mutating func settle(
        _ slot: Int, _ result: Result<Position, LogError>, now: Timestamp, into finished: inout [Finished]
    ) {
        guard window != nil else {
            conclude(slot, result, isFirst: nil, into: &finished)
            return
        }
        var keys: [EventKey] = []
        requests.update(slot) { swap(&keys, &$0.keys) }
        conclude(slot, result, isFirst: nil, into: &finished)
        for (index, key) in keys.enumerated() {
            let stored = result.map { Position(lane: $0.lane, offset: $0.offset + Int64(index)) }
            let waiters: [DeduplicationWindow.Waiter]
            switch stored {
            case .success(let position): waiters = window?.store(key, at: position, now: now) ?? []
            case .failure: waiters = window?.forget(key, by: slot) ?? []
            }
            for waiter in waiters { conclude(waiter.request, stored, isFirst: waiter.isFirst, into: &finished) }
        }
    }

    /// One outcome that a request waits for is there. `isFirst` nil: it is its own append's.
    private mutating func conclude(
        _ slot: Int, _ result: Result<Position, LogError>, isFirst: Bool?, into finished: inout [Finished]
    ) {
        var isDone = false
        requests.update(slot) { request in
            request.waits -= 1
            isDone = request.waits == 0
            switch result {
            case .success(let position): if isFirst ?? request.ownsFirst { request.position = position }
            case .failure(let error):
                request.failure = error
                if isFirst == nil { request.records = 0 }
            }
        }
        guard isDone, let request = requests.remove(slot) else { return }
        let outcome: Result<Position, LogError>
        if let failure = request.failure {
            outcome = .failure(failure)
        } else {
            outcome = request.position.map { .success($0) } ?? .failure(.closed)
        }
        finished.append(
            Finished(
                sender: request.sender, result: outcome, matched: request.matched, appended: request.records,
                acceptedAt: request.acceptedAt))
    }
}
