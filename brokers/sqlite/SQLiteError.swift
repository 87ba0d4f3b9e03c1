internal import ApusPorts
internal import CSQLite

/// What libsqlite3 answered when it could not do what it was told.
package struct SQLiteError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The extended result code.
    package var code: Int32
    package var message: String

    package var description: String { "\(message) (SQLite \(code))" }

    /// What a check of the file's structure found.
    static func damaged(_ finding: String) -> SQLiteError { SQLiteError(code: SQLITE_CORRUPT, message: finding) }

    private var primary: Int32 { code & 0xFF }

    /// Whether the connection may be used again as it is. After an I/O error it may not: what the file holds is not what it
    /// believes.
    var leavesConnectionSound: Bool { [SQLITE_FULL, SQLITE_BUSY, SQLITE_LOCKED, SQLITE_TOOBIG, SQLITE_NOMEM].contains(primary) }

    var isCorruption: Bool { primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB }

    var logError: LogError { .unavailable(reason: description) }

    /// The same when it was met on the way to the record at `offset`.
    func reading(_ offset: Int64) -> LogError {
        isCorruption ? .corrupt(at: Position(offset: offset), detail: description) : logError
    }
}
