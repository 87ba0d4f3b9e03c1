internal import ApusPorts
internal import CloudEvents

/// How changes to cursors are written: each statement of the tables `readers`, `settled`, `parked`, `entries`, and
/// `streams.shared`. Traces are written by ``TraceStatements``, for all changes of a commit together.
final class CursorStatements {
    private let setShared: Statement
    private let putReader: Statement
    private let addReader: Statement
    private let clearSettled: Statement
    private let addSettled: Statement
    private let dropParked: Statement
    private let putParked: Statement
    private let retire: Statement
    private let dropReader: Statement
    private let dropAllSettled: Statement
    private let dropAllParked: Statement
    private let putEntry: Statement
    private let addEntry: Statement
    private let dropEntry: Statement

    init(_ connection: borrowing Connection) throws(SQLiteError) {
        setShared = try connection.prepare("UPDATE streams SET shared = ?2 WHERE stream = ?1")
        putReader = try connection.prepare(
            """
            INSERT INTO readers (stream, name, next, open, retired_at) VALUES (?1, ?2, ?3, ?4, NULL)
            ON CONFLICT (stream, name) DO UPDATE SET next = ?3, open = ?4, retired_at = NULL
            """)
        addReader = try connection.prepare("INSERT OR IGNORE INTO readers (stream, name, open) VALUES (?1, ?2, x'')")
        clearSettled = try connection.prepare(
            """
            DELETE FROM settled WHERE stream = ?1 AND name = ?2
            AND offset < coalesce(?3, (SELECT shared FROM streams WHERE stream = ?1))
            AND offset NOT IN (SELECT value FROM json_each(?4))
            """)
        addSettled = try connection.prepare("INSERT OR IGNORE INTO settled (stream, name, offset) VALUES (?1, ?2, ?3)")
        dropParked = try connection.prepare("DELETE FROM parked WHERE stream = ?1 AND name = ?2 AND offset = ?3")
        putParked = try connection.prepare(
            """
            INSERT OR REPLACE INTO parked (stream, name, offset, attempts, due_at, first_attempt_at, key)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
            """)
        retire = try connection.prepare("UPDATE readers SET retired_at = ?3 WHERE stream = ?1 AND name = ?2")
        dropReader = try connection.prepare("DELETE FROM readers WHERE stream = ?1 AND name = ?2")
        dropAllSettled = try connection.prepare("DELETE FROM settled WHERE stream = ?1 AND name = ?2")
        dropAllParked = try connection.prepare("DELETE FROM parked WHERE stream = ?1 AND name = ?2")
        putEntry = try connection.prepare("INSERT OR REPLACE INTO entries (key, value) VALUES (?1, ?2)")
        addEntry = try connection.prepare("INSERT OR IGNORE INTO entries (key, value) VALUES (?1, ?2)")
        dropEntry = try connection.prepare("DELETE FROM entries WHERE key = ?1")
    }

    /// Makes a change, in the order of its fields; to be called in a transaction.
    func apply(_ change: CursorChange) throws(SQLiteError) {
        let stream = SQLValue.text(change.stream.rawValue)
        if let shared = change.shared { try setShared.run(stream, .integer(shared)) }
        for reader in change.readers {
            try putReader.run(stream, .text(reader.name), .optional(reader.next), .blob(Self.bytes(reader.open)))
            let open = "[\(reader.open.map(String.init).joined(separator: ","))]"
            try clearSettled.run(stream, .text(reader.name), .optional(reader.next), .text(open))
        }
        for (index, mark) in change.settle.enumerated() {
            let name = SQLValue.text(mark.name)
            if index == 0 || change.settle[index - 1].name != mark.name { try addReader.run(stream, name) }
            try addSettled.run(stream, name, .integer(mark.offset))
            try dropParked.run(stream, name, .integer(mark.offset))
        }
        for (index, parking) in change.park.enumerated() {
            let (name, event) = (SQLValue.text(parking.name), parking.event)
            if index == 0 || change.park[index - 1].name != parking.name { try addReader.run(stream, name) }
            try putParked.run(
                stream, name, .integer(event.offset), .integer(Int64(event.attempts)), .optional(event.dueAt?.nanoseconds),
                .optional(event.firstAttemptAt?.nanoseconds), .optional(event.key))
        }
        for retirement in change.retire {
            try retire.run(stream, .text(retirement.name), .integer(retirement.at.nanoseconds))
        }
        for name in change.remove {
            try dropReader.run(stream, .text(name))
            try dropAllSettled.run(stream, .text(name))
            try dropAllParked.run(stream, .text(name))
        }
        for entry in change.entries {
            // Keys are bytes: as text they would be cut at a NUL, and compared by what a collation thinks of them.
            let key = SQLValue.blob(Array(entry.key.utf8))
            switch entry.value {
            case let value? where entry.keepsExisting: try addEntry.run(key, .blob(value))
            case let value?: try putEntry.run(key, .blob(value))
            case nil: try dropEntry.run(key)
            }
        }
    }

    /// Offsets as i64, little-endian, one after another.
    private static func bytes(_ offsets: [Int64]) -> [UInt8] {
        offsets.flatMap { offset in withUnsafeBytes(of: offset.littleEndian) { [UInt8]($0) } }
    }

    static func offsets(_ bytes: RawSpan) -> [Int64] {
        (0..<bytes.byteCount / 8).map {
            Int64(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: $0 * 8, as: Int64.self))
        }
    }

    /// All cursors of a stream; to be called in a transaction.
    static func load(_ stream: Stream, _ connection: borrowing Connection) throws(SQLiteError) -> StreamCursors {
        var cursors = StreamCursors()
        let name = SQLValue.text(stream.rawValue)
        let shared = try connection.prepare("SELECT shared FROM streams WHERE stream = ?1")
        try shared.bind(name)
        if try shared.step() { cursors.shared = shared.integer(0) }
        let readers = try connection.prepare("SELECT name, next, open, retired_at FROM readers WHERE stream = ?1")
        try readers.bind(name)
        while try readers.step() {
            cursors.readers[readers.text(0)] = ReaderCursor(
                next: readers.optionalInteger(1), open: readers.withBlob(2) { offsets($0) },
                retiredAt: readers.optionalInteger(3).map { Timestamp(nanoseconds: $0) })
        }
        let settled = try connection.prepare("SELECT name, offset FROM settled WHERE stream = ?1")
        try settled.bind(name)
        while try settled.step() { cursors.readers[settled.text(0), default: ReaderCursor()].settled.insert(settled.integer(1)) }
        let parked = try connection.prepare(
            "SELECT name, offset, attempts, due_at, first_attempt_at, key FROM parked WHERE stream = ?1 ORDER BY name, offset")
        try parked.bind(name)
        while try parked.step() {
            let event = ParkedEvent(
                offset: parked.integer(1), attempts: Int(parked.integer(2)),
                dueAt: parked.optionalInteger(3).map { Timestamp(nanoseconds: $0) },
                firstAttemptAt: parked.optionalInteger(4).map { Timestamp(nanoseconds: $0) }, key: parked.optionalText(5))
            cursors.readers[parked.text(0), default: ReaderCursor()].parked.append(event)
        }
        return cursors
    }
}
