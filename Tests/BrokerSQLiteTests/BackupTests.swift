import ApusPorts
import ApusResources
import ApusTesting
import BrokerSQLite
import CloudEvents
import Foundation
import Synchronization
import Testing

@Suite struct `A backup` {
    let folder: TemporaryFolder
    let now = Timestamp(nanoseconds: 1_700_000_000_000_000_000)

    init() throws { folder = try TemporaryFolder() }

    private var data: String { "\(folder.path)/data" }
    private var copy: String { "\(folder.path)/copy" }
    private var again: String { "\(folder.path)/again" }

    private func context(_ directory: String) -> BackendContext {
        BackendContext(namespace: "default", broker: "b", uid: "u", dataDirectory: directory, clock: { self.now })
    }

    private func openLog(_ directory: String) async throws -> OpenLog { try await SQLiteBackend.open(context(directory)) }

    /// A data directory with resources, 1000 events and 3 dead letters; what is written stays open.
    private func node() async throws -> OpenLog {
        let opened = try await openLog(data)
        let store = try await SQLiteResourceStore.open(dataDirectory: data)
        try await store.write(
            [
                StoredResource(
                    key: ResourceIdentity(kind: "Broker", namespace: "default", name: "b"), uid: "u", document: "{}",
                    generation: 1, resourceVersion: 1, createdAt: now)
            ], forget: [])
        await store.close()
        _ = try await opened.log.append(SampleRecords.numbered(0..<1000))
        _ = try await opened.log.append(SampleRecords.numbered(0..<3), to: .dead)
        return opened
    }

    @Test func `of a node that runs has everything that was durable, and restores to it`() async throws {
        let opened = try await node()
        let backup = try Backup.make(of: data, to: copy, now: now)
        // What came afterwards is not in it.
        _ = try await opened.log.append(SampleRecords.numbered(0..<5))
        #expect(backup.files.map(\.path) == ["apus.db", "brokers/default_b_u.db"])
        #expect(backup.files[1].streams.map(\.bounds.next.offset) == [1000, 3])
        #expect(try Backup.check(copy) == backup)
        #expect(try Backup.restore(copy, to: again) == backup)
        let restored = try await openLog(again)
        #expect(restored.log.bounds(of: .events).next.offset == 1000)
        let (one, other) = (
            try await opened.log.read(.events, from: 0, limit: ReadLimit(records: 1000)),
            try await restored.log.read(.events, from: 0, limit: ReadLimit(records: 1000))
        )
        #expect(one == other)
        let store = try await SQLiteResourceStore.open(dataDirectory: again)
        #expect(try await store.loadAll().map(\.uid) == ["u"])
        await store.close()
        await restored.log.close()
        await opened.log.close()
    }

    @Test func `made while appends go on holds what was durable before it began, without a gap`() async throws {
        let opened = try await node()
        let isDone = Mutex(false)
        let load = Task {
            while !isDone.withLock({ $0 }) { _ = try await opened.log.append(SampleRecords.numbered(0..<20)) }
        }
        for index in 0..<5 {
            let before = opened.log.bounds(of: .events).next.offset
            let backup = try Backup.make(of: data, to: "\(copy)\(index)", now: now)
            #expect(backup.files[1].streams[0].bounds.next.offset >= before)
            #expect(backup.files[1].streams[0].damaged == 0)
        }
        isDone.withLock { $0 = true }
        try await load.value
        await opened.log.close()
    }

    @Test func `that has changed, or is not whole, is refused, and nothing is restored`() async throws {
        let opened = try await node()
        _ = try Backup.make(of: data, to: copy, now: now)
        await opened.log.close()
        let log = "\(copy)/brokers/default_b_u.db"
        var bytes = try Data(contentsOf: URL(fileURLWithPath: log))
        bytes[bytes.count / 2] ^= 1
        try bytes.write(to: URL(fileURLWithPath: log))
        #expect(failure { try Backup.restore(copy, to: again) }.contains("is not what was backed up"))
        #expect(!FileManager.default.fileExists(atPath: again))
        try FileManager.default.removeItem(atPath: log)
        #expect(failure { try Backup.check(copy) } == "\(copy) is not whole: brokers/default_b_u.db is missing")
    }

    @Test func `goes to a new place only, and comes from a data directory only`() async throws {
        let opened = try await node()
        await opened.log.close()
        _ = try Backup.make(of: data, to: copy, now: now)
        #expect(failure { try Backup.make(of: data, to: copy, now: now) }.contains("is there already"))
        #expect(failure { try Backup.make(of: copy + "/brokers", to: again, now: now) }.contains("it has no apus.db"))
        #expect(failure { try Backup.restore(copy, to: data) }.contains("is not empty"))
        #expect(failure { try Backup.check(data) } == "\(data) is no backup of apus: it has no backup.json")
        let holder = try DataDirectory.lock(again)
        #expect(failure { try Backup.restore(copy, to: again) }.contains("is in use by process"))
        withExtendedLifetime(holder) {}
    }

    @Test func `removes what a backup that was cut off has left, and nothing else`() async throws {
        let opened = try await node()
        await opened.log.close()
        let partial = "\(copy).partial", files = FileManager.default
        try files.createDirectory(atPath: "\(partial)/brokers", withIntermediateDirectories: true)
        try Data("cut off".utf8).write(to: URL(fileURLWithPath: "\(partial)/apus.db"))
        // A slash at the end, as a shell completes it, is no folder within.
        let backup = try Backup.make(of: data, to: "\(copy)/", now: now)
        #expect(try Backup.check(copy) == backup)
        #expect(!files.fileExists(atPath: partial))

        let other = "\(again).partial"
        try files.createDirectory(atPath: "\(other)/holiday", withIntermediateDirectories: true)
        #expect(failure { try Backup.make(of: data, to: again, now: now) }.hasSuffix("it holds holiday"))
        #expect(files.fileExists(atPath: "\(other)/holiday"))
        #expect(failure { try Backup.make(of: data, to: "", now: now) }.contains("no place for a backup"))
    }

    @Test func `names damaged records, and keeps the others`() async throws {
        let opened = try await node()
        await opened.log.close()
        try sql("\(data)/brokers/default_b_u.db", "UPDATE events SET bytes = zeroblob(length(bytes)) WHERE first = 0")
        let backup = try Backup.make(of: data, to: copy, now: now)
        #expect(backup.files[1].streams[0].damaged > 0)
        #expect(try Backup.restore(copy, to: again) == backup)
    }

    private func failure(_ body: () throws -> Backup) -> String {
        do {
            _ = try body()
            return "nothing failed"
        } catch {
            return "\(error)"
        }
    }
}
