/// Values under small numbers that are used again once they are free.
struct SlotTable<Value: Sendable>: Sendable {
    private var slots: [Value?] = []
    private var free: [Int] = []

    var count: Int { slots.count - free.count }

    /// The number that the next ``insert(_:)`` gives.
    var next: Int { free.last ?? slots.count }

    mutating func insert(_ value: Value) -> Int {
        guard let slot = free.popLast() else {
            slots.append(value)
            return slots.count - 1
        }
        slots[slot] = value
        return slot
    }

    mutating func remove(_ slot: Int) -> Value? {
        guard slots.indices.contains(slot), let value = slots[slot] else { return nil }
        slots[slot] = nil
        free.append(slot)
        return value
    }

    /// Changes a value where it stands; nothing where the slot is free.
    mutating func update(_ slot: Int, _ body: (inout Value) -> Void) {
        guard slots.indices.contains(slot), var value = slots[slot] else { return }
        slots[slot] = nil
        body(&value)
        slots[slot] = value
    }
}
