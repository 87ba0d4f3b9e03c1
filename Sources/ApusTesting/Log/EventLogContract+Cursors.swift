internal import ApusPorts
internal import CloudEvents
internal import Testing

extension EventLogContract {
    /// A change that writes readers.
    private static func writing(_ readers: CursorChange.Reader..., shared: Int64? = nil) -> CursorChange {
        var change = CursorChange(stream: .events)
        change.shared = shared
        change.readers = readers
        return change
    }

    private static func settling(_ name: ReaderName, _ offsets: Int64...) -> CursorChange {
        var change = CursorChange(stream: .events)
        change.settle = offsets.map { CursorChange.Mark(name: name, offset: $0) }
        return change
    }

    private static func parking(_ name: ReaderName, _ events: ParkedEvent...) -> CursorChange {
        var change = CursorChange(stream: .events)
        change.park = events.map { CursorChange.Parking(name: name, event: $0) }
        return change
    }

    static let cursors: [Clause] = [
        Clause("begins without readers, the shared one at 0") { harness in
            let open = try await harness.open()
            for stream in Stream.allCases { #expect(try await open.cursors.load(stream) == StreamCursors()) }
            await open.log.close()
        },
        Clause("keeps a reader's place, what is open, and follows the shared reader where it has none of its own") { harness in
            let open = try await harness.open()
            let cursors = open.cursors
            try await cursors.commit(
                writing(.init(name: "a", next: 17, open: [3, 9, 16]), .init(name: "b", next: nil, open: []), shared: 12))
            var expected = StreamCursors(
                shared: 12, readers: ["a": ReaderCursor(next: 17, open: [3, 9, 16]), "b": ReaderCursor(next: nil)])
            #expect(try await cursors.load(.events) == expected)
            #expect(try await cursors.load(.dead) == StreamCursors())
            try await cursors.commit(writing(.init(name: "a", next: nil, open: [9])))
            expected.readers["a"] = ReaderCursor(next: nil, open: [9])
            #expect(try await cursors.load(.events) == expected)
            await open.log.close()
        },
        Clause("adds to what is settled, and clears what a reader's new place has passed and no longer calls open") { harness in
            let open = try await harness.open()
            let cursors = open.cursors
            try await cursors.commit(writing(.init(name: "a", next: 10, open: [4, 5]), .init(name: "b", next: nil, open: [])))
            try await cursors.commit(settling("a", 4, 12, 20))
            try await cursors.commit(settling("b", 7, 8))
            #expect(try await cursors.load(.events).readers["a"] == ReaderCursor(next: 10, open: [4, 5], settled: [4, 12, 20]))
            try await cursors.commit(writing(.init(name: "a", next: 20, open: [5])))
            #expect(try await cursors.load(.events).readers["a"] == ReaderCursor(next: 20, open: [5], settled: [20]))
            try await cursors.commit(settling("a", 5))
            try await cursors.commit(writing(.init(name: "a", next: 21, open: [5, 18])))
            #expect(try await cursors.load(.events).readers["a"] == ReaderCursor(next: 21, open: [5, 18], settled: [5]))
            try await cursors.commit(writing(.init(name: "a", next: 21, open: [18])))
            #expect(try await cursors.load(.events).readers["a"] == ReaderCursor(next: 21, open: [18]))
            try await cursors.commit(writing(.init(name: "b", next: nil, open: []), shared: 8))
            #expect(try await cursors.load(.events).readers["b"] == ReaderCursor(next: nil, settled: [8]))
            await open.log.close()
        },
        Clause("keeps every field of what is parked, replaces it by offset, and settles it away") { harness in
            let open = try await harness.open()
            let cursors = open.cursors
            let due = ParkedEvent(
                offset: 9, attempts: 3, dueAt: harness.clock.moment(3600), firstAttemptAt: harness.clock.now, key: "k\u{0}\u{E9}")
            let behind = ParkedEvent(offset: 4, attempts: 0, dueAt: nil, key: "")
            try await cursors.commit(parking("a", due, behind))
            #expect(try await cursors.load(.events).readers == ["a": ReaderCursor(parked: [behind, due])])
            var later = due
            (later.attempts, later.dueAt, later.key) = (4, harness.clock.moment(7200), nil)
            try await cursors.commit(parking("a", later))
            #expect(try await cursors.load(.events).readers["a"]?.parked == [behind, later])
            try await cursors.commit(settling("a", 9))
            #expect(try await cursors.load(.events).readers["a"] == ReaderCursor(settled: [9], parked: [behind]))
            await open.log.close()
        },
        Clause("keeps a retired reader until it is written again") { harness in
            let open = try await harness.open()
            let cursors = open.cursors
            try await cursors.commit(writing(.init(name: "a", next: 5, open: [1])))
            try await cursors.commit(parking("a", ParkedEvent(offset: 2, attempts: 1, dueAt: nil)))
            var change = CursorChange(stream: .events)
            change.retire = [.init(name: "a", at: harness.clock.now), .init(name: "unknown", at: harness.clock.now)]
            try await cursors.commit(change)
            let retired = ReaderCursor(
                next: 5, open: [1], parked: [ParkedEvent(offset: 2, attempts: 1, dueAt: nil)], retiredAt: harness.clock.now)
            #expect(try await cursors.load(.events).readers == ["a": retired])
            try await cursors.commit(writing(.init(name: "a", next: 6, open: [])))
            var expected = retired
            (expected.next, expected.open, expected.retiredAt) = (6, [], nil)
            #expect(try await cursors.load(.events).readers == ["a": expected])
            await open.log.close()
        },
        Clause("forgets a reader whole, and no other") { harness in
            let open = try await harness.open()
            let cursors = open.cursors
            for name in ["a", "b"] {
                try await cursors.commit(writing(.init(name: name, next: 5, open: [1])))
                try await cursors.commit(settling(name, 6))
                try await cursors.commit(parking(name, ParkedEvent(offset: 2, attempts: 1, dueAt: nil)))
            }
            var change = CursorChange(stream: .events)
            change.remove = ["a"]
            try await cursors.commit(change)
            let other = ReaderCursor(next: 5, open: [1], settled: [6], parked: [ParkedEvent(offset: 2, attempts: 1, dueAt: nil)])
            #expect(try await cursors.load(.events).readers == ["b": other])
            await open.log.close()
        },
        Clause("makes the parts of a change in the order of its fields") { harness in
            let open = try await harness.open()
            try await open.cursors.commit(settling("a", 3))
            var change = CursorChange(stream: .events)
            change.shared = 5
            change.readers = [.init(name: "a", next: nil, open: [])]
            change.settle = [.init(name: "a", offset: 2), .init(name: "c", offset: 1)]
            change.park = [.init(name: "a", event: ParkedEvent(offset: 2, attempts: 1, dueAt: nil))]
            change.retire = [.init(name: "a", at: harness.clock.now)]
            change.remove = ["c"]
            try await open.cursors.commit(change)
            let expected = ReaderCursor(
                next: nil, settled: [2], parked: [ParkedEvent(offset: 2, attempts: 1, dueAt: nil)], retiredAt: harness.clock.now)
            #expect(try await open.cursors.load(.events) == StreamCursors(shared: 5, readers: ["a": expected]))
            await open.log.close()
        },
        Clause("makes the changes of an append with it, where it says that it can") { harness in
            let open = try await harness.open()
            guard open.log.appendsWithChanges else { return await open.log.close() }
            try await open.log.append(SampleRecords.numbered(0..<1), changes: settling("a", 41))
            #expect(try await open.cursors.load(.events).readers["a"]?.settled == [41])
            #expect(open.log.bounds(of: .events).next.offset == 1)
            await open.log.close()
        },
    ]
}
