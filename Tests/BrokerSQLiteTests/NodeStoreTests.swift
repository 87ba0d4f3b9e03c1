import ApusPorts
import ApusResources
import ApusTesting
import BrokerSQLite
import CloudEvents
import Foundation
import Testing

@Suite struct `A resource store` {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func resource(_ name: String, generation: Int64 = 1) -> StoredResource {
        StoredResource(
            key: ResourceIdentity(kind: "Broker", namespace: "default", name: name), uid: "u-\(name)",
            document: "{\"text\":\"\u{0}e\u{301}\"}", generation: generation, resourceVersion: 7,
            createdAt: Timestamp(nanoseconds: 5))
    }

    @Test func `keeps every field across a reopening`() async throws {
        let store = try await SQLiteResourceStore.open(dataDirectory: folder.path)
        #expect(try await store.loadAll() == [])
        var removed = resource("b")
        (removed.file, removed.removedAt) = ("a/b.yaml", Timestamp(nanoseconds: 9))
        try await store.write([removed, resource("a")], forget: [])
        await store.close()
        await #expect(throws: LogError.closed) { try await store.loadAll() }
        let again = try await SQLiteResourceStore.open(dataDirectory: folder.path)
        let found = try await again.loadAll()
        #expect(found == [resource("a"), removed])
        #expect(found[0].document.utf8.elementsEqual(removed.document.utf8))
        await again.close()
    }

    @Test func `replaces by kind, namespace and name, and forgets`() async throws {
        let store = try await SQLiteResourceStore.open(dataDirectory: folder.path)
        try await store.write([resource("a"), resource("b")], forget: [])
        try await store.write([resource("a", generation: 2)], forget: [resource("b").key, resource("c").key])
        #expect(try await store.loadAll() == [resource("a", generation: 2)])
        await store.close()
    }

    @Test func `keeps what sources have to remember, by UID and name, across a reopening`() async throws {
        let store = try await SQLiteResourceStore.open(dataDirectory: folder.path)
        #expect(try await store.loadProgress(of: "u", "due") == nil)
        try await store.saveProgress(of: "u", "due", [1, 0, 2])
        try await store.saveProgress(of: "u", "due", [0xFF])
        try await store.saveProgress(of: "u", "empty", [])
        try await store.saveProgress(of: "v", "due", [3])
        await store.close()
        let again = try await SQLiteResourceStore.open(dataDirectory: folder.path)
        #expect(try await again.loadProgress(of: "u", "due") == [0xFF])
        #expect(try await again.loadProgress(of: "u", "empty") == [])
        try await again.saveProgress(of: "u", "due", nil)
        #expect(try await again.loadProgress(of: "u", "due") == nil)
        try await again.forgetProgress(of: "u")
        #expect(try await again.loadProgress(of: "u", "empty") == nil)
        #expect(try await again.loadProgress(of: "v", "due") == [3])
        await again.close()
        await #expect(throws: LogError.closed) { try await again.loadProgress(of: "v", "due") }
    }

    @Test func `refuses to remember more than a source may`() async throws {
        let store = try await SQLiteResourceStore.open(dataDirectory: folder.path)
        let progress = StoredProgress(store, uid: "u")
        try await progress.save("big", [UInt8](repeating: 1, count: Limits.progressValueBytesMax))
        await #expect(throws: LogError.tooLarge(limit: Limits.progressValueBytesMax)) {
            try await progress.save("big", [UInt8](repeating: 1, count: Limits.progressValueBytesMax + 1))
        }
        await store.close()
    }

    /// The tables of version 1, as the first build made them.
    @Test func `of version 1 is migrated, and keeps what it held`() async throws {
        try sql(
            folder.path + "/apus.db",
            """
            PRAGMA page_size = 16384; PRAGMA journal_mode = WAL;
            CREATE TABLE resources (
                kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, uid TEXT NOT NULL, document TEXT NOT NULL,
                generation INTEGER NOT NULL, resource_version INTEGER NOT NULL, created_at INTEGER NOT NULL, file TEXT,
                removed_at INTEGER, PRIMARY KEY (kind, namespace, name)) WITHOUT ROWID;
            INSERT INTO resources VALUES ('Broker', 'default', 'a', 'u-a', '{"text":"x"}', 1, 7, 5, NULL, NULL);
            PRAGMA application_id = 0x41505253; PRAGMA user_version = 1;
            """)
        let store = try await SQLiteResourceStore.open(dataDirectory: folder.path)
        #expect(try await store.loadAll().map(\.uid) == ["u-a"])
        try await store.saveProgress(of: "u", "due", [1])
        #expect(try await store.loadProgress(of: "u", "due") == [1])
        await store.close()
    }

    @Test func `of a newer version is refused`() async throws {
        await (try await SQLiteResourceStore.open(dataDirectory: folder.path)).close()
        try sql(folder.path + "/apus.db", "PRAGMA user_version = 9")
        let path = folder.path
        await #expect(
            throws: LogError.unavailable(
                reason: "\(path)/apus.db is a resource store of version 9, and this build of apus knows up to version 2: "
                    + "run the newer apus, or move the file away")
        ) { try await SQLiteResourceStore.open(dataDirectory: path) }
    }

    @Test func `writes all of a change or nothing of it`() async throws {
        try #require(FaultyDisk.isInstalled)
        let store = try await SQLiteResourceStore.open(dataDirectory: folder.path)
        try await store.write([resource("a")], forget: [])
        FaultyDisk.set(.full, folder.path)
        await #expect(throws: LogError.self) {
            try await store.write([resource("b"), resource("a", generation: 2)], forget: [])
        }
        FaultyDisk.set(nil, folder.path)
        #expect(try await store.loadAll() == [resource("a")])
        try await store.write([resource("b")], forget: [])
        #expect(try await store.loadAll().count == 2)
        await store.close()
    }
}

@Suite struct `A data directory` {
    @Test func `is made for its owner alone, and locked while the lock lives`() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/a/data"
        var lock: DataDirectory? = try DataDirectory.lock(path)
        #expect(lock?.path == path)
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o700)
        let pid = ProcessInfo.processInfo.processIdentifier
        let sentence =
            "the data directory \(path) is in use by process \(pid): stop it, or give --data another directory"
        #expect(throws: DataDirectoryError(description: sentence)) { try DataDirectory.lock(path) }
        lock = nil
        lock = try DataDirectory.lock(path)
        #expect(lock != nil)
    }

    @Test func `says why it cannot be made`() throws {
        let folder = try TemporaryFolder()
        try Data().write(to: URL(fileURLWithPath: folder.path + "/file"))
        #expect(throws: DataDirectoryError.self) { try DataDirectory.lock(folder.path + "/file/data") }
        // A file system that answers "not found" although the folder above is there.
        let sentence = "the folder /proc/apus cannot be made: No such file or directory"
        #expect(throws: DataDirectoryError(description: sentence)) { try DataDirectory.lock("/proc/apus") }
    }
}
