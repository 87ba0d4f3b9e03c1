/// One lane a key, for triggers that ask for order (promise 15): its head is being delivered or waits for a retry, and the
/// others wait behind it in the order of their offsets.
///
///     key a:   [5 attempting]  9  12          9 and 12 wait in the window
///     key b:   [6 parked]      7   8  14      b is stuck: where the window is full its waiters are parked too, and a goes on
///
/// Keys are compared as Swift compares text; two spellings that are canonically equal share a lane, which orders more and loses
/// nothing. Pure.
package struct KeyLanes: Sendable {
    package struct Waiter: Sendable, Equatable {
        package var offset: Int64
        /// Where the event is held; nil where it is parked.
        package var slot: Int?

        package init(offset: Int64, slot: Int?) {
            self.offset = offset
            self.slot = slot
        }
    }

    fileprivate struct Lane {
        /// Whether the head has failed at least once.
        var isStuck = false
        /// Ascending by offset; those before `first` are gone.
        var waiting: [Waiter] = []
        var first = 0
    }

    private var lanes: [String: Lane] = [:]

    package init() {}

    package var isEmpty: Bool { lanes.isEmpty }

    /// An event of `key` came. True: it is the key's head and goes; false: it waits.
    package mutating func arrive(_ key: String, _ waiter: Waiter) -> Bool {
        guard lanes[key] != nil else {
            lanes[key] = Lane()
            return true
        }
        lanes[key]?.insert(waiter)
        return false
    }

    /// The head of `key` failed and will be tried again.
    package mutating func stick(_ key: String) { lanes[key]?.isStuck = true }

    /// The head of `key` is settled. Gives back the next head, or nil where none waits.
    package mutating func depart(_ key: String) -> Waiter? {
        guard let index = lanes.index(forKey: key) else { return nil }
        guard let next = lanes.values[index].popFirst() else {
            lanes.remove(at: index)
            return nil
        }
        lanes.values[index].isStuck = false
        return next
    }

    /// The waiters of stuck keys that are still in the window: they are to be parked, so that other keys find room.
    package func waitersToPark() -> [(key: String, waiter: Waiter)] {
        var found: [(key: String, waiter: Waiter)] = []
        for (key, lane) in lanes where lane.isStuck {
            for waiter in lane.waiting[lane.first...] where waiter.slot != nil { found.append((key, waiter)) }
        }
        return found.sorted { $0.waiter.offset < $1.waiter.offset }
    }

    /// A waiter was parked: it is held by its offset from now on.
    package mutating func parked(_ key: String, offset: Int64) { lanes[key]?.letGo(of: offset) }

    /// Opens all lanes: the trigger asks for no order any more. Gives back who waited, by offset.
    package mutating func dissolve() -> [Waiter] {
        let waiters = lanes.values.flatMap { $0.waiting[$0.first...] }
        lanes = [:]
        return waiters.sorted { $0.offset < $1.offset }
    }
}

extension KeyLanes.Lane {
    fileprivate mutating func insert(_ waiter: KeyLanes.Waiter) {
        guard let last = waiting.last, first < waiting.count, last.offset > waiter.offset else {
            waiting.append(waiter)
            return
        }
        waiting.insert(waiter, at: index(of: waiter.offset))
    }

    fileprivate mutating func popFirst() -> KeyLanes.Waiter? {
        guard first < waiting.count else { return nil }
        let waiter = waiting[first]
        first += 1
        // The front is dropped in strides, so that a long lane does not move its whole tail for each head.
        if first >= 64, first * 2 >= waiting.count {
            waiting.removeFirst(first)
            first = 0
        }
        return waiter
    }

    fileprivate mutating func letGo(of offset: Int64) {
        let index = index(of: offset)
        if index < waiting.count, waiting[index].offset == offset { waiting[index].slot = nil }
    }

    private func index(of offset: Int64) -> Int {
        var low = first
        var high = waiting.count
        while low < high {
            let middle = (low + high) / 2
            if waiting[middle].offset < offset { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
