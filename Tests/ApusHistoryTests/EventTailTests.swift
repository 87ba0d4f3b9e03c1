import ApusHistory
import ApusPorts
import ApusResources
import ApusTesting
import BrokerMemory
import CloudEvents
import EventFilters
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct `A live tail` {
    private func made(_ records: Range<Int> = 0..<0) async throws -> (OpenLog, BrokerHistory) {
        let open = try await LogHarness(MemoryBackend.self).open()
        if !records.isEmpty { try await open.log.append(SampleRecords.numbered(records)) }
        return (open, BrokerHistory(namespace: "default", broker: "b", log: open.log, cursors: open.cursors))
    }

    /// What a tail reads until it has caught up.
    private func items(_ tail: inout EventTail) async throws -> [EventTail.Item] {
        var items: [EventTail.Item] = []
        while true {
            let page = try await tail.read()
            guard !page.isCaughtUp else { return items }
            items += page.items
        }
    }

    private func offsets(_ items: [EventTail.Item]) -> [Int64] {
        items.compactMap { if case .record(let record) = $0 { record.position.offset } else { nil } }
    }

    @Test func `begins at the end, or where it is told, and reads each record once`() async throws {
        let (open, history) = try await made(0..<600)
        var fromEnd = try await EventTail(history, from: .latest, filter: .everything)
        var fromStart = try await EventTail(history, from: .earliest, filter: .everything)
        #expect(try await items(&fromEnd) == [])
        #expect(offsets(try await items(&fromStart)) == Array(0..<600))
        try await open.log.append(SampleRecords.numbered(600..<603))
        #expect(offsets(try await items(&fromEnd)) == [600, 601, 602])
        #expect(offsets(try await items(&fromStart)) == [600, 601, 602])
        var resumed = try EventTail(history, resumingAt: 601, filter: .everything)
        #expect(offsets(try await items(&resumed)) == [601, 602])
    }

    @Test func `passes over what does not match, and knows how far it came`() async throws {
        let (_, history) = try await made(0..<1000)
        let filter = try CompiledFilter([.exact([.init(name: "id", value: "700")])])
        var tail = try await EventTail(history, from: .earliest, filter: filter)
        #expect(offsets(try await items(&tail)) == [700])
        #expect(tail.next == 1000)
    }

    @Test func `says what was trimmed before it could be read, and goes on`() async throws {
        let (open, history) = try await made(0..<100)
        var tail = try EventTail(history, resumingAt: 10, filter: .everything)
        _ = try await open.log.trim(.events, TrimPolicy(keepFrom: 95, recordsMax: 0))
        let items = try await items(&tail)
        #expect(items.first == .gap(from: 10, to: 95))
        #expect(offsets(items) == Array(95..<100))
    }

    @Test func `says which record is damaged, and goes on`() async throws {
        let (open, _) = try await made(0..<10)
        let log = PatchyLog(open.log, damaged: [3])
        let history = BrokerHistory(namespace: "default", broker: "b", log: log, cursors: open.cursors)
        var tail = try await EventTail(history, from: .earliest, filter: .everything)
        let items = try await items(&tail)
        #expect(items.count == 10)
        #expect(offsets(items) == [0, 1, 2, 4, 5, 6, 7, 8, 9])
        #expect(items[3] == .damaged(Position(offset: 3), detail: "its bytes are damaged"))
    }

    @Test func `refuses to begin where the log is no more, or not yet`() async throws {
        let (open, history) = try await made(0..<100)
        _ = try await open.log.trim(.events, TrimPolicy(keepFrom: 95, recordsMax: 0))
        await #expect(throws: HistoryError.trimmed(field: "from", oldest: Position(offset: 95))) {
            _ = try await EventTail(history, from: .position(lane: 0, offset: 5), filter: .everything)
        }
        await #expect(throws: HistoryError.ahead(field: "from", end: Position(offset: 100))) {
            _ = try await EventTail(history, from: .position(lane: 0, offset: 101), filter: .everything)
        }
        let beyond = #expect(throws: HistoryError.self) {
            _ = try EventTail(history, resumingAt: 101, filter: .everything)
        }
        #expect(beyond?.field == "Last-Event-ID")
    }

    @Test func `is woken by appends, and leaves nothing behind`() async throws {
        let (open, history) = try await made()
        try await history.tail.withBell { bell in
            #expect(history.tail.bellCount == 1)
            async let rung = bell.wait()
            try await open.log.append(SampleRecords.numbered(0..<1))
            #expect(await rung == .appended)
            try await open.log.append(SampleRecords.numbered(1..<2))
            try await Patience.wait(for: "a ring that was kept") { bell.take() == .appended }
        }
        #expect(history.tail.bellCount == 0)
    }

    @Test func `keeps rings of each kind while it is busy`() async throws {
        let (_, history) = try await made()
        await history.tail.withBell { bell in
            bell.ring(.tick)
            bell.ring(.tick)
            bell.ring(.appended)
            #expect(await bell.wait() == [.tick, .appended])
            #expect(bell.take() == [])
        }
    }

    @Test func `ends with its log, however late it came, and with its task`() async throws {
        let (_, history) = try await made()
        let cancelled = Task { await history.tail.withBell { await $0.wait() } }
        try await Patience.wait(for: "a tail that waits") { history.tail.bellCount == 1 }
        cancelled.cancel()
        #expect(await cancelled.value == .closed)
        async let waiting = history.tail.withBell { await $0.wait() }
        try await Patience.wait(for: "a tail that waits") { history.tail.bellCount == 1 }
        history.close()
        #expect(await waiting == .closed)
        #expect(await history.tail.withBell { await $0.wait() } == .closed)
    }

    @Test func `sees every record while others append`() async throws {
        let (open, history) = try await made()
        let total = 3000
        let log = open.log
        async let appending: Void = {
            for start in stride(from: 0, to: total, by: 3) { try await log.append(SampleRecords.numbered(start..<start + 3)) }
        }()
        let tails = (0..<4).map { _ in
            Task {
                try await history.tail.withBell { bell in
                    var tail = try await EventTail(history, from: .earliest, filter: .everything)
                    var seen: [Int64] = []
                    while seen.count < total {
                        let page = try await tail.read()
                        seen += offsets(page.items)
                        if page.isCaughtUp { _ = await bell.wait() }
                    }
                    return seen
                }
            }
        }
        try await appending
        for tail in tails { #expect(try await tail.value == (0..<Int64(total)).map { $0 }) }
        #expect(history.tail.bellCount == 0)
    }
}
