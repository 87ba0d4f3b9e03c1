internal import ApusPorts

/// What kind a file is and which version its tables have: newer than this build is refused, older is migrated.
struct FileFormat {
    /// What the file is, for sentences.
    var kind: String
    /// SQLite's `application_id`.
    var applicationID: Int64
    /// SQLite's `user_version`; 1 or more.
    var version: Int64
    /// Makes the tables of `version`.
    var create: String
    /// `migrations[n]` makes version n + 1 of version n.
    var migrations: [Int64: String]

    /// Takes a new file, or one that is there, to `version`, whole or not at all.
    func prepare(_ connection: borrowing Connection, _ path: String) throws(LogError) {
        let (application, version, isEmpty) = try state(of: connection)
        guard isEmpty || application == applicationID else {
            throw .unavailable(reason: "\(path) is a file of another program: its application_id is \(application)")
        }
        guard version <= self.version else {
            throw .unavailable(
                reason: "\(path) is a \(kind) of version \(version), and this build of apus knows up to version \(self.version): "
                    + "run the newer apus, or move the file away")
        }
        do throws(SQLiteError) {
            // The page size is fixed by the first write, so it comes before the journal mode.
            try connection.execute("PRAGMA page_size = 16384; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")
            if isEmpty {
                try make(connection)
            } else {
                for old in version..<self.version { try migrate(connection, from: old) }
            }
        } catch {
            throw error.logError
        }
    }

    private func state(
        of connection: borrowing Connection
    ) throws(LogError) -> (application: Int64, version: Int64, isEmpty: Bool) {
        do throws(SQLiteError) {
            return (
                try connection.integer("PRAGMA application_id") ?? 0, try connection.integer("PRAGMA user_version") ?? 0,
                try connection.integer("SELECT count(*) FROM sqlite_schema") == 0
            )
        } catch {
            throw error.logError
        }
    }

    private func make(_ connection: borrowing Connection) throws(SQLiteError) {
        let script =
            "BEGIN IMMEDIATE; \(create) PRAGMA application_id = \(applicationID); PRAGMA user_version = \(version); COMMIT;"
        try run(script, connection)
    }

    private func migrate(_ connection: borrowing Connection, from old: Int64) throws(SQLiteError) {
        try run("BEGIN IMMEDIATE; \(migrations[old] ?? "") PRAGMA user_version = \(old + 1); COMMIT;", connection)
    }

    private func run(_ script: String, _ connection: borrowing Connection) throws(SQLiteError) {
        do {
            try connection.execute(script)
        } catch {
            if connection.isInTransaction { try? connection.execute("ROLLBACK") }
            throw error
        }
    }
}

extension FileFormat {
    /// What a broker remembers beside its cursors, what became of deliveries, and the key under which ids are hashed
    /// (``IDIndex``).
    private static let notes = """
        CREATE TABLE entries (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
        CREATE TABLE events_traces (
            place INTEGER PRIMARY KEY, lowest INTEGER NOT NULL, highest INTEGER NOT NULL, bytes BLOB NOT NULL);
        CREATE TABLE dead_traces (
            place INTEGER PRIMARY KEY, lowest INTEGER NOT NULL, highest INTEGER NOT NULL, bytes BLOB NOT NULL);
        CREATE TABLE identity (ids_key BLOB NOT NULL);
        INSERT INTO identity VALUES (randomblob(16));
        """

    /// A broker's log. Version 1 did not know when a parked event was first attempted; version 2 knew nothing but cursors.
    static let log = FileFormat(
        kind: "log", applicationID: 0x4150_4C47, version: 3,
        create: """
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
                stream TEXT NOT NULL, name TEXT NOT NULL, offset INTEGER NOT NULL,
                PRIMARY KEY (stream, name, offset)) WITHOUT ROWID;
            CREATE TABLE parked (
                stream TEXT NOT NULL, name TEXT NOT NULL, offset INTEGER NOT NULL, attempts INTEGER NOT NULL, due_at INTEGER,
                key TEXT, first_attempt_at INTEGER, PRIMARY KEY (stream, name, offset)) WITHOUT ROWID;
            INSERT INTO streams VALUES ('events', 0, 0, 0, \(Int64.min), 0), ('dead', 0, 0, 0, \(Int64.min), 0);
            \(notes)
            """,
        migrations: [1: "ALTER TABLE parked ADD COLUMN first_attempt_at INTEGER;", 2: notes])

    /// What sources keep between their starts.
    private static let progress = """
        CREATE TABLE progress (
            uid TEXT NOT NULL, name TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (uid, name)) WITHOUT ROWID;
        """

    /// The node's resources. Version 1 knew no sources.
    static let resources = FileFormat(
        kind: "resource store", applicationID: 0x4150_5253, version: 2,
        create: """
            CREATE TABLE resources (
                kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, uid TEXT NOT NULL, document TEXT NOT NULL,
                generation INTEGER NOT NULL, resource_version INTEGER NOT NULL, created_at INTEGER NOT NULL, file TEXT,
                removed_at INTEGER, PRIMARY KEY (kind, namespace, name)) WITHOUT ROWID;
            \(progress)
            """,
        migrations: [1: progress])
}
