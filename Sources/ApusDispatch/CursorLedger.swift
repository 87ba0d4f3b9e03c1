package import ApusPorts

/// How far one reader has read, and which matching events before that have no durable outcome yet (law 4).
///
///     offsets   …  7   8   9  10  11  12  13
///                  ■   □   ■   ·   □   ·   ^next        ■ settled or parked   □ open   · not wanted
///                      └ low-water mark
///
/// Only open ones are held, ascending, so a reader costs what it has in its window and nothing else. Pure.
package struct CursorLedger: Sendable, Equatable {
    /// The reader's own next offset; nil where it follows the shared reader.
    package var next: Int64?
    package private(set) var open: [Int64]

    package init(next: Int64?, open: [Int64] = []) {
        self.next = next
        self.open = open
    }

    /// Matching events that were read and are neither settled nor parked: what the window bounds.
    package var count: Int { open.count }

    /// The first offset that is neither settled nor parked nor passed, given where the shared reader stands.
    package func lowWaterMark(shared: Int64) -> Int64 { open.first ?? next ?? shared }

    /// A matching event was read.
    package mutating func open(_ offset: Int64) {
        guard let last = open.last, last >= offset else {
            open.append(offset)
            return
        }
        let index = index(of: offset)
        precondition(open[index] != offset, "an event is opened once")
        open.insert(offset, at: index)
    }

    /// The event's outcome stands: it is delivered, buried or parked. False where it was not open.
    @discardableResult
    package mutating func close(_ offset: Int64) -> Bool {
        let index = index(of: offset)
        guard index < open.count, open[index] == offset else { return false }
        open.remove(at: index)
        return true
    }

    /// What is written of it.
    package func row(_ name: ReaderName) -> CursorChange.Reader { CursorChange.Reader(name: name, next: next, open: open) }

    private func index(of offset: Int64) -> Int {
        var low = 0
        var high = open.count
        while low < high {
            let middle = (low + high) / 2
            if open[middle] < offset { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
