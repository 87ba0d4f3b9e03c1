/// Hashes of the ids of the newest events, which no run covers yet: eight bytes an event. A value; the writer appends to it.
struct IDTail {
    /// When a run is made of the tail, and how much it may hold.
    struct Bounds: Sendable {
        /// A run covers so many events at most.
        var runEvents = IDRun.eventsMax
        /// A run is made, however few its events are, once their records take so many bytes: after a restart no more than that
        /// is read again.
        var runBytes = 134_217_728
        /// Where runs cannot be written, so many times `runEvents` are held; the oldest are read from the log again later.
        var runsHeld = 4
    }

    let bounds: Bounds
    private(set) var first: Int64
    private(set) var hashes: [UInt64] = []
    private var bytes = 0
    /// Whether somebody was told that a run is due, and is at it.
    private var isTold = false
    /// Where the next run is tried after one that could not be written.
    private var retryAt = Int64.min
    /// Runs from here on are of records that are not the log's any more.
    private var lost: Int64?

    var end: Int64 { first + Int64(hashes.count) }

    init(first: Int64, bounds: Bounds) {
        self.first = first
        self.bounds = bounds
    }

    var isDue: Bool { (hashes.count >= bounds.runEvents || bytes >= bounds.runBytes) && end >= retryAt }

    /// Takes the hashes of events that became durable; true where somebody has to make a run now.
    mutating func append(_ new: [UInt64], first offset: Int64, bytes size: Int) -> Bool {
        if offset != end {
            // The file was opened anew, and holds other records than its writer was told of.
            if offset < end { lost = min(lost ?? .max, offset) }
            (first, hashes, bytes) = (offset, [], 0)
        }
        hashes.append(contentsOf: new)
        bytes += size
        let held = bounds.runEvents * bounds.runsHeld
        while hashes.count > held { drop(bounds.runEvents) }
        guard isDue, !isTold else { return false }
        isTold = true
        return true
    }

    /// Puts hashes of the events before the tail in front of it; false where they do not end where it begins.
    mutating func prepend(_ older: [UInt64], first offset: Int64) -> Bool {
        guard offset + Int64(older.count) == first else { return false }
        hashes.insert(contentsOf: older, at: 0)
        first = offset
        return true
    }

    /// The events that the next run covers.
    var due: (first: Int64, hashes: [UInt64]) { (first, Array(hashes.prefix(bounds.runEvents))) }

    /// A run covers events up to `end`.
    mutating func covered(to end: Int64) {
        guard end > first, end <= self.end else { return }
        drop(Int(end - first))
        bytes = 0
    }

    /// Whoever was told has done what could be done, and says whether it could be written.
    mutating func done(isWritten: Bool) {
        isTold = false
        retryAt = isWritten ? .min : end + Int64(bounds.runEvents)
    }

    mutating func takeLost() -> Int64? {
        defer { lost = nil }
        return lost
    }

    /// Where events with this hash stand, ascending.
    func offsets(of hash: UInt64) -> [Int64] {
        var found: [Int64] = []
        for (index, other) in hashes.enumerated() where other == hash { found.append(first + Int64(index)) }
        return found
    }

    private mutating func drop(_ count: Int) {
        hashes.removeFirst(count)
        first += Int64(count)
    }
}
