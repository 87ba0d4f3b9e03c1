import ApusDispatch
import ApusPorts
import CloudEvents
import Testing

@Suite struct `A cursor ledger` {
    @Test func `holds what is open, in order, whatever order outcomes come in`() {
        var random = SeededGenerator(seed: 4)
        for _ in 0..<200 {
            var ledger = CursorLedger(next: 0)
            var model: Set<Int64> = []
            var next: Int64 = 0
            for _ in 0..<300 {
                if Bool.random(using: &random) || model.isEmpty {
                    next += Int64.random(in: 1...4, using: &random)
                    ledger.open(next - 1)
                    ledger.next = next
                    model.insert(next - 1)
                } else {
                    let offset = model.randomElement(using: &random)!
                    #expect(ledger.close(offset) == true)
                    #expect(ledger.close(offset) == false)
                    model.remove(offset)
                }
                #expect(ledger.open == model.sorted())
                #expect(ledger.lowWaterMark(shared: 99_999) == model.min() ?? next)
                #expect(ledger.row("t") == CursorChange.Reader(name: "t", next: next, open: model.sorted()))
            }
        }
    }

    @Test func `takes an event that was open before in its place`() {
        var ledger = CursorLedger(next: nil, open: [3, 9])
        ledger.open(5)
        ledger.open(1)
        #expect(ledger.open == [1, 3, 5, 9])
        #expect(ledger.lowWaterMark(shared: 20) == 1)
    }

    @Test func `stands with the shared reader where it follows and has nothing open`() {
        #expect(CursorLedger(next: nil).lowWaterMark(shared: 20) == 20)
        #expect(CursorLedger(next: 7).lowWaterMark(shared: 20) == 7)
    }
}

@Suite struct `Key lanes` {
    @Test func `let one of each key go at a time, in order`() {
        var lanes = KeyLanes()
        #expect(lanes.arrive("a", .init(offset: 1, slot: 1)) == true)
        #expect(lanes.arrive("a", .init(offset: 2, slot: 2)) == false)
        #expect(lanes.arrive("b", .init(offset: 3, slot: 3)) == true)
        #expect(lanes.arrive("a", .init(offset: 4, slot: 4)) == false)
        #expect(lanes.depart("a") == .init(offset: 2, slot: 2))
        #expect(lanes.depart("b") == nil)
        #expect(lanes.depart("a") == .init(offset: 4, slot: 4))
        #expect(lanes.depart("a") == nil)
        #expect(lanes.isEmpty)
    }

    @Test func `name those who wait behind a stuck key only`() {
        var lanes = KeyLanes()
        for (offset, key) in [(1, "a"), (2, "b"), (3, "b"), (4, "a"), (5, "b")] {
            _ = lanes.arrive(key, .init(offset: Int64(offset), slot: offset))
        }
        #expect(lanes.waitersToPark().isEmpty)
        lanes.stick("b")
        #expect(lanes.waitersToPark().map(\.waiter.offset) == [3, 5])
        lanes.parked("b", offset: 3)
        #expect(lanes.waitersToPark().map(\.waiter.offset) == [5])
        #expect(lanes.depart("b") == .init(offset: 3, slot: nil))
        #expect(lanes.waitersToPark().isEmpty)
        #expect(lanes.dissolve().map(\.offset) == [4, 5])
    }

    @Test func `keep a long lane in order`() {
        var lanes = KeyLanes()
        for offset in 0..<5000 { _ = lanes.arrive("k", .init(offset: Int64(offset), slot: nil)) }
        for offset in 1..<5000 { #expect(lanes.depart("k")?.offset == Int64(offset)) }
        #expect(lanes.depart("k") == nil)
    }
}

@Suite struct `A parked queue` {
    @Test func `gives the next that is due`() {
        var random = SeededGenerator(seed: 5)
        var queue = ParkedQueue()
        let dues = (0..<500).map { (offset: Int64($0), due: Int64.random(in: 0..<1000, using: &random)) }
        for (offset, due) in dues {
            queue.park(ParkedEvent(offset: offset, attempts: 1, dueAt: Timestamp(nanoseconds: due)))
        }
        var taken: [ParkedEvent] = []
        while let event = queue.takeDue(now: Timestamp(nanoseconds: 600)) { taken.append(event) }
        let expected = dues.filter { $0.due <= 600 }.sorted { ($0.due, $0.offset) < ($1.due, $1.offset) }
        #expect(taken.map(\.offset) == expected.map(\.offset))
        #expect(queue.count == 500)
        for event in taken { queue.settle(event.offset) }
        #expect(queue.count == 500 - taken.count)
    }

    @Test func `keeps one that waits for its key until it is promoted`() {
        var queue = ParkedQueue()
        queue.park(ParkedEvent(offset: 7, attempts: 0, dueAt: nil, key: "k"))
        #expect(queue.takeDue(now: Timestamp(nanoseconds: .max)) == nil)
        queue.promote(7, now: Timestamp(nanoseconds: 5))
        #expect(queue.takeDue(now: Timestamp(nanoseconds: 5))?.offset == 7)
        #expect(queue.lowestOffset == 7)
    }
}

@Suite struct `A token bucket` {
    @Test(arguments: [0.5, 1, 7, 100, 5000]) func `lets its rate through and a tenth of a second's worth at once`(rate: Double) {
        var bucket = TokenBucket(rate: rate)
        var now = Timestamp(nanoseconds: 1_000_000_000)
        let end = now + .seconds(20)
        var times: [Timestamp] = []
        while now < end {
            if let later = bucket.take(now: now) {
                #expect(later > now)
                now = later
            } else {
                times.append(now)
            }
        }
        #expect(Double(times.count) >= rate * 20 - 1)
        #expect(Double(times.count) <= rate * 20.1 + 1)
        #expect(times.filter { $0 == times[0] }.count == max(1, Int(rate / 10)))
    }
}
