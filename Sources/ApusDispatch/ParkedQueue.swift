package import ApusPorts
package import CloudEvents

/// The parked events of one reader in memory, the next due first (promise 12). Pure.
///
/// An entry rests (in the heap by its due time), waits (behind its key, with no due time) or is out (an attempt is being made;
/// what is durable still says parked).
package struct ParkedQueue: Sendable {
    private struct Due: Sendable {
        var at: Timestamp
        var offset: Int64

        static func < (left: Due, right: Due) -> Bool { (left.at, left.offset) < (right.at, right.offset) }
    }

    private var entries: [Int64: ParkedEvent] = [:]
    private var heap: [Due] = []

    package init() {}

    package var count: Int { entries.count }
    package var nextDueAt: Timestamp? { heap.first?.at }
    /// The lowest offset that is parked: it pins retention. Looks at every entry.
    package var lowestOffset: Int64? { entries.keys.min() }

    /// The event at `offset`, where it is parked.
    package func event(at offset: Int64) -> ParkedEvent? { entries[offset] }

    /// Adds an event, or puts one back that was out. One without a due time waits until it is promoted.
    package mutating func park(_ event: ParkedEvent) {
        entries[event.offset] = event
        if let dueAt = event.dueAt { push(Due(at: dueAt, offset: event.offset)) }
    }

    /// One that waited behind its key is due: now it is its turn.
    package mutating func promote(_ offset: Int64, now: Timestamp) {
        guard var event = entries[offset], event.dueAt == nil else { return }
        event.dueAt = now
        entries[offset] = event
        push(Due(at: now, offset: offset))
    }

    /// Takes out the next one that is due.
    package mutating func takeDue(now: Timestamp) -> ParkedEvent? {
        guard let due = heap.first, due.at <= now else { return nil }
        popFirst()
        return entries[due.offset]
    }

    /// The event is settled.
    package mutating func settle(_ offset: Int64) { entries[offset] = nil }

    /// Order is no more asked for: nobody waits for a key.
    package mutating func forgetKeys(now: Timestamp) {
        for offset in entries.keys.sorted() {
            entries[offset]?.key = nil
            promote(offset, now: now)
        }
    }

    private mutating func push(_ due: Due) {
        heap.append(due)
        var child = heap.count - 1
        while child > 0, heap[child] < heap[(child - 1) / 2] {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    private mutating func popFirst() {
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[child] < heap[least] { least = child }
            guard least != parent else { return }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
