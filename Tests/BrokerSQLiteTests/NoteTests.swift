import ApusPorts
import ApusTesting
import BrokerSQLite
import CloudEvents
import Foundation
import Testing

/// What a log of SQLite's keeps beside its cursors: what is its own about it.
@Suite(.timeLimit(.minutes(2))) struct `A log's traces and entries` {
    let folder: TemporaryFolder
    var path: String { folder.path + "/log.db" }

    init() throws { folder = try TemporaryFolder() }

    private func open(_ path: String? = nil) throws(LogError) -> SQLiteLog {
        try SQLiteLog(path: path ?? self.path, clock: { Timestamp(nanoseconds: 10) })
    }

    private func trace(_ reader: ReaderName, _ offset: Int64) -> DeliveryTrace {
        DeliveryTrace(
            reader: reader, offset: offset, attempt: 1, beganAt: Timestamp(nanoseconds: 5), microseconds: 900, status: 200,
            ending: .delivered)
    }

    private func change(_ traces: [DeliveryTrace]) -> CursorChange {
        var change = CursorChange(stream: .events)
        change.traces = traces
        return change
    }

    @Test func `stand in one row a commit and 4096 records`() async throws {
        try #require(FaultyDisk.isInstalled)
        let log = try open()
        try await log.commit(change((0..<5000).map { trace($0 % 2 == 0 ? "a" : "b", $0) }))
        try await log.commit(change([trace("a", 4100)]))
        // What comes while a commit is under way becomes one of its own.
        let (entered, release) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        FaultyDisk.set(.heldSync(entered: entered, release: release), path + "-wal")
        let recorder = OutcomeRecorder()
        log.commit(change([trace("a", 0)]), receiver: recorder, token: 0)
        await onThread { _ = entered.wait(timeout: .now() + 30) }
        for offset in 1...200 as ClosedRange<Int64> {
            log.append(
                AppendBatch(
                    records: SampleRecords.numbered(0..<1), changes: change([trace("a", offset)]), receiver: recorder, token: 1))
        }
        FaultyDisk.set(nil, path + "-wal")
        release.signal()
        _ = await recorder.calls(outcomes: 201)
        let rows = try sql(path, "SELECT (place >> 26) || ' ' || lowest || '-' || highest FROM events_traces ORDER BY place")
        #expect(rows == ["0 0-4095", "0 0-0", "0 1-200", "1 0-903", "1 4-4"])
        #expect(try await log.traces(.events, at: 7) == [trace("b", 7), trace("a", 7)])
        await log.close()
    }

    @Test func `hide no more than themselves where they are damaged`() async throws {
        let log = try open()
        for reader in ["a", "b", "c"] { try await log.commit(change((0..<10).map { trace(reader, $0) })) }
        await log.close()
        try sql(path, "UPDATE events_traces SET bytes = substr(bytes, 1, 5) || x'FF' || substr(bytes, 7) WHERE place = 1")
        let again = try open()
        #expect(try await again.traces(.events, at: 3) == [trace("a", 3), trace("c", 3)])
        try sql(path, "UPDATE events_traces SET bytes = x''")
        #expect(try await again.traces(.events, at: 3).isEmpty)
        try await again.commit(change([trace("d", 3)]))
        #expect(try await again.traces(.events, at: 3) == [trace("d", 3)])
        await again.close()
    }

    @Test func `leave the file with their records, however many rows they take`() async throws {
        let log = try open()
        try await log.append(SampleRecords.numbered(0..<4200))
        for offset in 0..<700 as Range<Int64> { try await log.commit(change([trace("a", offset), trace("a", offset + 3500)])) }
        #expect(try sql(path, "SELECT count(*) FROM events_traces") == ["804"])
        _ = try await log.trim(.events, TrimPolicy(keepFrom: 4096, recordsMax: 0))
        #expect(try sql(path, "SELECT count(*), min(place) >> 26 FROM events_traces") == ["104"])
        #expect(try await log.traces(.events, at: 4150) == [trace("a", 4150)])
        await log.close()
    }

    @Test func `are kept with what was acknowledged where the process is killed, and not in part`() async throws {
        let log = try open()
        for number in 0..<20 as Range<Int64> {
            var change = change([trace("a", number)])
            change.shared = number + 1
            change.entries = [StateEntry(key: "n", value: [UInt8](repeating: UInt8(number), count: 3000))]
            try await log.commit(change)
        }
        let database = try Data(contentsOf: URL(fileURLWithPath: path))
        let wal = try Data(contentsOf: URL(fileURLWithPath: path + "-wal"))
        await log.close()
        for (index, cut) in stride(from: 0, through: wal.count, by: wal.count / 37).enumerated() {
            let crashed = folder.path + "/crashed\(index).db"
            try database.write(to: URL(fileURLWithPath: crashed))
            try wal.prefix(cut).write(to: URL(fileURLWithPath: crashed + "-wal"))
            // The write-ahead log made the tables, too: before that there is a new file.
            let again = try open(crashed)
            let shared = try await again.load(.events).shared
            let entries = try await again.entries(from: "n", until: "o", limit: 9)
            #expect(entries.map(\.value) == (shared == 0 ? [] : [[UInt8](repeating: UInt8(shared - 1), count: 3000)]))
            for number in 0..<20 as Range<Int64> {
                let traces = try await again.traces(.events, at: number)
                #expect(traces == (number < shared ? [trace("a", number)] : []), "cut to \(cut)")
            }
            await again.close()
        }
    }

    @Test func `are as they were where a commit fails`() async throws {
        try #require(FaultyDisk.isInstalled)
        let log = try open()
        try await log.commit(change([trace("a", 1)]))
        FaultyDisk.set(.sync, path)
        var failing = change([trace("b", 1)])
        failing.entries = [StateEntry(key: "k", value: [1])]
        let refused = failing
        await #expect(throws: LogError.self) { try await log.commit(refused) }
        FaultyDisk.set(nil, path)
        #expect(try await log.traces(.events, at: 1) == [trace("a", 1)])
        #expect(try await log.entries(from: "", until: "z", limit: 1).isEmpty)
        try await log.commit(refused)
        #expect(try await log.traces(.events, at: 1) == [trace("a", 1), trace("b", 1)])
        await log.close()
    }
}
