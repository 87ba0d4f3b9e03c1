internal import CSQLite

/// The file of the index of ids, `<log>.ids`: its runs, each written whole or not at all. Used on the index's thread only.
///
/// It holds nothing that the log does not: where it is lost, damaged, of another version or of another log, it is made anew.
final class IDFile {
    private static let applicationID: Int64 = 0x4150_4944
    private static let version: Int64 = 1

    private let connection: Connection
    private let insertPart: Statement
    private let insertRun: Statement
    private let part: Statement
    private let dropParts: Statement
    private let dropRun: Statement
    /// Ascending, and none overlaps another.
    private(set) var runs: [IDRun] = []

    /// The files that an index of the log at `path` consists of.
    static func paths(ofLog path: String) -> [String] { ["\(path).ids-wal", "\(path).ids-shm", "\(path).ids"] }

    /// Opens the index of the log at `path`, or makes one. Fails as damaged where the file is of another log or version.
    init(ofLog path: String, key: [UInt8], creating: Bool) throws(SQLiteError) {
        connection = try Connection("\(path).ids", creating ? .create : .write)
        // Losing the newest runs with the power costs no more than making them again, so no commit waits for a sync.
        try connection.execute(
            """
            PRAGMA page_size = 16384; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA secure_delete = OFF;
            PRAGMA wal_autocheckpoint = 128; PRAGMA journal_size_limit = 4194304;
            """)
        if try connection.integer("SELECT count(*) FROM sqlite_schema") == 0 {
            try Self.make(connection, key)
        }
        let (application, version) = (
            try connection.integer("PRAGMA application_id"), try connection.integer("PRAGMA user_version")
        )
        guard application == Self.applicationID, version == Self.version, try Self.key(connection) == key else {
            throw SQLiteError(code: SQLITE_NOTADB, message: "\(path).ids is no index of this log")
        }
        insertPart = try connection.prepare("INSERT OR REPLACE INTO parts (place, bytes) VALUES (?1, ?2)")
        insertRun = try connection.prepare(
            "INSERT OR REPLACE INTO runs (first, count, part_bits, last_time, checksum) VALUES (?1, ?2, ?3, ?4, ?5)")
        part = try connection.prepare("SELECT bytes FROM parts WHERE place = ?1")
        dropParts = try connection.prepare("DELETE FROM parts WHERE place BETWEEN ?1 AND ?2")
        dropRun = try connection.prepare("DELETE FROM runs WHERE first = ?1")
        try readRuns()
    }

    private static func make(_ connection: borrowing Connection, _ key: [UInt8]) throws(SQLiteError) {
        try connection.transaction { () throws(SQLiteError) in
            try connection.execute(
                """
                CREATE TABLE identity (ids_key BLOB NOT NULL);
                CREATE TABLE runs (
                    first INTEGER PRIMARY KEY, count INTEGER NOT NULL, part_bits INTEGER NOT NULL, last_time INTEGER NOT NULL,
                    checksum INTEGER NOT NULL);
                CREATE TABLE parts (place INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
                PRAGMA application_id = \(applicationID); PRAGMA user_version = \(version);
                """)
            try connection.prepare("INSERT INTO identity VALUES (?1)").run(.blob(key))
        }
    }

    private static func key(_ connection: borrowing Connection) throws(SQLiteError) -> [UInt8] {
        let statement = try connection.prepare("SELECT ids_key FROM identity")
        guard try statement.step() else { return [] }
        return statement.withBlob(0) { bytes in bytes.withUnsafeBytes { [UInt8]($0) } }
    }

    private func readRuns() throws(SQLiteError) {
        let rows = try connection.prepare("SELECT first, count, part_bits, last_time, checksum FROM runs ORDER BY first")
        while try rows.step() {
            let run = IDRun(
                first: rows.integer(0), count: Int(rows.integer(1)), partBits: Int(rows.integer(2)), lastTime: rows.integer(3))
            guard rows.integer(4) == Int64(run.checksum), run.first >= (runs.last?.end ?? 0) else {
                throw SQLiteError(code: SQLITE_CORRUPT, message: "a run of the index cannot be right")
            }
            runs.append(run)
        }
    }

    /// Writes a run, in place of those that it overlaps.
    func write(_ run: IDRun, _ parts: [[UInt8]]) throws(SQLiteError) {
        for other in runs where other.range.overlaps(run.range) { try drop(other) }
        try connection.transaction { () throws(SQLiteError) in
            for (index, bytes) in parts.enumerated() { try insertPart.run(.integer(run.place(of: index)), bytes: bytes) }
            try insertRun.run(
                .integer(run.first), .integer(Int64(run.count)), .integer(Int64(run.partBits)), .integer(run.lastTime),
                .integer(Int64(run.checksum)))
        }
        runs.insert(run, at: runs.firstIndex { $0.first > run.first } ?? runs.endIndex)
    }

    /// Forgets a run.
    func drop(_ run: IDRun) throws(SQLiteError) {
        try connection.transaction { () throws(SQLiteError) in
            try dropRun.run(.integer(run.first))
            try dropParts.run(.integer(run.place(of: 0)), .integer(run.place(of: run.parts - 1)))
        }
        runs.removeAll { $0.first == run.first }
    }

    /// Offsets in a run that have this hash as far as the index knows it, ascending; nil where that part of the run is damaged.
    func offsets(of hash: UInt64, in run: IDRun) throws(SQLiteError) -> [Int64]? {
        try part.bind(.integer(run.place(of: run.part(of: hash))))
        defer { part.reset() }
        guard try part.step() else { return nil }
        return part.withBlob(0) { run.offsets(of: hash, in: $0) }
    }
}

extension SQLiteError {
    /// Whether a file of the index is to be made anew. A table that is not there is an error of the statement.
    var spoilsIndex: Bool { isCorruption || code == SQLITE_ERROR }
}
