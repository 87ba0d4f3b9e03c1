internal import ApusPorts
internal import CloudEvents
internal import Testing

/// What is kept beside cursors: entries and traces.
extension EventLogContract {
    private static func entering(_ entries: (key: String, value: [UInt8]?)..., stream: Stream = .events) -> CursorChange {
        var change = CursorChange(stream: stream)
        change.entries = entries.map { StateEntry(key: $0.key, value: $0.value) }
        return change
    }

    private static func tracing(_ traces: DeliveryTrace..., stream: Stream = .events) -> CursorChange {
        var change = CursorChange(stream: stream)
        change.traces = traces
        return change
    }

    private static func trace(_ reader: ReaderName, _ offset: Int64, attempt: Int = 1) -> DeliveryTrace {
        DeliveryTrace(
            reader: reader, offset: offset, attempt: attempt, beganAt: Timestamp(nanoseconds: 1_767_225_600_000_000_000 + offset),
            microseconds: 1200, status: 202, ending: .delivered)
    }

    /// Traces that together have every ending and every field at its bounds.
    private static func everyTrace(_ now: Timestamp) -> [DeliveryTrace] {
        let endings: [DeliveryTrace.Ending] = [
            .delivered, .replied(Position(lane: 3, offset: .max)), .retry(dueAt: Timestamp(nanoseconds: now.nanoseconds + 1)),
            .dead(Position(lane: -1, offset: 0)), .abandoned,
        ]
        var traces = endings.map { ending in
            DeliveryTrace(
                reader: "orders", offset: 5, attempt: 3, beganAt: now, microseconds: 17, status: 503, text: [0, 255, 10],
                ending: ending)
        }
        traces.append(
            DeliveryTrace(
                reader: .replay("r", trigger: "e\u{301}"), offset: 5, attempt: .max, beganAt: Timestamp(nanoseconds: .min),
                microseconds: .max, status: 0, text: [UInt8](repeating: 7, count: Limits.traceTextBytesMax), ending: .delivered))
        traces.append(
            DeliveryTrace(
                reader: .replay("r", trigger: "\u{E9}"), offset: 5, attempt: 1, beganAt: Timestamp(nanoseconds: .max),
                microseconds: 0, status: 200, ending: .retry(dueAt: Timestamp(nanoseconds: .min))))
        return traces
    }

    static let notes: [Clause] = [
        Clause("begins without entries and traces") { harness in
            let open = try await harness.open()
            #expect(try await open.cursors.entries(from: "", until: "\u{10FFFF}", limit: 10).isEmpty)
            for stream in Stream.allCases { #expect(try await open.cursors.traces(stream, at: 0).isEmpty) }
            await open.log.close()
        },
        Clause("leaves an entry alone that is there already, where it is told to keep it") { harness in
            let open = try await harness.open()
            var change = CursorChange(stream: .dead)
            change.entries = [
                StateEntry(key: "a/1", value: [1], keepsExisting: true), StateEntry(key: "a/1", value: [2], keepsExisting: true),
            ]
            try await open.cursors.commit(change)
            #expect(try await open.cursors.entries(from: "a/", until: "b", limit: 9) == [StateEntry(key: "a/1", value: [1])])
            await open.log.close()
        },
        Clause("puts an append's own position into the traces that ride it") { harness in
            let open = try await harness.open()
            try await open.log.append(SampleRecords.numbered(0..<3), to: .dead)
            var riding = trace("orders", 7)
            riding.ending = .dead(.ownRecord)
            try await open.log.append([SampleRecords.numbered(3)], to: .dead, changes: tracing(riding))
            let placed = try await open.cursors.traces(.events, at: 7)
            #expect(placed.map(\.ending) == [.dead(Position(offset: 3))])
            await open.log.close()
        },
        Clause("keeps entries, replaces them, and removes them") { harness in
            let open = try await harness.open()
            let cursors = open.cursors
            try await cursors.commit(entering(("a/1", [1, 0, 255]), ("a/2", []), ("a/3", [3])))
            try await cursors.commit(entering(("a/2", [2]), ("a/3", nil), ("a/4", nil), stream: .dead))
            let expected = [StateEntry(key: "a/1", value: [1, 0, 255]), StateEntry(key: "a/2", value: [2])]
            #expect(try await cursors.entries(from: "a/", until: StateKey.end(of: "a/"), limit: 10) == expected)
            try await cursors.commit(entering(("a/1", [9]), ("a/1", nil), ("a/1", [8])))
            #expect(try await cursors.entries(from: "a/1", until: "a/2", limit: 10) == [StateEntry(key: "a/1", value: [8])])
            await open.log.close()
        },
        Clause("gives entries in the order of their keys' bytes, from one key until before another, up to a limit") { harness in
            let open = try await harness.open()
            let cursors = open.cursors
            let keys = ["B", "a", "a\u{0}", "a\u{0}b", "aa", "e\u{301}", "z", "\u{E9}", "\u{FFFD}", "\u{1F600}"]
            for key in keys.reversed() { try await cursors.commit(entering((key, Array(key.utf8)))) }
            func found(_ from: String, _ until: String, _ limit: Int = 100) async throws -> [[UInt8]] {
                let entries = try await cursors.entries(from: from, until: until, limit: limit)
                for entry in entries { #expect(entry.value.map { entry.key.utf8.elementsEqual($0) } == true) }
                return entries.map { Array($0.key.utf8) }
            }
            let sorted = keys.map { Array($0.utf8) }
            #expect(try await found("", "\u{10FFFF}") == sorted, "é in other bytes is another key")
            #expect(try await found("a", "aa") == Array(sorted[1..<4]), "the first is in, the last is not")
            #expect(try await found("a", "\u{10FFFF}", 3) == Array(sorted[1..<4]))
            #expect(try await found("b", "\u{10FFFF}", 2) == Array(sorted[5..<7]))
            #expect(try await found("", "\u{10FFFF}", 0).isEmpty)
            #expect(try await found("z", "a").isEmpty)
            await open.log.close()
        },
        Clause("refuses an entry that is too large, and keeps nothing of its change") { harness in
            let open = try await harness.open()
            let large = [UInt8](repeating: 1, count: Limits.stateValueBytesMax)
            try await open.cursors.commit(entering(("large", large)))
            var change = entering(("small", [1]), ("larger", large + [1]))
            change.shared = 9
            change.traces = [trace("a", 0)]
            let (refused, refusal) = (change, LogError.tooLarge(limit: Limits.stateValueBytesMax))
            await #expect(throws: refusal) { try await open.cursors.commit(refused) }
            if open.log.appendsWithChanges {
                await #expect(throws: refusal) { try await open.log.append(SampleRecords.numbered(0..<2), changes: refused) }
            }
            #expect(open.log.bounds(of: .events).next.offset == 0)
            #expect(open.log.health == nil)
            #expect(try await open.cursors.load(.events).shared == 0)
            #expect(try await open.cursors.traces(.events, at: 0).isEmpty)
            let kept = try await open.cursors.entries(from: "", until: "\u{10FFFF}", limit: 10)
            #expect(kept == [StateEntry(key: "large", value: large)])
            await open.log.close()
        },
        Clause("makes the entries and traces of an append with it, where it says that it can") { harness in
            let open = try await harness.open()
            guard open.log.appendsWithChanges else { return await open.log.close() }
            var change = entering(("a", [1]))
            change.traces = [trace("orders", 0)]
            try await open.log.append(SampleRecords.numbered(0..<1), to: .dead, changes: change)
            #expect(try await open.cursors.entries(from: "a", until: "b", limit: 1) == [StateEntry(key: "a", value: [1])])
            #expect(try await open.cursors.traces(.events, at: 0) == [trace("orders", 0)])
            #expect(try await open.cursors.traces(.dead, at: 0).isEmpty, "the change's stream counts, not the batch's")
            await open.log.close()
        },
        Clause("forgets the marks of dead letters that a trim takes, and no other entry") { harness in
            let open = try await harness.open()
            try await open.log.append(SampleRecords.numbered(0..<300), to: .dead)
            try await open.log.append(SampleRecords.numbered(0..<300))
            for offset in [0, 9, 99, 250, 251, 299] as [Int64] {
                try await open.cursors.commit(entering((StateKey.deadLetter(offset), [1])))
            }
            try await open.cursors.commit(
                entering((StateKey.replay("0"), [1]), (StateKey.trigger("t"), [1]), ("dead", [1]), ("dead/x", [1])))
            func keys() async throws -> [String] {
                try await open.cursors.entries(from: "", until: "\u{10FFFF}", limit: 100).map(\.key)
            }
            let others = ["dead/x", StateKey.replay("0"), StateKey.trigger("t")]
            _ = try await open.log.trim(.events, TrimPolicy(keepFrom: .max, recordsMax: 0))
            #expect(try await keys() == ["dead"] + [0, 9, 99, 250, 251, 299].map { StateKey.deadLetter($0) } + others)
            _ = try await open.log.trim(.dead, TrimPolicy(keepFrom: 251, recordsMax: 0))
            #expect(try await keys() == ["dead", StateKey.deadLetter(251), StateKey.deadLetter(299)] + others)
            await open.log.close()
        },
        Clause("keeps every field of a trace") { harness in
            let open = try await harness.open()
            let traces = everyTrace(harness.clock.now)
            var change = CursorChange(stream: .dead)
            change.traces = traces
            try await open.cursors.commit(change)
            let found = try await open.cursors.traces(.dead, at: 5)
            #expect(found == traces)
            for (one, other) in zip(found, traces) { #expect(one.reader.utf8.elementsEqual(other.reader.utf8)) }
            await open.log.close()
        },
        Clause("keeps traces by stream and record, in the order of their commits") { harness in
            let open = try await harness.open()
            let cursors = open.cursors
            let far = Int64(1) << 40
            try await cursors.commit(tracing(trace("a", 7, attempt: 1), trace("b", far), trace("b", 7), trace("a", 6)))
            try await cursors.commit(tracing(trace("a", 7), stream: .dead))
            try await cursors.commit(tracing(trace("a", 7, attempt: 2), trace("a", 4096), trace("a", 4095), trace("a", 8)))
            try await cursors.commit(tracing(trace("a", 7, attempt: 3)))
            let expected = [trace("a", 7, attempt: 1), trace("b", 7), trace("a", 7, attempt: 2), trace("a", 7, attempt: 3)]
            #expect(try await cursors.traces(.events, at: 7) == expected)
            #expect(try await cursors.traces(.dead, at: 7) == [trace("a", 7)])
            #expect(try await cursors.traces(.events, at: far) == [trace("b", far)])
            for offset in [6, 8, 4095, 4096] as [Int64] {
                #expect(try await cursors.traces(.events, at: offset) == [trace("a", offset)])
            }
            for offset in [0, 5, 4097, far + 1] { #expect(try await cursors.traces(.events, at: offset).isEmpty) }
            await open.log.close()
        },
        Clause("keeps thousands of traces of one change, each with its record") { harness in
            let open = try await harness.open()
            var change = CursorChange(stream: .events)
            for number in 0..<6000 {
                let offset = Int64(number * 7 % 6000)
                var trace = trace(number % 3 == 0 ? "a" : "b", offset)
                trace.text = [UInt8](repeating: UInt8(number & 0xFF), count: number % 200)
                change.traces.append(trace)
            }
            try await open.cursors.commit(change)
            for offset in [0, 1, 4095, 4096, 5999] as [Int64] {
                #expect(try await open.cursors.traces(.events, at: offset) == change.traces.filter { $0.offset == offset })
            }
            await open.log.close()
        },
        Clause("forgets traces with their records") { harness in
            let open = try await harness.open()
            try await open.log.append(SampleRecords.numbered(0..<200))
            for first in stride(from: 0, to: 9000, by: 200) {
                try await open.log.append(SampleRecords.numbered(0..<200))
                try await open.cursors.commit(tracing(trace("a", Int64(first)), trace("a", Int64(first + 199))))
            }
            try await open.cursors.commit(tracing(trace("a", 0), stream: .dead))
            _ = try await open.log.trim(.events, TrimPolicy(keepFrom: 4399, recordsMax: 0))
            for offset in [0, 199, 4199, 4200] as [Int64] { #expect(try await open.cursors.traces(.events, at: offset).isEmpty) }
            for offset in [4399, 4400, 8999] as [Int64] {
                #expect(try await open.cursors.traces(.events, at: offset) == [trace("a", offset)])
            }
            #expect(try await open.cursors.traces(.dead, at: 0) == [trace("a", 0)])
            await open.log.close()
        },
        Clause("refuses to tell entries and traces once it is closed") { harness in
            let open = try await harness.open()
            try await open.log.append(SampleRecords.numbered(0..<1))
            await open.log.close()
            await #expect(throws: LogError.closed) { try await open.cursors.entries(from: "", until: "z", limit: 1) }
            await #expect(throws: LogError.closed) { try await open.cursors.traces(.events, at: 0) }
            await #expect(throws: LogError.closed) { try await open.log.positions(ofID: "1", limit: 1) }
        },
    ]

    static let reopenedNotes: [Clause] = [
        Clause("keeps entries and traces when it is closed and opened again") { harness in
            let open = try await harness.open()
            var change = entering((StateKey.deadLetter(3), [1]), ("a\u{0}", [2]), ("gone", [3]))
            change.traces = everyTrace(harness.clock.now)
            try await open.cursors.commit(change)
            try await open.cursors.commit(entering(("gone", nil)))
            try await open.cursors.commit(tracing(trace("a", 5), trace("a", 6)))
            await open.log.close()
            let again = try await harness.open()
            let entries = [StateEntry(key: "a\u{0}", value: [2]), StateEntry(key: StateKey.deadLetter(3), value: [1])]
            #expect(try await again.cursors.entries(from: "", until: "z", limit: 10) == entries)
            #expect(try await again.cursors.traces(.events, at: 5) == everyTrace(harness.clock.now) + [trace("a", 5)])
            try await again.cursors.commit(tracing(trace("b", 6)))
            #expect(try await again.cursors.traces(.events, at: 6) == [trace("a", 6), trace("b", 6)])
            await again.log.close()
        }
    ]
}
