internal import CSQLite

/// One connection to a file of SQLite's. It is used on one thread at a time; no pointer leaves it.
struct Connection: ~Copyable {
    enum Mode {
        case create, write, read
        /// A file that nobody writes, on a medium that may not be written: without locks, or a log beside it.
        case immutable
    }

    enum Checkpoint {
        case passive, restart, truncate
    }

    private let handle: OpaquePointer
    /// Frames in the write-ahead log after the last commit of this connection; SQLite's hook writes it.
    private let frames: UnsafeMutablePointer<Int32>

    init(_ path: String, _ mode: Mode) throws(SQLiteError) {
        let flags =
            switch mode {
            case .create: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
            case .write: SQLITE_OPEN_READWRITE
            case .read: SQLITE_OPEN_READONLY
            case .immutable: SQLITE_OPEN_READONLY | SQLITE_OPEN_URI
            }
        var handle: OpaquePointer?
        let name = mode == .immutable ? "file:\(Self.escaped(path))?immutable=1" : path
        let code = sqlite3_open_v2(name, &handle, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nil)
        guard code == SQLITE_OK, let handle else {
            let message = "\(path): \(handle.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory")"
            sqlite3_close_v2(handle)
            throw SQLiteError(code: code, message: message)
        }
        self.handle = handle
        frames = .allocate(capacity: 1)
        frames.initialize(to: 0)
        sqlite3_busy_timeout(handle, 5000)
    }

    /// A path as a URI has it: what would end it or begin an escape is escaped.
    private static func escaped(_ path: String) -> String {
        String(path.map { ["%": "%25", "?": "%3f", "#": "%23"][$0] ?? String($0) }.joined())
    }

    deinit {
        sqlite3_close_v2(handle)
        frames.deallocate()
    }

    /// Leaves checkpoints to others and counts ``walFrames`` instead: SQLite has one hook, which its own checkpoints take else.
    func countFrames() {
        _ = sqlite3_wal_hook(
            handle,
            { context, _, _, count in
                context?.assumingMemoryBound(to: Int32.self).pointee = count
                return SQLITE_OK
            }, frames)
    }

    /// Whether a transaction is open.
    var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

    /// Frames in the write-ahead log after the last commit of this connection; 0 where ``countFrames()`` was not called.
    var walFrames: Int { Int(frames.pointee) }

    /// Runs statements that answer no rows, or whose rows do not matter.
    func execute(_ sql: String) throws(SQLiteError) {
        let code = sqlite3_exec(handle, sql, nil, nil, nil)
        guard code == SQLITE_OK else { throw error(code) }
    }

    func prepare(_ sql: String) throws(SQLiteError) -> Statement { try Statement(handle, sql) }

    /// The first column of the first row, or nil where there is none.
    func integer(_ sql: String) throws(SQLiteError) -> Int64? {
        let statement = try prepare(sql)
        return try statement.step() ? statement.integer(0) : nil
    }

    /// Runs `body` in a transaction that takes the write lock at once; undoes it where `body` or the commit fails.
    func transaction<Value>(_ body: () throws(SQLiteError) -> Value) throws(SQLiteError) -> Value {
        try execute("BEGIN IMMEDIATE")
        do {
            let value = try body()
            try execute("COMMIT")
            return value
        } catch {
            if isInTransaction { try? execute("ROLLBACK") }
            throw error
        }
    }

    /// Moves what the write-ahead log holds into the file. Gives the frames of the log and how many of them are moved.
    @discardableResult
    func checkpoint(_ kind: Checkpoint) throws(SQLiteError) -> (frames: Int, moved: Int) {
        let mode =
            switch kind {
            case .passive: SQLITE_CHECKPOINT_PASSIVE
            case .restart: SQLITE_CHECKPOINT_RESTART
            case .truncate: SQLITE_CHECKPOINT_TRUNCATE
            }
        var frames: Int32 = 0
        var moved: Int32 = 0
        let code = sqlite3_wal_checkpoint_v2(handle, nil, mode, &frames, &moved)
        guard code == SQLITE_OK || code & 0xFF == SQLITE_BUSY else { throw error(code) }
        return (Int(max(frames, 0)), Int(max(moved, 0)))
    }

    /// Copies the whole file into `other`, page by page: its state as this connection sees it in the transaction that is open.
    ///
    /// Without one, a write by anyone else begins the copy anew. `copied` is told the share that is done, from 0 to 1.
    func copy(to other: borrowing Connection, copied: (Double) -> Void) throws(SQLiteError) {
        guard let backup = sqlite3_backup_init(other.handle, "main", handle, "main") else {
            throw other.error(sqlite3_errcode(other.handle))
        }
        var code = SQLITE_OK
        while code == SQLITE_OK {
            code = sqlite3_backup_step(backup, Self.copyPages)
            let (count, rest) = (sqlite3_backup_pagecount(backup), sqlite3_backup_remaining(backup))
            copied(count == 0 ? 1 : Double(count - rest) / Double(count))
        }
        sqlite3_backup_finish(backup)
        guard code == SQLITE_DONE else { throw error(code) }
    }

    /// Pages of one step of a copy: 16 MiB of the log's pages.
    private static let copyPages: Int32 = 1024

    func setBusyTimeout(milliseconds: Int32) { sqlite3_busy_timeout(handle, milliseconds) }

    private func error(_ code: Int32) -> SQLiteError { SQLiteError(code: code, message: String(cString: sqlite3_errmsg(handle))) }
}
