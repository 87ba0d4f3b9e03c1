internal import ApusPorts

/// A commit's traces of one stream, by bucket, until they are written: one row a bucket.
struct TraceStage {
    private var current: TraceRow?
    private var rows: [Int64: TraceRow] = [:]
    private var full: [TraceRow] = []

    mutating func add(_ traces: [DeliveryTrace]) {
        for trace in traces {
            let bucket = TraceFormat.bucket(of: trace.offset)
            if current?.bucket != bucket {
                if let row = current { rows[row.bucket] = row }
                current = nil
                current = rows.removeValue(forKey: bucket) ?? TraceRow(bucket: bucket)
            }
            current?.append(trace)
            if current?.isFull == true {
                if let row = current { full.append(row) }
                current = nil
            }
        }
    }

    /// Writes what was added; to be called in a transaction.
    mutating func flush(to statements: TraceStatements, _ stream: Stream) throws(SQLiteError) {
        for row in full { try statements.insert(row, stream) }
        if let row = current { rows[row.bucket] = row }
        for bucket in rows.keys.sorted() { if let row = rows[bucket] { try statements.insert(row, stream) } }
        self = TraceStage()
    }
}

/// How traces are written and removed: the statements of the tables `events_traces` and `dead_traces`.
///
/// A row's key is its bucket and its number in the bucket, so a record's traces are found without a scan, and go in the order in
/// which the records go.
final class TraceStatements {
    private let events: TableStatements
    private let dead: TableStatements

    /// Rows that one step of a trim deletes at most.
    static let trimRowsMax: Int64 = 256

    private final class TableStatements {
        let insert: Statement
        let delete: Statement
        let least: Statement

        init(_ stream: Stream, _ connection: borrowing Connection) throws(SQLiteError) {
            let table = "\(stream.rawValue)_traces"
            insert = try connection.prepare(
                """
                INSERT INTO \(table) (place, lowest, highest, bytes) VALUES (
                    coalesce((SELECT max(place) + 1 FROM \(table) WHERE place BETWEEN ?1 AND ?2), ?1), ?3, ?4, ?5)
                """)
            delete = try connection.prepare(
                """
                DELETE FROM \(table) WHERE place < ?1
                AND place < coalesce((SELECT place FROM \(table) ORDER BY place LIMIT 1 OFFSET \(trimRowsMax)), ?1)
                """)
            least = try connection.prepare("SELECT min(place) FROM \(table)")
        }
    }

    init(_ connection: borrowing Connection) throws(SQLiteError) {
        events = try TableStatements(.events, connection)
        dead = try TableStatements(.dead, connection)
    }

    private func statements(_ stream: Stream) -> TableStatements {
        switch stream {
        case .events: events
        case .dead: dead
        }
    }

    func insert(_ row: TraceRow, _ stream: Stream) throws(SQLiteError) {
        let first = TraceFormat.place(of: row.bucket)
        let last = first | (1 << Int64(TraceFormat.rowBits) - 1)
        try statements(stream).insert.run(
            .integer(first), .integer(last), .integer(row.lowest), .integer(row.highest), bytes: row.finished())
    }

    /// Forgets traces of buckets whose records all stand before `oldest`, up to ``trimRowsMax`` rows of them; false where more
    /// are left. To be called in a transaction.
    func trim(_ stream: Stream, to oldest: Int64) throws(SQLiteError) -> Bool {
        let statements = statements(stream)
        let end = TraceFormat.place(of: TraceFormat.bucket(of: oldest))
        try statements.delete.run(.integer(end))
        defer { statements.least.reset() }
        guard try statements.least.step(), let least = statements.least.optionalInteger(0) else { return true }
        return least >= end
    }
}
