import ApusPorts
import ApusTesting
import BrokerSQLite
import CloudEvents
import Foundation
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct `A log's index of ids` {
    let folder: TemporaryFolder
    var path: String { folder.path + "/log.db" }
    var index: String { path + ".ids" }

    init() throws { folder = try TemporaryFolder() }

    /// Runs of 100 events, so that few are many.
    private func open(_ path: String? = nil) throws(LogError) -> SQLiteLog {
        try SQLiteLog(path: path ?? self.path, clock: { Timestamp(nanoseconds: 10) }, idRunEventsMax: 100)
    }

    private func event(_ id: String) -> EventRecord {
        var record = SampleRecords.numbered(0)
        record.attributes.set("id", to: .string(id))
        return record
    }

    /// Appends events of which every seventh has the id `seventh`, and each other one its offset.
    private func fill(_ log: SQLiteLog, _ range: Range<Int>) async throws {
        for first in stride(from: range.lowerBound, to: range.upperBound, by: 10) {
            let records = (first..<min(first + 10, range.upperBound)).map { event($0 % 7 == 0 ? "seventh" : "\($0)") }
            #expect(try await log.append(records).offset == Int64(first))
        }
    }

    /// Whether what is asked is found, and nothing else.
    private func check(_ log: SQLiteLog, _ range: Range<Int>, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        guard !range.isEmpty else { return }
        let sevenths = range.filter { $0 % 7 == 0 }.map { Position(offset: Int64($0)) }
        #expect(try await log.positions(ofID: "seventh", limit: .max) == sevenths, sourceLocation: sourceLocation)
        #expect(
            try await log.positions(ofID: "seventh", limit: 20) == Array(sevenths.suffix(20)), sourceLocation: sourceLocation)
        for offset in [range.lowerBound, range.lowerBound + range.count / 2, range.upperBound - 1] where offset % 7 != 0 {
            let found = try await log.positions(ofID: "\(offset)", limit: 9)
            #expect(found == [Position(offset: Int64(offset))], sourceLocation: sourceLocation)
        }
        for offset in [range.lowerBound - 1, range.upperBound] where offset % 7 != 0 {
            #expect(try await log.positions(ofID: "\(offset)", limit: 9).isEmpty, sourceLocation: sourceLocation)
        }
    }

    private func runs() throws -> [String] { try sql(index, "SELECT first || '+' || count FROM runs ORDER BY first") }

    /// Until the index has nothing left to do: it works between two look-ups, a run at a time.
    private func settle(_ log: SQLiteLog, runs: Int) async throws {
        for _ in 0..<runs + 3 { _ = try await log.positions(ofID: "none", limit: 1) }
    }

    @Test func `is written in runs behind the log, the rest of which is in memory`() async throws {
        let log = try open()
        try await fill(log, 0..<1037)
        try await settle(log, runs: 10)
        try await check(log, 0..<1037)
        #expect(try runs() == (0..<10).map { "\($0 * 100)+100" })
        await log.close()
    }

    @Test func `is not there where there are too few events for a run`() async throws {
        let log = try open()
        try await fill(log, 0..<99)
        try await check(log, 0..<99)
        await log.close()
        #expect(!FileManager.default.fileExists(atPath: index))
    }

    @Test func `goes on after a restart where it was`() async throws {
        for (first, end) in [(0, 350), (350, 380), (380, 620), (620, 620)] {
            let log = try open()
            try await check(log, 0..<first)
            try await fill(log, first..<end)
            try await check(log, 0..<end)
            try await settle(log, runs: 7)
            await log.close()
        }
        #expect(try runs() == (0..<6).map { "\($0 * 100)+100" })
    }

    @Test func `is made again by itself where it is lost, and answers are right before that`() async throws {
        let log = try open()
        try await fill(log, 0..<1037)
        try await settle(log, runs: 10)
        await log.close()
        try FileManager.default.removeItem(atPath: index)
        let again = try open()
        try await check(again, 0..<1037)
        try await settle(again, runs: 10)
        #expect(try runs() == (0..<10).map { "\($0 * 100)+100" })
        try await check(again, 0..<1037)
        await again.close()
    }

    @Test func `is made again where it is no index, of another version, or of another log`() async throws {
        let other = folder.path + "/other.db"
        for file in [path, other] {
            let log = try open(file)
            try await fill(log, 0..<437)
            try await settle(log, runs: 4)
            await log.close()
        }
        let spoilers: [() throws -> Void] = [
            { try Data(repeating: 65, count: 50_000).write(to: URL(fileURLWithPath: index)) },
            { try Data().write(to: URL(fileURLWithPath: index)) },
            { try sql(index, "PRAGMA user_version = 9") },
            { try sql(index, "PRAGMA application_id = 7") },
            { try sql(index, "DROP TABLE parts") },
            { try sql(index, "DROP TABLE identity") },
            { try sql(index, "UPDATE runs SET count = 99 WHERE first = 100") },
            { try sql(index, "UPDATE runs SET part_bits = 1 WHERE first = 100") },
            { try sql(index, "UPDATE runs SET first = 9223372036854775807 WHERE first = 300") },
            { try sql(index, "UPDATE runs SET first = first + 1 WHERE first = 200") },
            {
                try FileManager.default.removeItem(atPath: index)
                try FileManager.default.copyItem(atPath: other + ".ids", toPath: index)
            },
        ]
        for (number, spoil) in spoilers.enumerated() {
            try spoil()
            let log = try open()
            try await check(log, 0..<437)
            try await settle(log, runs: 5)
            try await check(log, 0..<437)
            await log.close()
            let made = try runs()
            #expect(made == (0..<4).map { "\($0 * 100)+100" }, "\(number)")
            #expect(try sql(index, "SELECT count(*) FROM parts") == ["4"], "\(number)")
            #expect(try sql(index, "SELECT hex(ids_key) FROM identity") == sql(path, "SELECT hex(ids_key) FROM identity"))
        }
    }

    @Test func `is made again where its log was put back to what it was once`() async throws {
        let log = try open()
        try await fill(log, 0..<250)
        try await settle(log, runs: 2)
        await log.close()
        let old = try Data(contentsOf: URL(fileURLWithPath: path))
        let later = try SQLiteLog(path: path, clock: { Timestamp(nanoseconds: 20) }, idRunEventsMax: 100)
        try await later.append((250..<500).map { event("x\($0)") })
        try await settle(later, runs: 5)
        await later.close()
        #expect(try runs().count == 5)
        try old.write(to: URL(fileURLWithPath: path))
        // First with fewer events than the index has, then with as many of others.
        let again = try SQLiteLog(path: path, clock: { Timestamp(nanoseconds: 30) }, idRunEventsMax: 1000)
        try await check(again, 0..<250)
        try await fill(again, 250..<600)
        try await check(again, 0..<600)
        #expect(try await again.positions(ofID: "x300", limit: 1).isEmpty)
        await again.close()
        try old.write(to: URL(fileURLWithPath: path))
        let others = folder.path + "/index"
        try FileManager.default.copyItem(atPath: index, toPath: others)
        let grown = try SQLiteLog(path: path, clock: { Timestamp(nanoseconds: 40) }, idRunEventsMax: 100)
        try await fill(grown, 250..<600)
        try await settle(grown, runs: 6)
        await grown.close()
        let last = try open()
        try await check(last, 0..<600)
        await last.close()
    }

    @Test func `does without a part that is damaged, and makes it again`() async throws {
        let log = try open()
        try await fill(log, 0..<437)
        try await settle(log, runs: 4)
        await log.close()
        let before = try sql(index, "SELECT hex(bytes) FROM parts ORDER BY place")
        try sql(index, "UPDATE parts SET bytes = substr(bytes, 1, 9) || x'FF' || substr(bytes, 11) WHERE place = 100 << 8")
        try sql(index, "DELETE FROM parts WHERE place = 200 << 8")
        try sql(index, "UPDATE parts SET bytes = x'01' WHERE place = 300 << 8")
        let again = try open()
        try await check(again, 0..<437)
        try await settle(again, runs: 4)
        try await check(again, 0..<437)
        await again.close()
        #expect(try sql(index, "SELECT hex(bytes) FROM parts ORDER BY place") == before)
    }

    @Test func `forgets runs whose events are all trimmed`() async throws {
        let log = try open()
        try await fill(log, 0..<1037)
        try await settle(log, runs: 10)
        _ = try await log.trim(.events, TrimPolicy(keepFrom: 555, recordsMax: 0))
        try await check(log, 555..<1037)
        #expect(try runs() == (5..<10).map { "\($0 * 100)+100" })
        #expect(try sql(index, "SELECT min(place) >> 8 FROM parts") == ["500"])
        try await fill(log, 1037..<1300)
        try await settle(log, runs: 3)
        try await check(log, 555..<1300)
        await log.close()
        let again = try open()
        try await check(again, 555..<1300)
        _ = try await again.trim(.events, TrimPolicy(keepFrom: .max, recordsMax: 0))
        #expect(try await again.positions(ofID: "seventh", limit: 1).isEmpty)
        #expect(try runs().isEmpty)
        await again.close()
    }

    @Test func `finds all that a damaged log still has`() async throws {
        let log = try open()
        try await fill(log, 0..<437)
        try await settle(log, runs: 4)
        await log.close()
        try sql(path, "DELETE FROM events WHERE first BETWEEN 100 AND 149")
        try sql(path, "UPDATE events SET bytes = substr(bytes, 1, 20) WHERE first = 200")
        let left = (0..<437).filter { !(100..<150).contains($0) && !(200..<210).contains($0) && $0 % 7 == 0 }
        for isLost in [false, true] {
            if isLost { try FileManager.default.removeItem(atPath: index) }
            let again = try open()
            let found = try await again.positions(ofID: "seventh", limit: .max)
            #expect(found == left.map { Position(offset: Int64($0)) })
            try await settle(again, runs: 5)
            #expect(try await again.positions(ofID: "seventh", limit: .max) == found)
            await again.close()
        }
        #expect(try runs().count == 4)
    }

    @Test func `is whole after a crash at any time, and answers are right`() async throws {
        let log = try open()
        var end = 0
        for round in 0..<6 {
            try await fill(log, end..<end + 170)
            end += 170
            try await settle(log, runs: 2)
            let crashed = folder.path + "/crashed\(round).db"
            // As they are at one moment after another: the index may be newer or older than the log, or torn.
            for suffix in ["", "-wal", ".ids", ".ids-wal"] where FileManager.default.fileExists(atPath: path + suffix) {
                var bytes = try Data(contentsOf: URL(fileURLWithPath: path + suffix))
                if suffix == ".ids-wal", round % 2 == 1 { bytes = bytes.prefix(bytes.count * round / 6) }
                try bytes.write(to: URL(fileURLWithPath: crashed + suffix))
            }
            let again = try open(crashed)
            try await check(again, 0..<end)
            try await settle(again, runs: 10)
            try await fill(again, end..<end + 150)
            try await check(again, 0..<end + 150)
            await again.close()
        }
        await log.close()
    }

    @Test func `cannot be written for a while without harm to the log`() async throws {
        try #require(FaultyDisk.isInstalled)
        let log = try open()
        FaultyDisk.set(.full, index)
        try await fill(log, 0..<1500)
        try await check(log, 0..<1500)
        #expect(log.health == nil)
        FaultyDisk.set(nil, index)
        try await fill(log, 1500..<1800)
        try await settle(log, runs: 20)
        try await check(log, 0..<1800)
        let made = try runs()
        #expect(made == (0..<18).map { "\($0 * 100)+100" }, "what was passed over is made up for")
        await log.close()
    }

    @Test func `finds what was acknowledged while appends, runs and trims go on`() async throws {
        let log = try open()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<3 {
                group.addTask {
                    for number in 0..<150 {
                        let ids = (0..<7).map { "\(writer)-\(number)-\($0)" }
                        let first = try await log.append(ids.map(event)).offset
                        guard number % 5 == 0 else { continue }
                        let found = try await log.positions(ofID: ids[6], limit: 2)
                        let isTrimmed = found.isEmpty && log.bounds(of: .events).oldest.offset > first + 6
                        #expect(isTrimmed || found == [Position(offset: first + 6)])
                    }
                }
            }
            group.addTask {
                while log.bounds(of: .events).next.offset < 3000 {
                    _ = try await log.trim(.events, TrimPolicy(keepFrom: .max, recordsMax: 1000))
                    await Task.yield()
                }
            }
            try await group.waitForAll()
        }
        let bounds = log.bounds(of: .events)
        #expect(bounds.next.offset == 3150)
        for record in try await log.read(.events, from: bounds.oldest.offset, limit: ReadLimit(records: 10_000)) {
            let id = try #require(record.event.attributes.text(of: "id"))
            #expect(try await log.positions(ofID: id, limit: 2) == [record.position])
        }
        await log.close()
    }

    @Test func `goes with its log`() async throws {
        let context = BackendContext(
            namespace: "default", broker: "orders", uid: "u", dataDirectory: folder.path, clock: { Timestamp(nanoseconds: 0) })
        let file = try SQLiteBackend.path(of: context)
        await (try await SQLiteBackend.open(context)).log.close()
        let log = try open(file)
        try await fill(log, 0..<230)
        try await settle(log, runs: 2)
        await log.close()
        #expect(FileManager.default.fileExists(atPath: file + ".ids"))
        try await SQLiteBackend.remove(context)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path + "/brokers") == [])
    }
}
