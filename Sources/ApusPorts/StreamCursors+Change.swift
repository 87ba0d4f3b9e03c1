extension StreamCursors {
    /// Makes a change, in the order of its fields: what a store in memory does, and what every other is held against.
    public mutating func apply(_ change: CursorChange) {
        if let shared = change.shared { self.shared = shared }
        for new in change.readers {
            var reader = readers[new.name] ?? ReaderCursor()
            (reader.next, reader.open, reader.retiredAt) = (new.next, new.open, nil)
            let passed = new.next ?? self.shared
            reader.settled = reader.settled.filter { $0 >= passed || new.open.contains($0) }
            readers[new.name] = reader
        }
        for mark in change.settle {
            readers[mark.name, default: ReaderCursor()].settled.insert(mark.offset)
            readers[mark.name, default: ReaderCursor()].parked.removeAll { $0.offset == mark.offset }
        }
        for parking in change.park {
            var parked = readers[parking.name]?.parked ?? []
            parked.removeAll { $0.offset == parking.event.offset }
            let place = parked.firstIndex { $0.offset > parking.event.offset } ?? parked.endIndex
            parked.insert(parking.event, at: place)
            readers[parking.name, default: ReaderCursor()].parked = parked
        }
        for retirement in change.retire { readers[retirement.name]?.retiredAt = retirement.at }
        for name in change.remove { readers[name] = nil }
    }
}
