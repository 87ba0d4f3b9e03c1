internal import ApusPorts
internal import CloudEvents

/// A connection that reads a log's file, with its statements. Used on the reading thread only.
final class ReaderFile {
    private let connection: Connection
    private let events: StreamQueries
    private let dead: StreamQueries
    private let entries: Statement

    private final class StreamQueries {
        let oldest: Statement
        /// Rows from the one that an offset stands in.
        let rows: Statement
        /// The row that an offset stands in, without its bytes.
        let row: Statement
        let bytes: Statement
        let traces: Statement

        init(_ stream: Stream, _ connection: borrowing Connection) throws(SQLiteError) {
            let table = stream.rawValue
            oldest = try connection.prepare("SELECT oldest FROM streams WHERE stream = '\(table)'")
            rows = try connection.prepare(
                """
                SELECT first, count, bytes FROM \(table)
                WHERE first >= coalesce((SELECT max(first) FROM \(table) WHERE first <= ?1), ?1) ORDER BY first
                """)
            row = try connection.prepare(
                """
                SELECT first, count, first_time, last_time, length(bytes) FROM \(table)
                WHERE first <= ?1 ORDER BY first DESC LIMIT 1
                """)
            bytes = try connection.prepare("SELECT bytes FROM \(table) WHERE first = ?1")
            traces = try connection.prepare(
                """
                SELECT bytes FROM \(table)_traces
                WHERE place BETWEEN ?1 AND ?2 AND ?3 BETWEEN lowest AND highest ORDER BY place
                """)
        }
    }

    init(_ path: String) throws(SQLiteError) {
        connection = try Connection(path, .read)
        events = try StreamQueries(.events, connection)
        dead = try StreamQueries(.dead, connection)
        entries = try connection.prepare("SELECT key, value FROM entries WHERE key >= ?1 AND key < ?2 ORDER BY key LIMIT ?3")
    }

    /// Runs `body` over one state of the file.
    func snapshot<Value>(_ body: () throws(SQLiteError) -> Value) throws(SQLiteError) -> Value {
        try connection.execute("BEGIN")
        defer { try? connection.execute("COMMIT") }
        return try body()
    }

    func cursors(of stream: Stream) throws(SQLiteError) -> StreamCursors { try CursorStatements.load(stream, connection) }

    /// Entries with `from <= key < until`, by the order of their keys' bytes.
    func entries(from: String, until: String, limit: Int) throws(SQLiteError) -> [StateEntry] {
        try entries.bind(.blob(Array(from.utf8)), .blob(Array(until.utf8)), .integer(Int64(max(limit, 0))))
        defer { entries.reset() }
        var found: [StateEntry] = []
        while try entries.step() {
            let key = entries.withBlob(0) { bytes in bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) } }
            found.append(StateEntry(key: key, value: entries.withBlob(1) { bytes in bytes.withUnsafeBytes { [UInt8]($0) } }))
        }
        return found
    }

    /// The traces of one record, in the order of their commits. A row that is damaged is as if it were not there.
    func traces(_ stream: Stream, at offset: Int64) throws(SQLiteError) -> [DeliveryTrace] {
        guard offset >= (try oldest(of: stream)) else { return [] }
        let queries = queries(stream)
        let bucket = TraceFormat.bucket(of: offset)
        let first = TraceFormat.place(of: bucket)
        try queries.traces.bind(
            .integer(first), .integer(first | (1 << Int64(TraceFormat.rowBits) - 1)),
            .integer(offset - bucket << Int64(TraceFormat.bucketBits)))
        defer { queries.traces.reset() }
        var found: [DeliveryTrace] = []
        while try queries.traces.step() {
            let row = queries.traces.withBlob(0) { bytes in (try? TraceDecoder.decode(bytes, bucket: bucket)) ?? [] }
            found += row.filter { $0.offset == offset }
        }
        return found
    }

    /// A page of records. What is wrong with the record at `offset` is its error; what is wrong further on ends the page.
    func page(_ stream: Stream, from offset: Int64, _ limit: ReadLimit) throws(SQLiteError) -> Result<[LogRecord], LogError> {
        let oldest = try oldest(of: stream)
        guard offset >= oldest else { return .failure(.trimmed(oldest: Position(offset: oldest))) }
        var page = Page(next: offset, limit: limit)
        try page.fill(queries(stream).rows)
        if page.records.isEmpty, let fault = page.fault {
            return .failure(.corrupt(at: Position(offset: offset), detail: fault.detail))
        }
        return .success(page.records)
    }

    /// The records at exactly these offsets.
    func records(_ stream: Stream, at offsets: [Int64]) throws(SQLiteError) -> Result<[LogRecord], LogError> {
        let oldest = try oldest(of: stream)
        var records: [LogRecord] = []
        var index = offsets.startIndex
        while index < offsets.endIndex {
            guard offsets[index] >= oldest, let row = try row(stream, at: offsets[index]), row.end > offsets[index] else {
                index += 1
                continue
            }
            let rest = offsets[index...].prefix { $0 >= row.first && $0 < row.end }
            index += rest.count
            let fault = try withBytes(stream, row.first) { bytes -> LogError? in
                for offset in rest {
                    do throws(RecordFault) {
                        records.append(try Page.record(offset, row.first, row.count, bytes))
                    } catch {
                        return LogError.corrupt(at: Position(offset: offset), detail: error.detail)
                    }
                }
                return nil
            }
            if let fault { return .failure(fault) }
        }
        return .success(records)
    }

    /// The first of `from..<end` that was appended at or after `time`; `end` where there is none. Rows are found by halves:
    /// times never go backwards, so no index is needed.
    func offset(in stream: Stream, at time: Timestamp, from: Int64, end: Int64) throws(SQLiteError) -> Int64 {
        var (low, high) = (from, end)
        while low < high {
            let middle = low + (high - low) / 2
            guard let row = try row(stream, at: middle) else { return low }
            if row.lastTime < time.nanoseconds {
                low = max(row.end, middle + 1)
            } else if row.firstTime < time.nanoseconds {
                return try offset(stream, at: time, in: row, from: low)
            } else {
                high = max(min(row.first, middle), from)
                if row.first <= low { return low }
            }
        }
        return low
    }

    /// The first offset of `from..<end` before which records of at least `bytes` stand.
    func offset(in stream: Stream, after bytes: Int64, from: Int64, end: Int64) throws(SQLiteError) -> Int64 {
        var rest = bytes
        var offset = from
        while rest > 0, offset < end, let row = try row(stream, at: offset), row.end > offset {
            // A row of which nothing is hidden, and which goes whole, need not be opened.
            if offset == row.first, row.bytes <= rest {
                rest -= row.bytes
                offset = row.end
                continue
            }
            try withBytes(stream, row.first) { bytes in
                while rest > 0, offset < row.end {
                    let place = Chunk.range(of: Int(offset - row.first), count: Int(row.count), in: bytes)
                    rest -= Int64((place?.count ?? 0) + Chunk.endBytes)
                    offset += 1
                }
            }
        }
        return min(offset, end)
    }

    /// The newest append time of the row that an offset stands in, in nanoseconds; nil where there is none.
    func rowTime(_ stream: Stream, at offset: Int64) throws(SQLiteError) -> Int64? { try row(stream, at: offset)?.lastTime }

    /// Hands rows to `body`, with their first offset and their count, from the one that `offset` stands in, until it says false.
    func eachRow(
        _ stream: Stream, from offset: Int64, _ body: (Int64, Int64, RawSpan) -> Bool
    ) throws(SQLiteError) {
        let queries = queries(stream)
        try queries.rows.bind(.integer(offset))
        defer { queries.rows.reset() }
        while try queries.rows.step() {
            let (first, count) = (queries.rows.integer(0), queries.rows.integer(1))
            guard queries.rows.withBlob(2, { body(first, count, $0) }) else { return }
        }
    }

    private struct Row {
        var first: Int64
        var count: Int64
        var firstTime: Int64
        var lastTime: Int64
        var bytes: Int64

        var end: Int64 { first + count }
    }

    private func offset(_ stream: Stream, at time: Timestamp, in row: Row, from: Int64) throws(SQLiteError) -> Int64 {
        try withBytes(stream, row.first) { bytes in
            for offset in max(from, row.first)..<row.end {
                guard let record = try? Page.record(offset, row.first, row.count, bytes) else { continue }
                if record.appendedAt >= time { return offset }
            }
            return row.end
        }
    }

    private func queries(_ stream: Stream) -> StreamQueries {
        switch stream {
        case .events: events
        case .dead: dead
        }
    }

    private func oldest(of stream: Stream) throws(SQLiteError) -> Int64 {
        let queries = queries(stream)
        defer { queries.oldest.reset() }
        return try queries.oldest.step() ? queries.oldest.integer(0) : 0
    }

    private func row(_ stream: Stream, at offset: Int64) throws(SQLiteError) -> Row? {
        let queries = queries(stream)
        try queries.row.bind(.integer(offset))
        defer { queries.row.reset() }
        guard try queries.row.step() else { return nil }
        return Row(
            first: queries.row.integer(0), count: queries.row.integer(1), firstTime: queries.row.integer(2),
            lastTime: queries.row.integer(3), bytes: queries.row.integer(4))
    }

    private func withBytes<Value>(_ stream: Stream, _ first: Int64, _ body: (RawSpan) -> Value) throws(SQLiteError) -> Value {
        let queries = queries(stream)
        try queries.bytes.bind(.integer(first))
        defer { queries.bytes.reset() }
        _ = try queries.bytes.step()
        return queries.bytes.withBlob(0, body)
    }
}

/// Records as they are read, in order, up to a limit or to the first that is wrong.
private struct Page {
    var next: Int64
    let limit: ReadLimit
    var records: [LogRecord] = []
    var bytes = 0
    var fault: RecordFault?

    init(next: Int64, limit: ReadLimit) {
        self.next = next
        self.limit = limit
    }

    mutating func fill(_ rows: borrowing Statement) throws(SQLiteError) {
        try rows.bind(.integer(next))
        defer { rows.reset() }
        var isOpen = true
        while isOpen, try rows.step() {
            let (first, count) = (rows.integer(0), rows.integer(1))
            // The row before a gap at the end of the stream: there is nothing yet.
            if first + count <= next { continue }
            guard first <= next else {
                fault = RecordFault("it is missing: the next record stands at \(first)")
                return
            }
            isOpen = rows.withBlob(2) { take(first, count, $0) }
        }
    }

    /// Takes a row's records; false where the page is full or a record is wrong.
    private mutating func take(_ first: Int64, _ count: Int64, _ row: RawSpan) -> Bool {
        while next < first + count {
            let size = Chunk.range(of: Int(next - first), count: Int(count), in: row)?.count ?? 0
            guard records.isEmpty || (records.count < limit.records && bytes + size <= limit.bytes) else { return false }
            do throws(RecordFault) {
                records.append(try Self.record(next, first, count, row))
            } catch {
                fault = error
                return false
            }
            bytes += size
            next += 1
        }
        return records.count < limit.records && bytes < limit.bytes
    }

    static func record(_ offset: Int64, _ first: Int64, _ count: Int64, _ row: RawSpan) throws(RecordFault) -> LogRecord {
        guard let place = Chunk.range(of: Int(offset - first), count: Int(count), in: row) else {
            throw RecordFault("its row does not say where it lies")
        }
        return try RecordDecoder.decode(row.extracting(place), offset: offset)
    }
}
