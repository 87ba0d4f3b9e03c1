import ApusPorts
import CloudEvents

/// What names an event for good: `source` and `id`, compared as bytes (promise 6).
struct EventKey: Sendable, Hashable {
    var source: String
    var id: String

    init(source: String, id: String) {
        self.source = source
        self.id = id
    }

    init(_ attributes: Attributes) {
        self.init(source: attributes.text(of: "source") ?? "", id: attributes.text(of: "id") ?? "")
    }

    var sizeBytes: Int { source.utf8.count + id.utf8.count }

    // String's own equality is canonical equivalence, which would take two events for one.
    static func == (left: EventKey, right: EventKey) -> Bool {
        left.id.utf8.elementsEqual(right.id.utf8) && left.source.utf8.elementsEqual(right.source.utf8)
    }

    func hash(into hasher: inout Hasher) {
        for text in [source, id] {
            var text = text
            text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
            hasher.combine(0xFF as UInt8)
        }
    }
}

/// The events that a broker took within its window, in memory: bounded by time, by number and by bytes. A value without a clock.
struct DeduplicationWindow: Sendable {
    /// A request that waits for what becomes of an event that another request appends.
    struct Waiter: Sendable, Equatable {
        var request: Int
        /// Whether the event is the request's first, whose position is answered.
        var isFirst: Bool
    }

    enum Claim: Sendable, Equatable {
        /// The event is new, and is the claimer's to append.
        case new
        case stored(Position)
        /// Another request appends it; the claimer has been noted as waiting.
        case pending
        /// The same request brings it a second time.
        case own
    }

    private struct Entry: Sendable {
        var position: Position?
        var owner: Int
        var sequence: UInt64
        var waiters: [Waiter] = []
    }

    private struct Mark: Sendable {
        var key: EventKey
        var storedAt: Timestamp
        var sequence: UInt64
    }

    var length: Duration
    private let entriesMax: Int
    private let bytesMax: Int
    private var entries: [EventKey: Entry] = [:]
    /// Stored events from the oldest on; those before `oldest` are gone.
    private var marks: [Mark] = []
    private var oldest = 0
    private var bytes = 0
    private var sequence: UInt64 = 0

    init(length: Duration, limits: IntakeLimits) {
        self.length = length
        entriesMax = limits.deduplicationEntriesMax
        bytesMax = limits.deduplicationBytesMax
    }

    /// Stored events that are remembered.
    var count: Int { marks.count - oldest }

    /// Asks for an event on behalf of a request.
    mutating func claim(_ key: EventKey, by waiter: Waiter, now: Timestamp) -> Claim {
        expire(now)
        guard let entry = entries[key] else {
            sequence += 1
            entries[key] = Entry(position: nil, owner: waiter.request, sequence: sequence)
            return .new
        }
        if let position = entry.position { return .stored(position) }
        guard entry.owner != waiter.request else { return .own }
        entries[key]?.waiters.append(waiter)
        return .pending
    }

    /// The event was stored; gives back who waited for that. An event that nobody claimed is remembered all the same.
    mutating func store(_ key: EventKey, at position: Position, now: Timestamp) -> [Waiter] {
        if let entry = entries[key], entry.position != nil { return [] }
        sequence += 1
        let waiters = entries[key]?.waiters ?? []
        entries[key] = Entry(position: position, owner: -1, sequence: sequence)
        marks.append(Mark(key: key, storedAt: now, sequence: sequence))
        bytes += key.sizeBytes
        expire(now)
        return waiters
    }

    /// The claimer's append failed: the event is as if it had never come; gives back who waited for it.
    mutating func forget(_ key: EventKey, by request: Int) -> [Waiter] {
        guard let entry = entries[key], entry.position == nil, entry.owner == request else { return [] }
        entries[key] = nil
        return entry.waiters
    }

    /// Remembers events that stood on the log before this window was made, from the oldest on.
    mutating func recall(_ stored: [(key: EventKey, position: Position, storedAt: Timestamp)]) {
        var recalled: [Mark] = []
        recalled.reserveCapacity(stored.count + count)
        for event in stored where entries[event.key] == nil {
            sequence += 1
            entries[event.key] = Entry(position: event.position, owner: -1, sequence: sequence)
            recalled.append(Mark(key: event.key, storedAt: event.storedAt, sequence: sequence))
            bytes += event.key.sizeBytes
        }
        marks = recalled + marks[oldest...]
        oldest = 0
    }

    private mutating func expire(_ now: Timestamp) {
        while oldest < marks.count {
            let mark = marks[oldest]
            let age = Duration.nanoseconds(now.nanoseconds - mark.storedAt.nanoseconds)
            guard age > length || count > entriesMax || bytes > bytesMax else { break }
            if entries[mark.key]?.sequence == mark.sequence { entries[mark.key] = nil }
            bytes -= mark.key.sizeBytes
            oldest += 1
        }
        // Half of the list at once, so that moving what is left costs one step an event.
        guard oldest > 1024, oldest * 2 > marks.count else { return }
        marks.removeFirst(oldest)
        oldest = 0
    }
}
