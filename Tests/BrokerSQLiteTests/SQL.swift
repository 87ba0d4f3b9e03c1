import CSQLite
import Testing

/// Runs statements on a file with a connection of the test's own; gives the first column of every row as text.
@discardableResult
func sql(_ path: String, _ statements: String) throws -> [String] {
    var connection: OpaquePointer?
    try #require(sqlite3_open(path, &connection) == SQLITE_OK)
    defer { sqlite3_close(connection) }
    var rows: [String] = []
    let code = withUnsafeMutablePointer(to: &rows) { rows in
        sqlite3_exec(
            connection, statements,
            { context, _, values, _ in
                let text = values?[0].map { String(cString: $0) } ?? "NULL"
                context?.assumingMemoryBound(to: [String].self).pointee.append(text)
                return 0
            }, rows, nil)
    }
    try #require(code == SQLITE_OK, "\(String(cString: sqlite3_errmsg(connection))) in \(statements)")
    return rows
}
