/// Deadlines of many exchanges under one timer: a hashed wheel whose entries know where they stand, so that adding one and taking
/// one out cost the same however many there are.
///
/// Time is counted in ticks. A deadline fires at the first turn at or after it, never early.
struct DeadlineWheel<Entry: DeadlineEntry> {
    private var slots: [[Entry]]
    private(set) var count = 0
    /// The last tick that was turned.
    private var tick: Int64

    init(slots: Int, tick: Int64) {
        self.slots = Array(repeating: [], count: slots)
        self.tick = tick
    }

    /// Adds an entry. One whose deadline has passed already fires at the next turn.
    mutating func add(_ entry: Entry) {
        let slot = Int(max(entry.deadlineTick, tick + 1) % Int64(slots.count))
        entry.place = (slot, slots[slot].count)
        slots[slot].append(entry)
        count += 1
    }

    /// Takes an entry out. One that does not stand in the wheel is left alone.
    mutating func remove(_ entry: Entry) {
        guard let (slot, index) = entry.place else { return }
        entry.place = nil
        count -= 1
        let last = slots[slot].removeLast()
        if last !== entry {
            slots[slot][index] = last
            last.place = (slot, index)
        }
    }

    /// Turns the wheel to `now` and takes out the entries that are due.
    mutating func turn(to now: Int64) -> [Entry] {
        guard now > tick else { return [] }
        var due: [Entry] = []
        // After a long rest each slot is looked at once, not once a tick.
        let turns = min(now - tick, Int64(slots.count))
        for step in 0..<turns {
            let slot = Int((now - step) % Int64(slots.count))
            due.append(contentsOf: slots[slot].filter { $0.deadlineTick <= now })
        }
        tick = now
        for entry in due { remove(entry) }
        return due
    }
}

/// What stands in a ``DeadlineWheel``.
protocol DeadlineEntry: AnyObject {
    var deadlineTick: Int64 { get }
    /// Where the entry stands; the wheel's own business.
    var place: (slot: Int, index: Int)? { get set }
}
