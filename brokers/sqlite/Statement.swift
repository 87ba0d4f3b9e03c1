internal import CSQLite

/// A value that is bound to a statement's parameter.
enum SQLValue {
    case integer(Int64)
    case text(String)
    case blob([UInt8])
    case null

    static func optional(_ number: Int64?) -> SQLValue { number.map { .integer($0) } ?? .null }
    static func optional(_ text: String?) -> SQLValue { text.map { .text($0) } ?? .null }
}

/// A prepared statement. What a column holds is copied out, or seen inside ``withBlob(_:_:)``.
struct Statement: ~Copyable {
    private let handle: OpaquePointer
    private let connection: OpaquePointer

    init(_ connection: OpaquePointer, _ sql: String) throws(SQLiteError) {
        var handle: OpaquePointer?
        let code = sqlite3_prepare_v3(connection, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &handle, nil)
        guard code == SQLITE_OK, let handle else {
            throw SQLiteError(code: code, message: "\(String(cString: sqlite3_errmsg(connection))) in: \(sql)")
        }
        self.handle = handle
        self.connection = connection
    }

    deinit { sqlite3_finalize(handle) }

    /// Binds parameters from the first on; the statement begins anew.
    func bind(_ values: SQLValue...) throws(SQLiteError) { try bind(values) }

    private func bind(_ values: [SQLValue]) throws(SQLiteError) {
        reset()
        for (index, value) in values.enumerated() {
            let parameter = Int32(index + 1)
            let code =
                switch value {
                case .integer(let number): sqlite3_bind_int64(handle, parameter, number)
                case .null: sqlite3_bind_null(handle, parameter)
                case .blob(let bytes): bytes.withUnsafeBytes { Self.bind(handle, parameter, $0) }
                case .text(let text): Self.bind(handle, parameter, text)
                }
            try check(code)
        }
    }

    /// Runs a statement that answers no rows.
    func run(_ values: SQLValue...) throws(SQLiteError) {
        try bind(values)
        defer { reset() }
        _ = try step()
    }

    /// Runs a statement that answers no rows; `bytes` is the last parameter and is not copied.
    func run(_ values: SQLValue..., bytes: [UInt8]) throws(SQLiteError) {
        try bind(values)
        let code = bytes.withUnsafeBytes { raw in
            let bound = sqlite3_bind_blob64(handle, Int32(values.count + 1), raw.baseAddress, UInt64(raw.count), nil)
            guard bound == SQLITE_OK else { return bound }
            let code = sqlite3_step(handle)
            sqlite3_reset(handle)
            sqlite3_bind_null(handle, Int32(values.count + 1))
            return code
        }
        guard code == SQLITE_DONE else { throw error(code) }
    }

    /// Goes to the next row; false at the end.
    func step() throws(SQLiteError) -> Bool {
        switch sqlite3_step(handle) {
        case SQLITE_ROW: true
        case SQLITE_DONE: false
        case let code: throw error(code)
        }
    }

    /// Ends a query, and with it what it holds of the write-ahead log.
    func reset() { sqlite3_reset(handle) }

    func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

    func optionalInteger(_ column: Int32) -> Int64? { isNull(column) ? nil : integer(column) }

    func text(_ column: Int32) -> String {
        guard let start = sqlite3_column_text(handle, column) else { return "" }
        let count = Int(sqlite3_column_bytes(handle, column))
        return String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    }

    func optionalText(_ column: Int32) -> String? { isNull(column) ? nil : text(column) }

    /// A column's bytes, where they lie, for as long as `body` runs.
    func withBlob<Value>(_ column: Int32, _ body: (RawSpan) -> Value) -> Value {
        let start = sqlite3_column_blob(handle, column)
        let buffer = UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : Int(sqlite3_column_bytes(handle, column)))
        return body(buffer.bytes)
    }

    private func isNull(_ column: Int32) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }

    private func check(_ code: Int32) throws(SQLiteError) {
        guard code == SQLITE_OK else { throw error(code) }
    }

    private func error(_ code: Int32) -> SQLiteError {
        SQLiteError(code: code, message: String(cString: sqlite3_errmsg(connection)))
    }

    /// "Copy it": what the C header writes as a cast of -1.
    private static let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

    private static func bind(_ handle: OpaquePointer, _ parameter: Int32, _ bytes: UnsafeRawBufferPointer) -> Int32 {
        guard let start = bytes.baseAddress else { return sqlite3_bind_zeroblob(handle, parameter, 0) }
        return sqlite3_bind_blob64(handle, parameter, start, UInt64(bytes.count), transient)
    }

    private static func bind(_ handle: OpaquePointer, _ parameter: Int32, _ text: String) -> Int32 {
        var text = text
        return text.withUTF8 { utf8 in
            utf8.withMemoryRebound(to: CChar.self) {
                guard let start = $0.baseAddress else { return sqlite3_bind_text(handle, parameter, "", 0, transient) }
                return sqlite3_bind_text64(handle, parameter, start, UInt64($0.count), transient, UInt8(SQLITE_UTF8))
            }
        }
    }
}
