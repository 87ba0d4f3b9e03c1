import Testing

@testable import ApusHTTP

@Suite struct `A deadline wheel` {
    private final class Entry: DeadlineEntry {
        let deadlineTick: Int64
        var place: (slot: Int, index: Int)?

        init(_ deadlineTick: Int64) { self.deadlineTick = deadlineTick }
    }

    @Test func `fires each deadline at its tick, however far away it is`() {
        var wheel = DeadlineWheel<Entry>(slots: 8, tick: 100)
        let entries = [101, 105, 108, 109, 117, 250].map { Entry($0) }
        for entry in entries { wheel.add(entry) }
        var fired: [Int64: Int64] = [:]
        for now in Int64(101)...300 { for entry in wheel.turn(to: now) { fired[entry.deadlineTick] = now } }
        #expect(fired == Dictionary(uniqueKeysWithValues: entries.map { ($0.deadlineTick, $0.deadlineTick) }))
        #expect(wheel.count == 0)
    }

    @Test func `fires everything that is due after a long rest, once`() {
        var wheel = DeadlineWheel<Entry>(slots: 8, tick: 0)
        for deadline in 1...50 { wheel.add(Entry(Int64(deadline))) }
        #expect(given(wheel.turn(to: 40)).map(\.deadlineTick).sorted() == Array(1...40))
        #expect(given(wheel.turn(to: 40)).isEmpty)
        #expect(given(wheel.turn(to: 1000)).map(\.deadlineTick).sorted() == Array(41...50))
    }

    @Test func `lets any entry be taken out, in any order`() {
        var wheel = DeadlineWheel<Entry>(slots: 4, tick: 0)
        let entries = (0..<40).map { Entry(Int64($0 % 8 + 1)) }
        for entry in entries { wheel.add(entry) }
        for index in stride(from: 0, to: 40, by: 3) { wheel.remove(entries[index]) }
        wheel.remove(entries[0])
        let kept = entries.indices.filter { $0 % 3 != 0 }
        #expect(wheel.count == kept.count)
        let fired = wheel.turn(to: 8).map(ObjectIdentifier.init)
        #expect(Set(fired) == Set(kept.map { ObjectIdentifier(entries[$0]) }))
        #expect(fired.count == kept.count)
    }

    @Test func `fires a deadline that has passed at the next turn`() {
        var wheel = DeadlineWheel<Entry>(slots: 8, tick: 100)
        wheel.add(Entry(3))
        #expect(given(wheel.turn(to: 100)).isEmpty)
        #expect(given(wheel.turn(to: 101)).count == 1)
    }
}
