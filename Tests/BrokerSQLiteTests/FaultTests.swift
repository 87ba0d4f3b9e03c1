import ApusPorts
import ApusTesting
import BrokerSQLite
import CloudEvents
import Dispatch
import Foundation
import Glibc
import Testing

@Suite(.timeLimit(.minutes(2))) struct `A log on a disk that fails` {
    let folder: TemporaryFolder
    let clock = TestClock()
    var path: String { folder.path + "/log.db" }

    init() throws {
        folder = try TemporaryFolder()
        try #require(FaultyDisk.isInstalled)
    }

    private func open() throws(LogError) -> SQLiteLog {
        let clock = clock
        return try SQLiteLog(path: path, clock: { clock.now })
    }

    private func failure(appending log: SQLiteLog, _ number: Int) async -> LogError? {
        do throws(LogError) {
            try await log.append([SampleRecords.numbered(number, bytes: 20_000)])
            return nil
        } catch {
            return error
        }
    }

    private func ids(_ log: SQLiteLog) async throws -> [String] {
        let oldest = log.bounds(of: .events).oldest.offset
        let records = try await log.read(.events, from: oldest, limit: ReadLimit(records: 1000, bytes: .max))
        return records.map { $0.event.attributes.text(of: "id") ?? "" }
    }

    @Test(arguments: [FaultyDisk.Fault.full, .write, .sync])
    func `refuses what it cannot keep, loses nothing that it kept, and recovers`(fault: FaultyDisk.Fault) async throws {
        let log = try open()
        for number in 0..<5 { #expect(await failure(appending: log, number) == nil) }
        FaultyDisk.set(fault, path)
        for number in 100..<103 {
            guard case .unavailable = await failure(appending: log, number) else {
                Issue.record("an append on a failing disk is refused")
                continue
            }
            #expect(log.health != nil)
        }
        #expect(log.bounds(of: .events).next.offset == 5)
        #expect(try await ids(log) == (0..<5).map { String($0) }, "reads go on")
        FaultyDisk.set(nil, path)
        #expect(await failure(appending: log, 5) == nil)
        #expect(log.health == nil)
        #expect(try await ids(log) == (0..<6).map { String($0) })
        guard case .records(let cached) = log.cached(.events, from: 5, limit: ReadLimit(records: 5)) else {
            Issue.record("memory goes on, too")
            return
        }
        #expect(cached.count == 1)
        await log.close()
        let again = try open()
        #expect(try await ids(again) == (0..<6).map { String($0) })
        await again.close()
    }

    @Test func `finds out by itself that it can be written again`() async throws {
        let log = try open()
        FaultyDisk.set(.full, path)
        _ = await failure(appending: log, 0)
        #expect(log.health != nil)
        FaultyDisk.set(nil, path)
        while log.health != nil { await Task.yield() }
        #expect(await failure(appending: log, 0) == nil)
        await log.close()
    }

    @Test func `fails the cursor changes of a failed append with it`() async throws {
        let log = try open()
        var change = CursorChange(stream: .events)
        change.settle = [.init(name: "a", offset: 1)]
        FaultyDisk.set(.sync, path)
        await #expect(throws: LogError.self) { try await log.append([SampleRecords.numbered(0)], changes: change) }
        FaultyDisk.set(nil, path)
        #expect(try await log.load(.events) == StreamCursors())
        try await log.append([SampleRecords.numbered(0)], changes: change)
        #expect(try await log.load(.events).readers["a"]?.settled == [1])
        await log.close()
    }

    @Test func `tells nobody before the sync has returned, and commits together what came meanwhile`() async throws {
        let log = try open()
        let (entered, release) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        FaultyDisk.set(.heldSync(entered: entered, release: release), path + "-wal")
        let recorder = OutcomeRecorder()
        log.append(AppendBatch(records: [SampleRecords.numbered(0)], receiver: recorder, token: 0))
        await onThread { entered.wait() }
        for number in 1...500 {
            log.append(AppendBatch(records: [SampleRecords.numbered(number)], receiver: recorder, token: UInt64(number)))
        }
        #expect(recorder.count == 0)
        #expect(log.queueDepth.events == 501)
        #expect(log.bounds(of: .events).next.offset == 0)
        FaultyDisk.set(nil, path + "-wal")
        release.signal()
        let calls = await recorder.calls(outcomes: 501)
        #expect(calls.map(\.count) == [1, 500], "one call a commit for each receiver")
        #expect(log.commits == 2)
        #expect(log.queueDepth == QueueDepth(events: 0, bytes: 0))
        await log.close()
    }

    @Test func `is on a small disk that is full in truth, and recovers once there is room`() async throws {
        let mount = folder.path + "/small"
        try FileManager.default.createDirectory(atPath: mount, withIntermediateDirectories: true)
        guard Glibc.mount("tmpfs", mount, "tmpfs", 0, "size=2m") == 0 else {
            try Test.cancel("a file system can only be mounted by root")
        }
        defer { umount2(mount, 2) }
        let ballast = URL(fileURLWithPath: mount + "/ballast")
        try Data(repeating: 1, count: 1_000_000).write(to: ballast)
        let log = try SQLiteLog(path: mount + "/log.db", clock: { Timestamp(nanoseconds: 0) })
        var kept = 0
        while await failure(appending: log, kept) == nil { kept += 1 }
        #expect(kept > 5)
        #expect(try await ids(log) == (0..<kept).map { String($0) })
        try FileManager.default.removeItem(at: ballast)
        #expect(await failure(appending: log, kept) == nil)
        #expect(log.health == nil)
        await log.close()
        let again = try SQLiteLog(path: mount + "/log.db", clock: { Timestamp(nanoseconds: 0) })
        #expect(try await ids(again) == (0...kept).map { String($0) })
        await again.close()
    }
}

/// Waits for something that blocks, on a thread that may.
func onThread(_ body: @escaping @Sendable () -> Void) async {
    await withCheckedContinuation { continuation in
        Thread {
            body()
            continuation.resume()
        }.start()
    }
}
