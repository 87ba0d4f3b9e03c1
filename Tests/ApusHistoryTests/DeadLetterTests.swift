import ApusHistory
import ApusPorts
import ApusResources
import ApusTesting
import CloudEvents
import EventFilters
import Testing

@Suite(.timeLimit(.minutes(1))) struct `Dead letters` {
    @Test(arguments: deadLetterBackends)
    func `are listed newest first, page by page, without their data`(_ backend: String) async throws {
        let desk = try await LetterDesk(backend)
        for index in 0..<1_100 { try await desk.bury(LetterDesk.letter(event: Int64(index))) }
        let expected = Array((0..<1_100).map(Int64.init).reversed())
        for limit in [1_000, 333, 1_100, 5_000] {
            #expect(try await desk.offsets(DeadLetterQuery(), limit: limit) == expected, "\(limit)")
        }
        let page = try await desk.history.deadLetters(DeadLetterQuery(), limit: 2)
        #expect(page.lines.map(\.record.event.body) == [[], []])
        #expect(page.reach.next == 1_098)
        #expect(!page.reach.isIncomplete)
        let last = try await desk.history.deadLetters(DeadLetterQuery(before: 1), limit: 1)
        #expect(last.reach.next == nil, "a page that ends at the oldest has no next")
        await desk.open.log.close()
    }

    @Test(arguments: deadLetterBackends)
    func `want attention unless they were redriven, edited or purged`(_ backend: String) async throws {
        let desk = try await LetterDesk(backend)
        for _ in 0..<6 { try await desk.bury(LetterDesk.letter()) }
        let copy = try await desk.bury(LetterDesk.letter(reason: .edited))
        let states: [DeadLetterMark.State] = [.redriven, .failed, .sinkFailed, .edited, .purged]
        for (offset, state) in states.enumerated() { try await desk.mark(Int64(offset), state) }
        #expect(try await desk.offsets(DeadLetterQuery()) == [copy, 5, 2, 1])
        #expect(try await desk.offsets(DeadLetterQuery(states: [.redriven])) == [0])
        #expect(try await desk.offsets(DeadLetterQuery(states: [.copied])) == [copy])
        #expect(try await desk.offsets(DeadLetterQuery(states: Set(DeadLetterState.allCases))).count == 7)
        let page = try await desk.history.deadLetters(DeadLetterQuery(states: Set(DeadLetterState.allCases)), limit: 10)
        #expect(page.lines.map(\.state) == [.copied, .open, .purged, .edited, .sinkFailed, .failed, .redriven])
        await desk.open.log.close()
    }

    @Test(arguments: deadLetterBackends)
    func `are selected by trigger, reason, type, filter, position and time`(_ backend: String) async throws {
        let desk = try await LetterDesk(backend)
        let start = desk.harness.clock.now
        func second(_ count: Int64) -> LogPoint { .time(Timestamp(nanoseconds: start.nanoseconds + count * 1_000_000_000)) }
        try await desk.bury(LetterDesk.letter("orders"), type: "order", id: "a")
        try await desk.bury(LetterDesk.letter("billing"), type: "order", id: "b")
        try await desk.bury(LetterDesk.letter("orders", reason: .retriesExhausted), type: "bill", id: "c")
        try await desk.bury(LetterDesk.letter("orders"), type: "bill", id: "d")
        func found(_ query: DeadLetterQuery) async throws -> [Int64] { try await desk.offsets(query) }
        #expect(try await found(DeadLetterQuery(selection: DeadLetterSelection(trigger: "orders"))) == [3, 2, 0])
        #expect(try await found(DeadLetterQuery(selection: DeadLetterSelection(reason: .rejected))) == [3, 1, 0])
        #expect(try await found(DeadLetterQuery(type: "bill")) == [3, 2])
        let filter = try CompiledFilter([.exact([AttributePredicate(name: "id", value: "b")])])
        #expect(try await found(DeadLetterQuery(filter: filter)) == [1])
        #expect(try await found(DeadLetterQuery(selection: DeadLetterSelection(offsets: [0, 3, 99]))) == [3, 0])
        #expect(try await found(DeadLetterQuery(from: second(2), until: second(4))) == [2, 1])
        #expect(
            try await found(DeadLetterQuery(from: .position(lane: 0, offset: 1), until: .position(lane: 0, offset: 3))) == [2, 1])
        #expect(try await found(DeadLetterQuery(from: .latest)).isEmpty)
        await #expect(throws: HistoryError.self) {
            _ = try await found(DeadLetterQuery(from: .position(lane: 0, offset: 3), until: .earliest))
        }
        await desk.open.log.close()
    }

    @Test(arguments: deadLetterBackends)
    func `are grouped by trigger, reason and kind of error, the largest group first`(_ backend: String) async throws {
        let desk = try await LetterDesk(backend)
        for order in 0..<5 { try await desk.bury(LetterDesk.letter(body: "order \(order) has no amount")) }
        try await desk.bury(LetterDesk.letter(body: "no such customer"))
        try await desk.bury(LetterDesk.letter("billing", body: "order 7 has no amount"))
        try await desk.bury(LetterDesk.letter(reason: .retriesExhausted, status: 503, body: "order 7 has no amount"))
        try await desk.mark(1, .purged)
        let answer = try await desk.history.deadLetterGroups(DeadLetterQuery())
        let start = desk.harness.clock.now.nanoseconds - 8_000_000_000
        #expect(answer.count == 7 && answer.others == 0)
        #expect(answer.groups.map(\.count) == [4, 1, 1, 1])
        let first = try #require(answer.groups.first)
        #expect(first.key.trigger == "orders" && first.key.reason == .rejected)
        #expect(first.key.error.description == "422 order <n> has no amount")
        #expect(first.sample == Position(offset: 4))
        #expect(first.firstAt == Timestamp(nanoseconds: start + 1_000_000_000))
        #expect(first.lastAt == Timestamp(nanoseconds: start + 5_000_000_000))
        #expect(answer.groups.dropFirst().map(\.sample.offset) == [7, 6, 5])
        await desk.open.log.close()
    }

    @Test func `of more kinds of error than are told apart are counted together`() async throws {
        let desk = try await LetterDesk("Memory")
        for index in 0..<(Limits.deadLetterGroupsMax + 5) { try await desk.bury(LetterDesk.letter("t\(index)")) }
        let answer = try await desk.history.deadLetterGroups(DeadLetterQuery())
        #expect(answer.groups.count == Limits.deadLetterGroupsMax)
        #expect(answer.others == 5)
        #expect(answer.count == Limits.deadLetterGroupsMax + 5)
    }

    @Test func `that are too many for one look say where to go on`() async throws {
        let desk = try await LetterDesk("Memory")
        let more = 700
        let records = (0..<(Limits.scannedRecordsMax + more)).map { _ in
            var record = LetterDesk.event("1")
            record.deadLetter = LetterDesk.letter()
            return record
        }
        try await desk.open.log.append(records, to: .dead)
        let first = try await desk.history.deadLetterGroups(DeadLetterQuery())
        #expect(first.reach.isIncomplete)
        #expect(first.count >= Limits.scannedRecordsMax && first.count < records.count)
        let rest = try await desk.history.deadLetterGroups(DeadLetterQuery(before: first.reach.next))
        #expect(!rest.reach.isIncomplete && rest.reach.next == nil)
        #expect(first.count + rest.count == records.count)
    }

    @Test(arguments: deadLetterBackends)
    func `that retention took are missed with where the stream begins`(_ backend: String) async throws {
        let desk = try await LetterDesk(backend)
        for _ in 0..<10 { try await desk.bury(LetterDesk.letter()) }
        _ = try await desk.open.log.trim(.dead, TrimPolicy(keepFrom: .max, recordsMax: 4))
        let oldest = desk.open.log.bounds(of: .dead).oldest
        #expect(oldest.offset > 0)
        #expect(try await desk.offsets(DeadLetterQuery()) == Array((oldest.offset..<10).reversed()))
        await #expect(throws: HistoryError.trimmed(field: "from", oldest: oldest)) {
            _ = try await desk.offsets(DeadLetterQuery(from: .position(lane: 0, offset: 0)))
        }
        await #expect(throws: DeadLetterMiss.trimmed(oldest: oldest)) {
            _ = try await desk.history.deadLetter(at: Position(offset: 0))
        }
        let sentence = DeadLetterMiss.trimmed(oldest: oldest).sentence(Position(offset: 0))
        #expect(sentence == "The dead letter at 0:0 is trimmed; dead letters begin at \(oldest).")
        await desk.open.log.close()
    }
}
