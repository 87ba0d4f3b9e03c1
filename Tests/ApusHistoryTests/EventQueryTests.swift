import ApusHistory
import ApusPorts
import ApusResources
import ApusTesting
import BrokerMemory
import BrokerSQLite
import CloudEvents
import EventFilters
import TestSupport
import Testing

@Suite struct `A query of a log` {
    static let backends: [any LogBackend.Type] = [MemoryBackend.self, SQLiteBackend.self]

    /// A log with these records, one second apart in batches of ten.
    private func filled(_ backend: any LogBackend.Type, _ records: [EventRecord]) async throws -> (LogHarness, OpenLog) {
        let harness = try LogHarness(backend)
        let open = try await harness.open()
        for start in stride(from: 0, to: records.count, by: 10) {
            try await open.log.append(Array(records[start..<min(start + 10, records.count)]))
            harness.clock.advance(seconds: 1)
        }
        return (harness, open)
    }

    private func history(_ open: OpenLog, _ log: (any EventLog)? = nil) -> BrokerHistory {
        BrokerHistory(namespace: "default", broker: "b", log: log ?? open.log, cursors: open.cursors)
    }

    /// All pages of a query, one after the other.
    private func walk(_ history: BrokerHistory, _ query: EventQuery) async throws -> (offsets: [Int64], damaged: [Int64]) {
        var query = query, offsets: [Int64] = [], damaged: [Int64] = []
        repeat {
            let page = try await history.page(query)
            #expect(page.records.count <= query.limit)
            offsets += page.records.map(\.position.offset)
            damaged += page.damaged.map(\.offset)
            query.cursor = page.cursor
        } while query.cursor != nil
        return (offsets, damaged)
    }

    private func ids(_ rest: Int, of divisor: Int, in count: Int) throws -> CompiledFilter {
        let ids = (0..<count).filter { $0 % divisor == rest }.map { FilterExpression.exact([.init(name: "id", value: "\($0)")]) }
        return try CompiledFilter([.any(ids)])
    }

    @Test(arguments: backends)
    func `gives each record of the range that matches once, in pages of any size`(backend: any LogBackend.Type) async throws {
        let (harness, open) = try await filled(backend, SampleRecords.numbered(0..<400))
        let history = history(open)
        let everyThird = try ids(0, of: 3, in: 400)
        var random = SeededRandom(seed: 11)
        for round in 0..<60 {
            let from = Int64.random(in: 0...400, using: &random), until = Int64.random(in: from...400, using: &random)
            let isFiltered = Bool.random(using: &random), isNewest = Bool.random(using: &random)
            let limit = [1, 2, 7, 64, 127, 128, 129, 1000].randomElement(using: &random) ?? 1
            let query = EventQuery(
                from: .position(lane: 0, offset: from), until: .position(lane: 0, offset: until),
                filter: isFiltered ? everyThird : .everything, order: isNewest ? .newest : .oldest, limit: limit)
            let expected = (from..<until).filter { !isFiltered || $0 % 3 == 0 }
            let got = try await walk(history, query).offsets
            #expect(got == (isNewest ? expected.reversed() : expected), "round \(round): \(query)")
        }
        await open.log.close()
        withExtendedLifetime(harness) {}
    }

    @Test(arguments: backends)
    func `passes over records that are damaged, and names them`(backend: any LogBackend.Type) async throws {
        let (harness, open) = try await filled(backend, SampleRecords.numbered(0..<300))
        let bad: Set<Int64> = [0, 1, 127, 128, 200, 299]
        let history = history(open, PatchyLog(open.log, damaged: bad))
        for limit in [1, 64, 1000] {
            for order in EventQuery.Order.allCases {
                let (offsets, damaged) = try await walk(history, EventQuery(order: order, limit: limit))
                let expected = (Int64(0)..<300).filter { !bad.contains($0) }
                #expect(offsets == (order == .newest ? expected.reversed() : expected))
                #expect(damaged == (order == .newest ? bad.sorted().reversed() : bad.sorted()), "limit \(limit), \(order)")
            }
        }
        #expect(try await history.record(at: Position(offset: 127)) == .damaged(detail: "patched"))
        await open.log.close()
        withExtendedLifetime(harness) {}
    }

    @Test(arguments: backends)
    func `for an id that a sender gave to many large events ends at as many bytes as a page`(
        backend: any LogBackend.Type
    ) async throws {
        let (harness, open) = try await filled(backend, Array(repeating: SampleRecords.numbered(7, bytes: 1_000_000), count: 7))
        let found = try await history(open).events(withID: "7", limit: 6)
        #expect(found.records.map(\.position.offset) == [6, 5, 4, 3, 2])
        #expect(found.others.map(\.offset) == [1])
        withExtendedLifetime(harness) {}
    }

    @Test(arguments: backends)
    func `ends a page where its records are large, and goes on`(backend: any LogBackend.Type) async throws {
        let records = (0..<14).map { SampleRecords.numbered($0, bytes: 1_000_000) }
        let (harness, open) = try await filled(backend, records)
        for order in EventQuery.Order.allCases {
            let first = try await history(open).page(EventQuery(order: order))
            #expect(first.records.count == 5)
            let all = try await walk(history(open), EventQuery(order: order)).offsets
            #expect(all == (order == .newest ? (0..<14).reversed() : Array(0..<14)))
        }
        await open.log.close()
        withExtendedLifetime(harness) {}
    }

    @Test func `ends a request after so many records, with a cursor to go on`() async throws {
        let log = MemoryLog(clock: { Timestamp(nanoseconds: 0) })
        let count = Limits.scannedRecordsMax + 10
        let record = SampleRecords.numbered(1)
        try await log.append(
            [SampleRecords.numbered(7)] + Array(repeating: record, count: count - 2) + [SampleRecords.numbered(9)])
        let history = BrokerHistory(namespace: "default", broker: "b", log: log, cursors: log)
        let rare = try CompiledFilter([.any([7, 9].map { .exact([.init(name: "id", value: "\($0)")]) })])
        for (order, here, there) in [(EventQuery.Order.oldest, "7", "9"), (.newest, "9", "7")] {
            var query = EventQuery(filter: rare, order: order)
            let first = try await history.page(query)
            #expect(first.records.map { $0.event.attributes.text(of: "id") } == [here])
            #expect(first.scanned == Limits.scannedRecordsMax)
            query.cursor = first.cursor
            #expect(first.cursor != nil)
            let second = try await history.page(query)
            #expect(second.records.map { $0.event.attributes.text(of: "id") } == [there])
            #expect(second.scanned == 10)
            #expect(second.cursor == nil)
        }
        var query = EventQuery(filter: rare)
        let first = try await history.count(query, sampleMax: 5)
        query.cursor = first.cursor
        #expect(first.cursor != nil)
        let second = try await history.count(query, sampleMax: 5)
        #expect((first.matched, second.matched) == (1, 1))
        #expect(first.scanned + second.scanned == count)
        #expect(second.until == Position(offset: Int64(count)))
    }

    @Test(arguments: backends)
    func `counts, and shows the newest that match`(backend: any LogBackend.Type) async throws {
        let (harness, open) = try await filled(backend, SampleRecords.numbered(0..<100))
        let query = EventQuery(
            from: .position(lane: 0, offset: 5), until: .position(lane: 0, offset: 50), filter: try ids(0, of: 10, in: 100))
        let count = try await history(open).count(query, sampleMax: 3)
        #expect((count.matched, count.scanned, count.damaged) == (4, 45, 0))
        #expect(count.sample.map(\.position.offset) == [20, 30, 40])
        #expect((count.from, count.until) == (Position(offset: 5), Position(offset: 50)))
        #expect(count.cursor == nil)
        #expect(try await history(open).count(query, sampleMax: 0).sample.isEmpty)
        await open.log.close()
        withExtendedLifetime(harness) {}
    }

    @Test(arguments: backends)
    func `takes times for bounds, and keeps them for the pages that follow`(backend: any LogBackend.Type) async throws {
        let (harness, open) = try await filled(backend, SampleRecords.numbered(0..<50))
        let history = history(open)
        var query = EventQuery(
            from: .time(harness.clock.moment(-4)), until: .time(harness.clock.moment(-2)), order: .oldest, limit: 15)
        let first = try await history.page(query)
        #expect(first.records.map(\.position.offset) == Array(10..<25))
        #expect(first.cursor == "oldest-25-30")
        try await open.log.append(SampleRecords.numbered(50..<60))
        query.cursor = first.cursor
        #expect(try await history.page(query).records.map(\.position.offset) == Array(25..<30))

        var open_ = EventQuery(order: .newest, limit: 2)
        open_.cursor = try await history.page(open_).cursor
        try await open.log.append(SampleRecords.numbered(60..<70))
        #expect(try await history.page(open_).records.map(\.position.offset) == [57, 56], "what came since is not of this list")
        await open.log.close()
        withExtendedLifetime(harness) {}
    }

    @Test func `looks at the stream that it names`() async throws {
        let (_, open) = try await filled(MemoryBackend.self, SampleRecords.numbered(0..<3))
        try await open.log.append([SampleRecords.numbered(9)], to: .dead)
        let page = try await history(open).page(EventQuery(stream: .dead))
        #expect(page.records.map { $0.event.attributes.text(of: "id") } == ["9"])
        #expect(page.bounds.next == Position(offset: 1))
    }
}
