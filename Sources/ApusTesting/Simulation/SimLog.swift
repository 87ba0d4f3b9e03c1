package import ApusPorts
package import CloudEvents
internal import Synchronization

/// A log and its cursors on a ``SimExecutor``: operations become durable one after the other, in the order in which they were
/// asked for, after a time of their own. It can fail, forget its memory, and crash between any two of them.
package final class SimLog: EventLog, CursorStore, ReplyDoor {
    /// What survives a crash.
    package struct Durable: Sendable {
        package var records: [Stream: [LogRecord]] = [.events: [], .dead: []]
        package var oldest: [Stream: Int64] = [.events: 0, .dead: 0]
        package var cursors: [Stream: StreamCursors] = [.events: StreamCursors(), .dead: StreamCursors()]
        package var notes = BrokerNotes()

        package init() {}
    }

    package enum Operation: Sendable {
        case append(AppendBatch)
        case commit(CursorChange)
    }

    fileprivate struct Queued {
        var operation: Operation
        var receiver: any AppendReceiver
        var token: UInt64
    }

    fileprivate struct State {
        var durable: Durable
        var queue: [Queued] = []
        var isWriting = false
        var isCrashed = false
        /// Operations that became durable.
        var operations = 0
        var observers: [Stream: [@Sendable () -> Void]] = [:]
        var delay: @Sendable () -> Duration = { .milliseconds(2) }
        var fault: @Sendable (Operation) -> LogError? = { _ in nil }
        var readFault: @Sendable () -> LogError? = { nil }
        var crashAfter: Int?
        /// What was asked for and never told of: the process has crashed.
        var forgotten: [Queued] = []
        var cachedRecords = Int.max
        var damaged: Set<Int64> = []
        var changes: [CursorChange] = []
    }

    private let executor: SimExecutor
    private let state: Mutex<State>
    package let appendsWithChanges: Bool

    package init(on executor: SimExecutor, durable: Durable = Durable(), appendsWithChanges: Bool = true) {
        self.executor = executor
        self.appendsWithChanges = appendsWithChanges
        state = Mutex(State(durable: durable))
    }

    /// How long each operation takes.
    package func setDelay(_ delay: @escaping @Sendable () -> Duration) { state.withLock { $0.delay = delay } }
    /// Which operations fail: nothing of them is kept.
    package func setFault(_ fault: @escaping @Sendable (Operation) -> LogError?) { state.withLock { $0.fault = fault } }
    package func setReadFault(_ fault: @escaping @Sendable () -> LogError?) { state.withLock { $0.readFault = fault } }
    /// After so many operations nothing becomes durable any more, and nobody is told of the last.
    package func setCrash(afterOperations count: Int) { state.withLock { $0.crashAfter = count } }
    /// How many of the newest records are in memory.
    package func setCachedRecords(_ count: Int) { state.withLock { $0.cachedRecords = count } }
    /// Offsets, of either stream, whose bytes on disk are damaged.
    package func setDamaged(_ offsets: Set<Int64>) { state.withLock { $0.damaged = offsets } }

    package var durable: Durable { state.withLock { $0.durable } }
    package var operations: Int { state.withLock { $0.operations } }
    package var isCrashed: Bool { state.withLock { $0.isCrashed } }
    /// Every change of the cursors that became durable, in order.
    package var changes: [CursorChange] { state.withLock { $0.changes } }
    package func records(_ stream: Stream) -> [LogRecord] { state.withLock { $0.durable.records[stream] ?? [] } }

    /// Puts events on the log at once, as the door would have.
    package func seed(_ records: [EventRecord], on stream: Stream = .events) {
        let now = executor.now
        let observers = state.withLock { state in
            state.durable.append(records, to: stream, now: now)
            return state.observers[stream] ?? []
        }
        for observer in observers { observer() }
    }

    /// Forgets everything before `offset`, whoever needs it.
    package func forceTrim(_ stream: Stream, before offset: Int64) {
        state.withLock { state in
            state.durable.oldest[stream] = offset
            state.durable.records[stream]?.removeAll { $0.position.offset < offset }
            state.durable.notes.trimmed(stream, oldest: offset)
        }
    }

    // MARK: Writing

    package func append(_ batch: AppendBatch) {
        enqueue(Queued(operation: .append(batch), receiver: batch.receiver, token: batch.token))
    }

    package func commit(_ change: CursorChange, receiver: any AppendReceiver, token: UInt64) {
        enqueue(Queued(operation: .commit(change), receiver: receiver, token: token))
    }

    package func accept(
        reply: EventRecord, changes: CursorChange?, completion: @escaping @Sendable (Result<Position, LogError>) -> Void
    ) {
        append(AppendBatch(records: [reply], changes: changes, receiver: SimReplyReceiver(completion)))
    }

    /// Tells whoever a crash left waiting that the log is closed, once nothing of that life runs any more.
    package func bury() {
        let waiting = state.withLock { state in
            defer { (state.forgotten, state.queue) = ([], []) }
            return state.forgotten + state.queue
        }
        for queued in waiting { queued.receiver.appended([AppendOutcome(token: queued.token, result: .failure(.closed))]) }
    }

    private func enqueue(_ queued: Queued) {
        let delay = state.withLock { state -> Duration? in
            state.queue.append(queued)
            guard !state.isWriting else { return nil }
            state.isWriting = true
            return state.delay()
        }
        if let delay { executor.schedule(after: delay) { self.write() } }
    }

    private func write() {
        let now = executor.now
        let appendsWithChanges = appendsWithChanges
        let (queued, result, observers, next) = state.withLock { state in
            let queued = state.queue.removeFirst()
            let next: Duration? = state.queue.isEmpty ? nil : state.delay()
            state.isWriting = next != nil
            var result: Result<Position, LogError>?
            var observers: [@Sendable () -> Void] = []
            if let crashAfter = state.crashAfter, state.operations >= crashAfter { state.isCrashed = true }
            if !state.isCrashed {
                if let error = state.fault(queued.operation) {
                    result = .failure(error)
                } else {
                    result = .success(state.apply(queued.operation, now: now, withChanges: appendsWithChanges))
                    if case .append(let batch) = queued.operation { observers = state.observers[batch.stream] ?? [] }
                    if let crashAfter = state.crashAfter, state.operations >= crashAfter { state.isCrashed = true }
                }
            }
            if state.isCrashed { state.forgotten.append(queued) }
            return (queued, state.isCrashed ? nil : result, observers, next)
        }
        if let next { executor.schedule(after: next) { self.write() } }
        guard let result else { return }
        for observer in observers { observer() }
        queued.receiver.appended([AppendOutcome(token: queued.token, result: result)])
    }

    // MARK: Reading

    package func cached(_ stream: Stream, from offset: Int64, limit: ReadLimit) -> CachedRead {
        state.withLock { state in
            let records = state.durable.records[stream] ?? []
            let oldest = state.durable.oldest[stream] ?? 0
            let next = oldest + Int64(records.count)
            if offset >= next { return .end }
            let inMemory = state.cachedRecords > records.count ? oldest : next - Int64(state.cachedRecords)
            guard offset >= inMemory else { return .absent }
            return .records(Array(records.dropFirst(Int(offset - oldest)).prefix(limit.records)))
        }
    }

    package func read(_ stream: Stream, from offset: Int64, limit: ReadLimit) async throws(LogError) -> [LogRecord] {
        try await pause()
        let (records, oldest) = state.withLock { ($0.durable.records[stream] ?? [], $0.durable.oldest[stream] ?? 0) }
        guard offset >= oldest else { throw .trimmed(oldest: Position(offset: oldest)) }
        let damaged = state.withLock { $0.damaged }
        if damaged.contains(offset) { throw .corrupt(at: Position(offset: offset), detail: "checksum") }
        return Array(
            records.dropFirst(Int(offset - oldest)).prefix(limit.records).prefix { !damaged.contains($0.position.offset) })
    }

    package func read(_ stream: Stream, at offsets: [Int64]) async throws(LogError) -> [LogRecord] {
        try await pause()
        let wanted = Set(offsets)
        if let bad = offsets.first(where: state.withLock({ $0.damaged }).contains) {
            throw .corrupt(at: Position(offset: bad), detail: "checksum")
        }
        return records(stream).filter { wanted.contains($0.position.offset) }
    }

    package func position(in stream: Stream, at time: Timestamp) async throws(LogError) -> Position {
        try await pause()
        return records(stream).first { $0.appendedAt >= time }?.position ?? bounds(of: stream).next
    }

    package func load(_ stream: Stream) async throws(LogError) -> StreamCursors {
        try await pause()
        return state.withLock { $0.durable.cursors[stream] ?? StreamCursors() }
    }

    package func entries(from: String, until: String, limit: Int) async throws(LogError) -> [StateEntry] {
        try await pause()
        return state.withLock { $0.durable.notes.entries(from: from, until: until, limit: limit) }
    }

    package func traces(_ stream: Stream, at offset: Int64) async throws(LogError) -> [DeliveryTrace] {
        try await pause()
        return state.withLock { $0.durable.notes.traces(stream, at: offset) }
    }

    /// Reading takes a millisecond, and may fail.
    private func pause() async throws(LogError) {
        await executor.pause(for: .milliseconds(1))
        let error = state.withLock { $0.readFault() }
        if let error { throw error }
    }

    package func bounds(of stream: Stream) -> StreamBounds {
        state.withLock { state in
            let oldest = state.durable.oldest[stream] ?? 0
            let count = Int64(state.durable.records[stream]?.count ?? 0)
            return StreamBounds(oldest: Position(offset: oldest), next: Position(offset: oldest + count))
        }
    }

    package func observe(_ stream: Stream, _ observer: @escaping @Sendable () -> Void) {
        state.withLock { $0.observers[stream, default: []].append(observer) }
    }

    package func trim(_ stream: Stream, _ policy: TrimPolicy) async throws(LogError) -> TrimResult {
        let before = bounds(of: stream).oldest.offset
        let oldest = min(policy.keepFrom, bounds(of: stream).next.offset)
        forceTrim(stream, before: max(before, oldest))
        return TrimResult(removed: max(0, oldest - before), oldest: bounds(of: stream).oldest)
    }

    package var queueDepth: QueueDepth { state.withLock { QueueDepth(events: $0.queue.count, bytes: 0) } }
    package var health: LogError? { nil }
    package func close() async {}
}

extension SimLog.State {
    fileprivate mutating func apply(_ operation: SimLog.Operation, now: Timestamp, withChanges: Bool) -> Position {
        operations += 1
        switch operation {
        case .append(let batch):
            let first = durable.append(batch.records, to: batch.stream, now: now)
            if withChanges, let change = batch.changes { apply(change.placed(at: first)) }
            return first
        case .commit(let change):
            apply(change)
            return Position(offset: 0)
        }
    }

    private mutating func apply(_ change: CursorChange) {
        changes.append(change)
        durable.cursors[change.stream, default: StreamCursors()].apply(change)
        durable.notes.apply(change)
    }
}

extension SimLog.Durable {
    @discardableResult
    fileprivate mutating func append(_ new: [EventRecord], to stream: Stream, now: Timestamp) -> Position {
        let first = oldest[stream, default: 0] + Int64(records[stream, default: []].count)
        for (index, event) in new.enumerated() {
            let position = Position(offset: first + Int64(index))
            records[stream, default: []].append(LogRecord(position: position, appendedAt: now, event: event))
        }
        return Position(offset: first)
    }
}

/// Hands one outcome on.
private final class SimReplyReceiver: AppendReceiver {
    private let completion: @Sendable (Result<Position, LogError>) -> Void

    init(_ completion: @escaping @Sendable (Result<Position, LogError>) -> Void) { self.completion = completion }

    func appended(_ outcomes: [AppendOutcome]) { for outcome in outcomes { completion(outcome.result) } }
}
