public import CloudEvents

/// Who reads a stream: a trigger by its name (the store belongs to one broker, so namespace and broker are given).
public typealias ReaderName = String

/// Durable progress of the readers of a broker's streams: the shared reader's position, and the exceptions (law 4).
///
/// What is stored for a reader is exact: `next` says how far it has read, `open` which of the matching events before that are
/// neither settled nor parked, `parked` which wait for a retry. A reader with `next == nil` follows the shared reader. A restart
/// delivers `open` again, goes on with `parked`, reads on from `next`, and skips what stands in `settled` or `parked`.
public protocol CursorStore: AnyObject, Sendable {
    func load(_ stream: Stream) async throws(LogError) -> StreamCursors

    /// Makes a change durable, whole or not at all. `receiver` is told, with `token` (the position in the outcome means nothing).
    func commit(_ change: CursorChange, receiver: any AppendReceiver, token: UInt64)

    /// Entries with `from <= key < until`, by the order of their keys' bytes, at most `limit`.
    func entries(from: String, until: String, limit: Int) async throws(LogError) -> [StateEntry]

    /// What is known of the deliveries of one record, in the order in which it was committed. Traces are kept as long as the
    /// record is; those of a backend that cannot keep them are empty.
    func traces(_ stream: Stream, at offset: Int64) async throws(LogError) -> [DeliveryTrace]
}

extension CursorStore {
    /// The marks of all triggers, those that were removed included, read in pages.
    public func triggerMarks(pageEntriesMax: Int) async throws(LogError) -> [ReaderName: TriggerMark] {
        let end = StateKey.end(of: StateKey.triggers)
        var marks: [ReaderName: TriggerMark] = [:]
        for entry in try await entries(from: StateKey.triggers, until: end, pageEntriesMax: pageEntriesMax) {
            marks[String(entry.key.dropFirst(StateKey.triggers.count))] = entry.value.flatMap { TriggerMark($0) }
        }
        return marks
    }

    /// All entries with `from <= key < until`, by the order of their keys' bytes, read in pages.
    public func entries(from: String, until: String, pageEntriesMax: Int) async throws(LogError) -> [StateEntry] {
        var found: [StateEntry] = [], next = from
        while true {
            let page = try await entries(from: next, until: until, limit: pageEntriesMax)
            found += page
            guard page.count == pageEntriesMax, let last = page.last else { return found }
            // The least key that is greater.
            next = last.key + "\0"
        }
    }
}

public struct StreamCursors: Sendable, Equatable {
    /// Where the shared reader goes on.
    public var shared: Int64
    public var readers: [ReaderName: ReaderCursor]

    public init(shared: Int64 = 0, readers: [ReaderName: ReaderCursor] = [:]) {
        self.shared = shared
        self.readers = readers
    }
}

public struct ReaderCursor: Sendable, Equatable {
    /// The reader's own next offset, or nil where it follows the shared reader.
    public var next: Int64?
    /// Matching offsets before `next` (or before the shared reader's) that are neither settled nor parked, ascending.
    public var open: [Int64]
    /// Offsets that were settled after `next` and `open` were last written.
    public var settled: Set<Int64>
    public var parked: [ParkedEvent]
    /// When the reader's trigger was removed; its cursor is kept for ``Limits/removedKeptHours`` from then.
    public var retiredAt: Timestamp?

    public init(
        next: Int64? = nil, open: [Int64] = [], settled: Set<Int64> = [], parked: [ParkedEvent] = [], retiredAt: Timestamp? = nil
    ) {
        self.next = next
        self.open = open
        self.settled = settled
        self.parked = parked
        self.retiredAt = retiredAt
    }
}

/// An event that waits for its retry, durably (promise 12).
public struct ParkedEvent: Sendable, Equatable {
    public var offset: Int64
    /// Attempts made so far; 0 for one that waits behind its key and was never tried.
    public var attempts: Int
    /// When the next attempt is due; nil for one that waits behind its key (promise 15).
    public var dueAt: Timestamp?
    /// When the first attempt was made; nil where none was.
    public var firstAttemptAt: Timestamp?
    /// The key that orders it, where the trigger asks for order.
    public var key: String?

    public init(offset: Int64, attempts: Int, dueAt: Timestamp?, firstAttemptAt: Timestamp? = nil, key: String? = nil) {
        self.offset = offset
        self.attempts = attempts
        self.dueAt = dueAt
        self.firstAttemptAt = firstAttemptAt
        self.key = key
    }
}

/// Changes to a stream's cursors that become durable together. They are made in the order of the fields.
public struct CursorChange: Sendable, Equatable {
    public var stream: Stream
    /// The shared reader's next offset, where it changed.
    public var shared: Int64?
    /// Writes a reader's `next` and `open`, creates it where it is new, clears its `retiredAt` and those of its `settled` that
    /// are before `next` (or, where that is nil, before the shared reader's offset).
    public var readers: [Reader] = []
    /// Adds to a reader's `settled`, and removes the offset from its `parked`.
    public var settle: [Mark] = []
    /// Adds to or replaces in a reader's `parked`, by offset.
    public var park: [Parking] = []
    /// Marks readers as retired: the cursor stays, and is read no more until it is written again.
    public var retire: [Retirement] = []
    /// Forgets readers whole, with what they have parked.
    public var remove: [ReaderName] = []
    /// Written to, or removed from, what the broker remembers. They belong to no stream; a trim of the dead stream removes the
    /// marks of the dead letters that go (``StateKey/deadLetter(_:)``).
    public var entries: [StateEntry] = []
    /// Added to what is known of the deliveries of this stream's records.
    public var traces: [DeliveryTrace] = []

    public struct Reader: Sendable, Equatable {
        public var name: ReaderName
        public var next: Int64?
        public var open: [Int64]

        public init(name: ReaderName, next: Int64?, open: [Int64]) {
            self.name = name
            self.next = next
            self.open = open
        }
    }

    public struct Mark: Sendable, Hashable {
        public var name: ReaderName
        public var offset: Int64

        public init(name: ReaderName, offset: Int64) {
            self.name = name
            self.offset = offset
        }
    }

    public struct Parking: Sendable, Equatable {
        public var name: ReaderName
        public var event: ParkedEvent

        public init(name: ReaderName, event: ParkedEvent) {
            self.name = name
            self.event = event
        }
    }

    public struct Retirement: Sendable, Equatable {
        public var name: ReaderName
        public var at: Timestamp

        public init(name: ReaderName, at: Timestamp) {
            self.name = name
            self.at = at
        }
    }

    public init(stream: Stream) { self.stream = stream }

    public var isEmpty: Bool {
        shared == nil && readers.isEmpty && settle.isEmpty && park.isEmpty && retire.isEmpty && remove.isEmpty
            && entries.isEmpty && traces.isEmpty
    }
}
