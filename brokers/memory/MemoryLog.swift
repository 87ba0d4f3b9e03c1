package import ApusPorts
package import CloudEvents
internal import Dispatch
internal import Synchronization

/// Both streams of a broker and its cursors, in memory, bounded by nothing but trims.
///
/// What is appended is there at once; receivers and observers are told on a queue, in the order of the appends.
package final class MemoryLog: EventLog, CursorStore {
    private struct State {
        var streams: [Stream: MemoryStream] = [.events: MemoryStream(), .dead: MemoryStream()]
        var cursors: [Stream: StreamCursors] = [.events: StreamCursors(), .dead: StreamCursors()]
        var notes = BrokerNotes()
        var observers: [Stream: [@Sendable () -> Void]] = [:]
        var told: [(receiver: any AppendReceiver, outcome: AppendOutcome)] = []
        var appended: Set<Stream> = []
        var waiting = QueueDepth(events: 0, bytes: 0)
        var isTelling = false
        var isClosed = false

        mutating func apply(_ change: CursorChange) {
            cursors[change.stream, default: StreamCursors()].apply(change)
            notes.apply(change)
        }
    }

    private let clock: @Sendable () -> Timestamp
    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "apus.broker.memory")

    package init(clock: @escaping @Sendable () -> Timestamp) { self.clock = clock }

    package var appendsWithChanges: Bool { true }
    package var queueDepth: QueueDepth { state.withLock { $0.waiting } }
    package var health: LogError? { nil }

    package func append(_ batch: AppendBatch) {
        let now = clock()
        tell(batch.receiver, batch.token, batch.changes) { state in
            let first = state.streams[batch.stream, default: MemoryStream()].append(batch.records, now: now)
            if let change = batch.changes { state.apply(change.placed(at: Position(offset: first))) }
            if !batch.records.isEmpty { state.appended.insert(batch.stream) }
            state.waiting.events += batch.records.count
            state.waiting.bytes += batch.records.reduce(0) { $0 + $1.sizeBytes }
            return first
        }
    }

    package func commit(_ change: CursorChange, receiver: any AppendReceiver, token: UInt64) {
        tell(receiver, token, change) { state in
            state.apply(change)
            return 0
        }
    }

    /// Makes a change, unless one of its entries is too large, and has its receiver told of it: later, on the queue.
    private func tell(
        _ receiver: any AppendReceiver, _ token: UInt64, _ changes: CursorChange?, _ change: (inout sending State) -> Int64
    ) {
        let isTooLarge = changes?.entries.contains { ($0.value?.count ?? 0) > Limits.stateValueBytesMax } ?? false
        let mustTell = state.withLock { state in
            let result: Result<Position, LogError> =
                if state.isClosed {
                    .failure(.closed)
                } else if isTooLarge {
                    .failure(.tooLarge(limit: Limits.stateValueBytesMax))
                } else {
                    .success(Position(offset: change(&state)))
                }
            state.told.append((receiver, AppendOutcome(token: token, result: result)))
            defer { state.isTelling = true }
            return !state.isTelling
        }
        if mustTell { queue.async { self.tellAll() } }
    }

    private func tellAll() {
        let (told, observers) = state.withLock { state in
            let observers = state.appended.flatMap { state.observers[$0] ?? [] }
            defer {
                state.told = []
                state.appended = []
                state.waiting = QueueDepth(events: 0, bytes: 0)
                state.isTelling = false
            }
            return (state.told, observers)
        }
        var groups: [(receiver: any AppendReceiver, outcomes: [AppendOutcome])] = []
        for (receiver, outcome) in told {
            if let index = groups.firstIndex(where: { $0.receiver === receiver }) {
                groups[index].outcomes.append(outcome)
            } else {
                groups.append((receiver, [outcome]))
            }
        }
        for group in groups { group.receiver.appended(group.outcomes) }
        for observer in observers { observer() }
    }

    package func cached(_ stream: Stream, from offset: Int64, limit: ReadLimit) -> CachedRead {
        state.withLock { state in
            let stream = state.streams[stream, default: MemoryStream()]
            if offset >= stream.next { return .end }
            return offset < stream.oldest ? .absent : .records(stream.page(from: offset, limit))
        }
    }

    package func read(_ stream: Stream, from offset: Int64, limit: ReadLimit) async throws(LogError) -> [LogRecord] {
        let page: Result<[LogRecord], LogError> = try opened { state in
            let stream = state.streams[stream, default: MemoryStream()]
            guard offset >= stream.oldest else { return .failure(.trimmed(oldest: Position(offset: stream.oldest))) }
            return .success(stream.page(from: offset, limit))
        }
        return try page.get()
    }

    package func read(_ stream: Stream, at offsets: [Int64]) async throws(LogError) -> [LogRecord] {
        try opened { state in offsets.compactMap { state.streams[stream]?.record(at: $0) } }
    }

    package func position(in stream: Stream, at time: Timestamp) async throws(LogError) -> Position {
        try opened { state in Position(offset: state.streams[stream, default: MemoryStream()].offset(at: time)) }
    }

    package func bounds(of stream: Stream) -> StreamBounds {
        state.withLock { state in
            let stream = state.streams[stream, default: MemoryStream()]
            return StreamBounds(oldest: Position(offset: stream.oldest), next: Position(offset: stream.next))
        }
    }

    package func observe(_ stream: Stream, _ observer: @escaping @Sendable () -> Void) {
        state.withLock { $0.observers[stream, default: []].append(observer) }
    }

    package func trim(_ stream: Stream, _ policy: TrimPolicy) async throws(LogError) -> TrimResult {
        try opened { state in
            let result = state.streams[stream, default: MemoryStream()].trim(policy)
            state.notes.trimmed(stream, oldest: result.oldest.offset)
            return result
        }
    }

    package func entries(from: String, until: String, limit: Int) async throws(LogError) -> [StateEntry] {
        try opened { $0.notes.entries(from: from, until: until, limit: limit) }
    }

    package func traces(_ stream: Stream, at offset: Int64) async throws(LogError) -> [DeliveryTrace] {
        try opened { $0.notes.traces(stream, at: offset) }
    }

    package func load(_ stream: Stream) async throws(LogError) -> StreamCursors {
        try opened { $0.cursors[stream, default: StreamCursors()] }
    }

    package func close() async {
        state.withLock { $0.isClosed = true }
        await withCheckedContinuation { continuation in queue.async { continuation.resume() } }
    }

    /// What `body` makes of the state, under the lock: a copy that outlived it would make the next append copy all records.
    private func opened<Value>(_ body: (inout sending State) -> sending Value) throws(LogError) -> sending Value {
        let value: Value? = state.withLock { state in state.isClosed ? nil : body(&state) }
        guard let value else { throw .closed }
        return value
    }
}
