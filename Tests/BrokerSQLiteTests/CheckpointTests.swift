import ApusPorts
import ApusTesting
import BrokerSQLite
import CloudEvents
import Foundation
import Testing

@Suite(.timeLimit(.minutes(5))) struct `A log's write-ahead log` {
    let folder: TemporaryFolder
    var path: String { folder.path + "/log.db" }

    init() throws { folder = try TemporaryFolder() }

    private func size(_ path: String) throws -> Int {
        guard FileManager.default.fileExists(atPath: path) else { return 0 }
        return try Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped).count
    }

    @Test func `does not grow without end while appends never pause and readers read`() async throws {
        let log = try SQLiteLog(path: path, clock: { Timestamp(nanoseconds: 0) })
        let recorder = OutcomeRecorder()
        let record = SampleRecords.numbered(0, bytes: 250_000)
        let (batches, inFlight) = (1600, 16)
        var largest = 0
        for batch in 0..<batches {
            log.append(AppendBatch(records: [record], receiver: recorder, token: UInt64(batch)))
            if batch >= inFlight { _ = await recorder.calls(outcomes: batch - inFlight) }
            if batch % 50 == 49 {
                largest = max(largest, try size(path + "-wal"))
                _ = try await log.read(.events, from: Int64(batch / 2), limit: ReadLimit(records: 4))
            }
        }
        _ = await recorder.calls(outcomes: batches)
        #expect(largest < 200_000_000, "of 400 MB that were written")
        await log.close()
        #expect(try size(path + "-wal") == 0, "a close moves all of it into the file")
        #expect(try size(path) > 400_000_000)
    }

    @Test func `is not needed for pages that a trim freed: they are used again`() async throws {
        let log = try SQLiteLog(path: path, clock: { Timestamp(nanoseconds: 0) })
        for _ in 0..<40 {
            try await log.append((0..<100).map { SampleRecords.numbered($0, bytes: 4000) })
            _ = try await log.trim(.events, TrimPolicy(keepFrom: .max, recordsMax: 200))
        }
        await log.close()
        #expect(try size(path) < 4_000_000, "of 16 MB that were written")
        let again = try SQLiteLog(path: path, clock: { Timestamp(nanoseconds: 0) })
        #expect(again.bounds(of: .events) == StreamBounds(oldest: Position(offset: 3800), next: Position(offset: 4000)))
        await again.close()
    }
}
