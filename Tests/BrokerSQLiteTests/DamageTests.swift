import ApusPorts
import ApusTesting
import BrokerSQLite
import CloudEvents
import Foundation
import Testing

@Suite struct `A log with damage` {
    let folder: TemporaryFolder
    let clock = TestClock()
    var path: String { folder.path + "/log.db" }

    init() throws { folder = try TemporaryFolder() }

    private func open(_ path: String? = nil) throws(LogError) -> SQLiteLog {
        let clock = clock
        return try SQLiteLog(path: path ?? self.path, clock: { clock.now })
    }

    /// Every record that can be read, and the offsets of those that are corrupt.
    private func salvage(_ log: SQLiteLog) async throws -> (readable: [Int64], corrupt: [Int64]) {
        var (readable, corrupt): ([Int64], [Int64]) = ([], [])
        var next = log.bounds(of: .events).oldest.offset
        while next < log.bounds(of: .events).next.offset {
            do {
                let page = try await log.read(.events, from: next, limit: ReadLimit(records: 1000))
                next = try #require(page.last).position.offset + 1
                readable += page.map(\.position.offset)
            } catch LogError.corrupt(let position, _) {
                #expect(position.offset == next)
                corrupt.append(next)
                next += 1
            }
        }
        return (readable, corrupt)
    }

    /// Fills a log with 300 records of which number n's body is n four times and then zeros, and closes it.
    private func fill() async throws {
        let log = try open()
        let records = (0..<300).map { number in
            var record = SampleRecords.numbered(number)
            record.body = [UInt8]("<body of \(number)>".utf8) + [UInt8](repeating: 0, count: 100)
            return record
        }
        try await log.append(records)
        await log.close()
    }

    /// Changes one byte of the file, wherever `text` stands: pages keep what was moved away from them, too.
    private func damage(at text: String) throws {
        var file = try Data(contentsOf: URL(fileURLWithPath: path))
        var from = file.startIndex
        while let place = file.range(of: Data(text.utf8), in: from..<file.endIndex) {
            file[place.lowerBound] ^= 0x10
            from = place.upperBound
        }
        try #require(from > file.startIndex)
        try file.write(to: URL(fileURLWithPath: path))
    }

    @Test func `names the position of a damaged record, and reads all others`() async throws {
        try await fill()
        for number in [0, 130, 299] { try damage(at: "<body of \(number)>") }
        let log = try open()
        let (readable, corrupt) = try await salvage(log)
        #expect(corrupt == [0, 130, 299])
        #expect(readable == (0..<300).filter { ![0, 130, 299].contains($0) })
        await #expect(throws: LogError.corrupt(at: Position(offset: 130), detail: "its checksum does not match")) {
            try await log.read(.events, at: [129, 130, 131])
        }
        #expect(try await log.read(.events, at: [129, 131]).count == 2)
        #expect(try await log.append([SampleRecords.numbered(300)]).offset == 300)
        await log.close()
    }

    @Test func `loses a whole row's records and no more where the row is gone or cut`() async throws {
        try await fill()
        try sql(path, "DELETE FROM events WHERE first = 128")
        try sql(path, "UPDATE events SET bytes = substr(bytes, 1, 100) WHERE first = 256")
        let log = try open()
        let (readable, corrupt) = try await salvage(log)
        #expect(readable == (0..<128).map { $0 })
        #expect(corrupt == (128..<300).map { $0 })
        await log.close()
    }

    @Test func `can be trimmed past the damage`() async throws {
        try await fill()
        try damage(at: "<body of 5>")
        try sql(path, "DELETE FROM events WHERE first = 128")
        let log = try open()
        let result = try await log.trim(.events, TrimPolicy(keepFrom: .max, recordsMax: 20))
        #expect(result.oldest.offset == 280)
        #expect(try await salvage(log).readable == (280..<300).map { $0 })
        await log.close()
    }

    @Test func `loses what was not acknowledged and nothing else where its write-ahead log is torn`() async throws {
        let log = try open()
        for number in 0..<50 { try await log.append([SampleRecords.numbered(number)]) }
        let acknowledged = try Data(contentsOf: URL(fileURLWithPath: path + "-wal")).count
        try await log.append([SampleRecords.numbered(50, bytes: 30_000)])
        let database = try Data(contentsOf: URL(fileURLWithPath: path))
        let wal = try Data(contentsOf: URL(fileURLWithPath: path + "-wal"))
        await log.close()
        try #require(wal.count > acknowledged + 30_000)
        let cuts = [wal.count, wal.count - 1, wal.count - 8192, acknowledged + 1, acknowledged]
        for (index, cut) in cuts.enumerated() {
            let crashed = folder.path + "/crashed\(index).db"
            try database.write(to: URL(fileURLWithPath: crashed))
            try (wal.prefix(cut) + Data(repeating: 0xA5, count: index * 1000)).write(to: URL(fileURLWithPath: crashed + "-wal"))
            let again = try open(crashed)
            let expected = cut == wal.count ? 51 : 50
            #expect(again.bounds(of: .events).next.offset == Int64(expected), "cut to \(cut) of \(wal.count)")
            #expect(try await salvage(again).readable == (0..<Int64(expected)).map { $0 })
            #expect(try await again.append([SampleRecords.numbered(99)]).offset == Int64(expected))
            await again.close()
        }
    }
}
