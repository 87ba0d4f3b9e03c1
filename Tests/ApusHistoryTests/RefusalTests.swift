import ApusHistory
import ApusPorts
import ApusResources
import ApusTesting
import BrokerMemory
import BrokerSQLite
import CloudEvents
import Testing

@Suite struct `A question that cannot be answered` {
    /// A log that holds 40..<100.
    private func trimmed(_ backend: any LogBackend.Type = MemoryBackend.self) async throws -> (OpenLog, BrokerHistory, LogHarness)
    {
        let harness = try LogHarness(backend), open = try await harness.open()
        try await open.log.append(SampleRecords.numbered(0..<100))
        _ = try await open.log.trim(.events, TrimPolicy(keepFrom: 40, recordsMax: 0))
        return (open, BrokerHistory(namespace: "default", broker: "b", log: open.log, cursors: open.cursors), harness)
    }

    private func refusal(_ history: BrokerHistory, _ query: EventQuery) async -> HistoryError? {
        do throws(HistoryError) {
            _ = try await history.page(query)
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: `A query of a log`.backends)
    func `for what is trimmed says where the log begins`(backend: any LogBackend.Type) async throws {
        let (open, history, harness) = try await trimmed(backend)
        let oldest = Position(offset: 40)
        for (field, query) in [
            ("from", EventQuery(from: .position(lane: 0, offset: 39))),
            ("until", EventQuery(until: .position(lane: 0, offset: 12))),
            ("cursor", EventQuery(order: .oldest, cursor: "oldest-39-100")),
            ("cursor", EventQuery(order: .newest, cursor: "newest-0-40")),
        ] {
            let error = await refusal(history, query)
            #expect(error == .trimmed(field: field, oldest: oldest))
            #expect(error?.sentence == "The log begins at 0:40: what was before is trimmed.")
        }
        #expect(try await history.record(at: Position(offset: 39)) == .trimmed(oldest: oldest))
        #expect(try await history.record(at: Position(offset: 100)) == .ahead(end: Position(offset: 100)))
        guard case .found(let record) = try await history.record(at: Position(offset: 40)) else {
            Issue.record("the oldest is not there")
            return
        }
        #expect(record.event.attributes.text(of: "id") == "40")
        await open.log.close()
        withExtendedLifetime(harness) {}
    }

    @Test func `is none for a time before the log, or a list backwards that was overtaken by a trim`() async throws {
        let (_, history, _) = try await trimmed()
        let early = try await history.page(EventQuery(from: .time(Timestamp(nanoseconds: 0)), order: .oldest, limit: 1))
        #expect(early.records.map(\.position.offset) == [40])
        let late = try await history.page(EventQuery(order: .newest, cursor: "newest-0-42"))
        #expect(late.records.map(\.position.offset) == [41, 40])
        #expect(late.cursor == nil)
    }

    @Test func `names the parameter that is wrong`() async throws {
        let (_, history, _) = try await trimmed()
        let end = Position(offset: 100)
        for (field, query) in [
            ("limit", EventQuery(limit: 0)), ("limit", EventQuery(limit: 1001)),
            ("cursor", EventQuery(cursor: "")), ("cursor", EventQuery(cursor: "newest-1")),
            ("cursor", EventQuery(cursor: "newest-5-2")),
            ("cursor", EventQuery(cursor: "newest--5-2")), ("cursor", EventQuery(cursor: "newest-99999999999999999999-2")),
            ("cursor", EventQuery(cursor: "oldest-50-60")), ("from", EventQuery(from: .position(lane: 1, offset: 50))),
            ("until", EventQuery(until: .position(lane: 3, offset: 50))),
            ("from", EventQuery(from: .position(lane: 0, offset: 60), until: .position(lane: 0, offset: 50))),
            (
                "from",
                EventQuery(from: .time(Timestamp(nanoseconds: 1)), until: .time(Timestamp(nanoseconds: 0)))
            ),
        ] {
            let error = await refusal(history, query)
            guard case .invalid(let found, let message)? = error else {
                Issue.record("\(query) was not refused as wrong: \(String(describing: error))")
                continue
            }
            #expect(found == field)
            #expect(message.hasSuffix("."))
        }
        #expect(await refusal(history, EventQuery(from: .position(lane: 0, offset: 101))) == .ahead(field: "from", end: end))
        #expect(await refusal(history, EventQuery(cursor: "newest-50-101")) == .ahead(field: "cursor", end: end))
        #expect(await refusal(history, EventQuery(from: .latest)) == nil)
        #expect(await refusal(history, EventQuery(until: .position(lane: 0, offset: 5000))) == nil)
    }

    @Test func `is told when a trim overtakes it`() async throws {
        let open = try await LogHarness(MemoryBackend.self).open()
        try await open.log.append(SampleRecords.numbered(0..<2000))
        let log = PatchyLog(open.log, trims: [(at: 512, oldest: 700)])
        let history = BrokerHistory(namespace: "default", broker: "b", log: log, cursors: open.cursors)
        #expect(
            await refusal(history, EventQuery(order: .oldest, limit: 1000)) == .trimmed(field: nil, oldest: Position(offset: 700))
        )

        let again = PatchyLog(open.log, trims: [(at: 1500, oldest: 1800)])
        let backwards = BrokerHistory(namespace: "default", broker: "b", log: again, cursors: open.cursors)
        let page = try await backwards.page(EventQuery(order: .newest, limit: 1000))
        #expect(page.records.map(\.position.offset) == (1800..<2000).reversed())
        #expect(page.cursor == nil)
    }

    @Test func `is one to a log that is closed`() async throws {
        let (open, history, harness) = try await trimmed(SQLiteBackend.self)
        await open.log.close()
        #expect(await refusal(history, EventQuery(from: .time(Timestamp(nanoseconds: 0)))) == .log(.closed))
        withExtendedLifetime(harness) {}
    }
}
