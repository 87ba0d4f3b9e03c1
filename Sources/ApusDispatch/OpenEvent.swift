import ApusPorts
import CloudEvents

/// One event that a reader holds in memory: in its window, or a parked one whose retry is being made.
final class OpenEvent {
    let record: LogRecord
    var machine: DeliveryMachine
    /// Whether what is durable of it says parked; else it is open in the ledger.
    var isParked: Bool
    /// The lane that it belongs to, where the trigger asks for order.
    var key: String?
    /// Where the attempt went that is being made or was made last.
    var destination = ""
    /// Of the attempt that ended last: its HTTP status, 0 where no whole answer came, and how long it took.
    var status = 0
    var microseconds: Int64 = 0
    /// When the retry is due, while that is being written.
    var dueAt: Timestamp?
    /// It became the head of its key while it was being parked.
    var isPromoted = false

    init(record: LogRecord, machine: DeliveryMachine, isParked: Bool, key: String?) {
        self.record = record
        self.machine = machine
        self.isParked = isParked
        self.key = key
    }

    var offset: Int64 { record.position.offset }

    /// What it looks like while it is parked.
    var parked: ParkedEvent {
        ParkedEvent(
            offset: offset, attempts: machine.attempts, dueAt: dueAt, firstAttemptAt: machine.firstAttemptAt, key: key)
    }
}

/// Open events by small numbers: a completion finds its event without a search.
struct OpenEvents {
    private var slots: [OpenEvent?] = []
    private var free: [Int] = []

    subscript(slot: Int) -> OpenEvent {
        guard let event = slots[slot] else { preconditionFailure("the slot is held until its event's last completion") }
        return event
    }

    /// Every event that is held, with its slot.
    var all: [(slot: Int, event: OpenEvent)] { slots.enumerated().compactMap { slot, event in event.map { (slot, $0) } } }

    mutating func insert(_ event: OpenEvent) -> Int {
        guard let slot = free.popLast() else {
            slots.append(event)
            return slots.count - 1
        }
        slots[slot] = event
        return slot
    }

    mutating func remove(_ slot: Int) {
        slots[slot] = nil
        free.append(slot)
    }
}

/// Slots in the order in which they came.
struct SlotQueue {
    private var slots: [Int] = []
    private var first = 0

    var isEmpty: Bool { first == slots.count }

    mutating func append(_ slot: Int) { slots.append(slot) }

    mutating func popFirst() -> Int? {
        guard first < slots.count else { return nil }
        let slot = slots[first]
        first += 1
        if first == slots.count {
            slots.removeAll(keepingCapacity: true)
            first = 0
        }
        return slot
    }
}
