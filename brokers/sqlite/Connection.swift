internal import CSQLite

/// One connection to a file of SQLite's. It is used on one thread at a time; no pointer leaves it.
struct Connection: ~Copyable {
    enum Mode {
        case create, write, read
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
            }
        var handle: OpaquePointer?
        let code = sqlite3_open_v2(path, &handle, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nil)
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

    func setBusyTimeout(milliseconds: Int32) { sqlite3_busy_timeout(handle, milliseconds) }

    private func error(_ code: Int32) -> SQLiteError { SQLiteError(code: code, message: String(cString: sqlite3_errmsg(handle))) }
}
