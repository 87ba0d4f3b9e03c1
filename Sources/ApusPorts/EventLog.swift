public import CloudEvents

/// The append-only log of one broker: its two streams and, with ``CursorStore``, who has read how far.
///
/// Appends go through callbacks, not `async`: an event's way in never hops a task. Everything that is not on that way is `async`.
/// A backend passes the contract suite in `ApusTesting`, or says in its own folder which clause it waives and why.
public protocol EventLog: AnyObject, Sendable {
    /// Queues a batch. All of it becomes durable, in order, or none of it; `batch.receiver` is told which.
    ///
    /// Never blocks on the disk and never calls the receiver before it returns. `changes` are made in the same
    /// transaction where ``appendsWithChanges`` is true; a backend where it is false ignores them.
    func append(_ batch: AppendBatch)

    /// Whether `AppendBatch.changes` become durable together with the records.
    var appendsWithChanges: Bool { get }

    /// Events and bytes that wait to become durable: what the queue bound of the door is held against (promise 4).
    var queueDepth: QueueDepth { get }

    /// Records from memory, without waiting: the way of every reader that has caught up.
    func cached(_ stream: Stream, from offset: Int64, limit: ReadLimit) -> CachedRead

    /// Up to `limit` records at or after `offset`, in order; empty at the end. Fails with ``LogError/trimmed(oldest:)`` where
    /// `offset` is older than the oldest record.
    func read(_ stream: Stream, from offset: Int64, limit: ReadLimit) async throws(LogError) -> [LogRecord]

    /// The records at exactly these offsets, ascending; one that was trimmed is left out.
    func read(_ stream: Stream, at offsets: [Int64]) async throws(LogError) -> [LogRecord]

    /// The first position that was appended at or after `time`; the end where there is none.
    func position(in stream: Stream, at time: Timestamp) async throws(LogError) -> Position

    /// What the stream holds durably now. Never waits.
    func bounds(of stream: Stream) -> StreamBounds

    /// Calls `observer` after each append to `stream` that became durable, from any thread, never before `bounds` shows it.
    func observe(_ stream: Stream, _ observer: @escaping @Sendable () -> Void)

    /// Where events with this id stand in the stream of events, ascending; the newest `limit` of them. Must not cost the way in
    /// an index (promise 22).
    func positions(ofID id: String, limit: Int) async throws(LogError) -> [Position]

    /// Forgets old records by `policy`, in bounded steps on the writer. Nothing at or after `policy.keepFrom` goes.
    func trim(_ stream: Stream, _ policy: TrimPolicy) async throws(LogError) -> TrimResult

    /// Whether the log can take appends; the error that the last failed write met.
    var health: LogError? { get }

    /// Makes what is queued durable, then closes. Appends after this fail with ``LogError/closed``.
    func close() async
}

/// Records that are appended together.
public struct AppendBatch: Sendable {
    public var stream: Stream
    public var records: [EventRecord]
    /// Cursor changes that become durable with the records, where the backend can (promise 13), with the records' own position
    /// in their traces (``CursorChange/placed(at:)``).
    public var changes: CursorChange?
    public var receiver: any AppendReceiver
    /// The receiver's own mark, given back with the outcome.
    public var token: UInt64

    public init(
        stream: Stream = .events, records: [EventRecord], changes: CursorChange? = nil, receiver: any AppendReceiver,
        token: UInt64 = 0
    ) {
        self.stream = stream
        self.records = records
        self.changes = changes
        self.receiver = receiver
        self.token = token
    }
}

/// Told what became of the batches it appended. One call may carry many: all of one commit that are its own.
public protocol AppendReceiver: AnyObject, Sendable {
    /// Called on a thread of the log; must not block.
    func appended(_ outcomes: [AppendOutcome])
}

public struct AppendOutcome: Sendable {
    public var token: UInt64
    /// The position of the batch's first record (the others follow without a gap in the same lane), or why none was kept.
    public var result: Result<Position, LogError>

    public init(token: UInt64, result: Result<Position, LogError>) {
        self.token = token
        self.result = result
    }
}

public struct QueueDepth: Sendable, Equatable {
    public var events: Int
    public var bytes: Int

    public init(events: Int, bytes: Int) {
        self.events = events
        self.bytes = bytes
    }
}

/// A page's bounds. At least one record is read where there is one, however large it is.
public struct ReadLimit: Sendable {
    public var records: Int
    public var bytes: Int

    public init(records: Int, bytes: Int = Limits.readPageBytesMax) {
        self.records = records
        self.bytes = bytes
    }
}

public enum CachedRead: Sendable {
    /// At least one record, in order and without a gap, beginning at the offset that was asked for.
    case records([LogRecord])
    /// The offset is the end of the stream: there is nothing yet.
    case end
    /// Not in memory: it has to be read.
    case absent
}

/// What may go. A record goes when any of the three bounds says so and it stands before `keepFrom`.
public struct TrimPolicy: Sendable, Equatable {
    /// Offsets at or after this one stay, whatever the bounds say: live cursors and parked events stand there.
    public var keepFrom: Int64
    /// Records that were appended before this moment go.
    public var appendedBefore: Timestamp?
    /// The stream's size on disk above which the oldest go, in bytes.
    public var bytesMax: Int64?
    /// The number of records above which the oldest go.
    public var recordsMax: Int64?

    public init(keepFrom: Int64, appendedBefore: Timestamp? = nil, bytesMax: Int64? = nil, recordsMax: Int64? = nil) {
        self.keepFrom = keepFrom
        self.appendedBefore = appendedBefore
        self.bytesMax = bytesMax
        self.recordsMax = recordsMax
    }
}

public struct TrimResult: Sendable, Equatable {
    public var removed: Int64
    public var oldest: Position

    public init(removed: Int64, oldest: Position) {
        self.removed = removed
        self.oldest = oldest
    }
}

/// Why a log could not do what was asked. The set is closed: a backend translates its own errors into these.
public enum LogError: Error, Sendable, Equatable {
    /// The store cannot be written or read now (disk full, I/O error, engine away); trying again may help.
    case unavailable(reason: String)
    /// A record, or an entry's value, is larger than the backend can hold, in bytes.
    case tooLarge(limit: Int)
    /// The offset is older than the oldest record, which is given.
    case trimmed(oldest: Position)
    /// A record's checksum or structure is wrong at this position.
    case corrupt(at: Position, detail: String)
    case closed
}

extension LogError {
    /// What was wrong, in a sentence that a condition or a refusal can carry.
    public var sentence: String {
        switch self {
        case .unavailable(let reason): "The log cannot be used now: \(reason)."
        case .tooLarge(let limit): "What was to be written is larger than \(limit) bytes, the most that the log holds of it."
        case .trimmed(let oldest): "The log begins at \(oldest); what was before is trimmed."
        case .corrupt(let position, let detail): "The record at \(position) is damaged: \(detail)."
        case .closed: "The log is closed."
        }
    }
}
