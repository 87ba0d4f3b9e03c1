import ApusPorts
import ApusTesting
import BrokerSQLite
import CloudEvents
import Foundation
import Testing

/// The tables of version 1, as the first build made them.
private let version1 = """
    PRAGMA page_size = 8192; PRAGMA journal_mode = WAL;
    CREATE TABLE events (
        first INTEGER PRIMARY KEY, count INTEGER NOT NULL, first_time INTEGER NOT NULL, last_time INTEGER NOT NULL,
        bytes BLOB NOT NULL);
    CREATE TABLE dead (
        first INTEGER PRIMARY KEY, count INTEGER NOT NULL, first_time INTEGER NOT NULL, last_time INTEGER NOT NULL,
        bytes BLOB NOT NULL);
    CREATE TABLE streams (
        stream TEXT PRIMARY KEY, oldest INTEGER NOT NULL, counted INTEGER NOT NULL, bytes INTEGER NOT NULL,
        last_time INTEGER NOT NULL, shared INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE readers (
        stream TEXT NOT NULL, name TEXT NOT NULL, next INTEGER, open BLOB NOT NULL, retired_at INTEGER,
        PRIMARY KEY (stream, name)) WITHOUT ROWID;
    CREATE TABLE settled (
        stream TEXT NOT NULL, name TEXT NOT NULL, offset INTEGER NOT NULL, PRIMARY KEY (stream, name, offset)) WITHOUT ROWID;
    CREATE TABLE parked (
        stream TEXT NOT NULL, name TEXT NOT NULL, offset INTEGER NOT NULL, attempts INTEGER NOT NULL, due_at INTEGER,
        key TEXT, PRIMARY KEY (stream, name, offset)) WITHOUT ROWID;
    INSERT INTO streams VALUES ('events', 1, 1, 0, 5, 1), ('dead', 0, 0, 0, -9223372036854775808, 0);
    INSERT INTO parked VALUES ('events', 'orders', 1, 4, 99, 'k');
    PRAGMA application_id = 0x41504C47; PRAGMA user_version = 1;
    """

/// What version 2 changed, and a dead stream beside it.
private let version2 =
    version1
        + """
        ALTER TABLE parked ADD COLUMN first_attempt_at INTEGER;
        UPDATE streams SET oldest = 3, counted = 3 WHERE stream = 'dead';
        PRAGMA user_version = 2;
        """

@Suite struct `A log's file` {
    let folder: TemporaryFolder
    var path: String { folder.path + "/log.db" }

    init() throws { folder = try TemporaryFolder() }

    private func open() throws(LogError) -> SQLiteLog { try SQLiteLog(path: path, clock: { Timestamp(nanoseconds: 10) }) }

    @Test func `of a newer version is refused, with both versions named, and left as it is`() async throws {
        await (try open()).close()
        try sql(path, "PRAGMA user_version = 4")
        let before = try Data(contentsOf: URL(fileURLWithPath: path))
        let reason =
            "\(path) is a log of version 4, and this build of apus knows up to version 3: "
            + "run the newer apus, or move the file away"
        #expect(throws: LogError.unavailable(reason: reason)) { try open() }
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == before)
    }

    @Test func `of version 1 is migrated, and keeps what it held`() async throws {
        try sql(path, version1)
        var row = sealed(SampleRecords.numbered(42), offset: 1, appendedAt: 6)
        withUnsafeBytes(of: UInt32(row.count).littleEndian) { row.append(contentsOf: $0) }
        try sql(path, "INSERT INTO events VALUES (1, 1, 6, 6, x'\(row.map { String(format: "%02x", $0) }.joined())')")
        let log = try open()
        #expect(log.bounds(of: .events) == StreamBounds(oldest: Position(offset: 1), next: Position(offset: 2)))
        let records = try await log.read(.events, from: 1, limit: ReadLimit(records: 5))
        #expect(records.map(\.event) == [SampleRecords.numbered(42)])
        var parked = ParkedEvent(offset: 1, attempts: 4, dueAt: Timestamp(nanoseconds: 99), firstAttemptAt: nil, key: "k")
        #expect(try await log.load(.events) == StreamCursors(shared: 1, readers: ["orders": ReaderCursor(parked: [parked])]))
        parked.firstAttemptAt = Timestamp(nanoseconds: 77)
        var change = CursorChange(stream: .events)
        change.park = [.init(name: "orders", event: parked)]
        try await log.commit(change)
        #expect(try await log.load(.events).readers["orders"]?.parked == [parked])
        await log.close()
        #expect(try sql(path, "PRAGMA user_version") == ["3"])
    }

    @Test func `of version 2 is migrated, and keeps notes and finds ids from then on`() async throws {
        try sql(path, version2)
        var row = sealed(SampleRecords.numbered(42), offset: 1, appendedAt: 6)
        withUnsafeBytes(of: UInt32(row.count).littleEndian) { row.append(contentsOf: $0) }
        try sql(path, "INSERT INTO events VALUES (1, 1, 6, 6, x'\(row.map { String(format: "%02x", $0) }.joined())')")
        let log = try open()
        #expect(try await log.load(.events).readers["orders"]?.parked.count == 1)
        #expect(log.bounds(of: .dead).next.offset == 3)
        #expect(try await log.positions(ofID: "42", limit: 5) == [Position(offset: 1)])
        var change = CursorChange(stream: .events)
        change.entries = [StateEntry(key: "a", value: [1])]
        change.traces = [
            DeliveryTrace(
                reader: "orders", offset: 1, attempt: 4, beganAt: Timestamp(nanoseconds: 9), microseconds: 3, status: 200,
                ending: .delivered)
        ]
        try await log.commit(change)
        #expect(try await log.entries(from: "a", until: "b", limit: 5) == change.entries)
        #expect(try await log.traces(.events, at: 1) == change.traces)
        await log.close()
        #expect(try sql(path, "PRAGMA user_version") == ["3"])
    }

    @Test func `has a key of its own for the hashes of ids, which stays`() async throws {
        await (try open()).close()
        let key = try sql(path, "SELECT hex(ids_key) FROM identity")
        #expect(key.count == 1 && key[0].utf8.count == 32)
        await (try open()).close()
        #expect(try sql(path, "SELECT hex(ids_key) FROM identity") == key)
        let other = folder.path + "/other.db"
        await (try SQLiteLog(path: other, clock: { Timestamp(nanoseconds: 0) })).close()
        #expect(try sql(other, "SELECT hex(ids_key) FROM identity") != key)
    }

    @Test(arguments: [version1, version2])
    func `that was migrated has the tables of a new one`(old: String) async throws {
        try sql(path, old)
        await (try open()).close()
        let new = folder.path + "/new.db"
        await (try SQLiteLog(path: new, clock: { Timestamp(nanoseconds: 0) })).close()
        let columns = """
            SELECT t.name || '.' || c.name || ' ' || c.type || ' ' || c."notnull" || ' ' || c.pk
            FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table' ORDER BY 1
            """
        #expect(try sql(path, columns) == sql(new, columns))
        #expect(try sql(new, columns).count > 25)
    }

    @Test func `is refused where it is another program's, and left as it is`() throws {
        try sql(path, "CREATE TABLE theirs (a); PRAGMA application_id = 7;")
        #expect(throws: LogError.unavailable(reason: "\(path) is a file of another program: its application_id is 7")) {
            try open()
        }
        #expect(try sql(path, "PRAGMA journal_mode") == ["delete"])
        #expect(try sql(path, "SELECT name FROM sqlite_schema") == ["theirs"])
    }

    @Test func `is refused where it is no file of SQLite's`() throws {
        try Data(repeating: 65, count: 9000).write(to: URL(fileURLWithPath: path))
        #expect(throws: LogError.self) { try open() }
    }

    @Test func `is kept to letters, digits, dashes and dots in its name`() async throws {
        let context = BackendContext(
            namespace: "default", broker: "../x", uid: "u", dataDirectory: folder.path, clock: { Timestamp(nanoseconds: 0) })
        await #expect(throws: LogError.self) { try await SQLiteBackend.open(context) }
        var good = context
        good.broker = "orders.v1"
        #expect(try SQLiteBackend.path(of: good) == folder.path + "/brokers/default_orders.v1_u.db")
    }
}
