internal import ApusPorts
internal import CloudEvents

/// The writer's connection to a log's file, with its statements. Used on the writer's thread only.
final class LogFile {
    /// A stream as the file holds it.
    struct StreamState: Equatable {
        var oldest: Int64
        var next: Int64
        /// Bytes of the records that can be read.
        var bytes: Int64
        /// The last record's append time, in nanoseconds; `Int64.min` where there was none.
        var lastTime: Int64
    }

    let connection: Connection
    let cursors: CursorStatements
    let traces: TraceStatements
    private let insertEvents: Statement
    private let insertDead: Statement
    private let setStream: Statement

    /// Opens the file at `path`, which is made where it is not there; brings it to this build's version.
    init(_ path: String, creating: Bool) throws(LogError) {
        let connection: Connection
        do { connection = try Connection(path, creating ? .create : .write) } catch { throw error.logError }
        try FileFormat.log.prepare(connection, path)
        do throws(SQLiteError) {
            // secure_delete is on in Debian's build, and would write every page that a trim frees.
            try connection.execute(
                "PRAGMA secure_delete = OFF; PRAGMA journal_size_limit = \(Self.walBytesKept);")
            insertEvents = try connection.prepare(Self.insert(.events))
            insertDead = try connection.prepare(Self.insert(.dead))
            setStream = try connection.prepare(
                "UPDATE streams SET oldest = ?2, counted = ?3, bytes = ?4, last_time = ?5 WHERE stream = ?1")
            cursors = try CursorStatements(connection)
            traces = try TraceStatements(connection)
        } catch {
            throw error.logError
        }
        connection.countFrames()
        self.connection = connection
    }

    /// The write-ahead log's file is cut to this many bytes when it begins anew.
    static let walBytesKept = 67_108_864

    private static func insert(_ stream: Stream) -> String {
        "INSERT INTO \(stream.rawValue) (first, count, first_time, last_time, bytes) VALUES (?1, ?2, ?3, ?4, ?5)"
    }

    /// The key under which ids are hashed: this log's own, and what tells that an index is of this log.
    func idsKey() throws(SQLiteError) -> [UInt8] {
        let identity = try connection.prepare("SELECT ids_key FROM identity")
        guard try identity.step() else { return [] }
        return identity.withBlob(0) { bytes in bytes.withUnsafeBytes { [UInt8]($0) } }
    }

    func insert(_ chunk: Chunk, _ stream: Stream) throws(SQLiteError) {
        let values = (chunk.first, Int64(chunk.count), chunk.firstTime, chunk.lastTime)
        switch stream {
        case .events:
            try insertEvents.run(
                .integer(values.0), .integer(values.1), .integer(values.2), .integer(values.3), bytes: chunk.bytes)
        case .dead:
            try insertDead.run(
                .integer(values.0), .integer(values.1), .integer(values.2), .integer(values.3), bytes: chunk.bytes)
        }
    }

    /// Writes what changes nothing, to see whether it can be written. A row that is as it was would not be written at all.
    func probe() throws(SQLiteError) { try connection.execute("PRAGMA user_version = \(FileFormat.log.version)") }

    /// Writes down what is known of a stream, so that an open need not count all of it.
    func write(_ state: StreamState, _ stream: Stream) throws(SQLiteError) {
        try setStream.run(
            .text(stream.rawValue), .integer(state.oldest), .integer(state.next), .integer(state.bytes), .integer(state.lastTime))
    }

    /// What a stream holds: as it was written down last, and the rows since.
    func state(of stream: Stream) throws(SQLiteError) -> StreamState {
        let known = try connection.prepare("SELECT oldest, counted, bytes, last_time FROM streams WHERE stream = ?1")
        try known.bind(.text(stream.rawValue))
        var state = StreamState(oldest: 0, next: 0, bytes: 0, lastTime: .min)
        if try known.step() {
            state = StreamState(
                oldest: known.integer(0), next: known.integer(1), bytes: known.integer(2), lastTime: known.integer(3))
        }
        let rows = try connection.prepare(
            "SELECT first, count, last_time, length(bytes) FROM \(stream.rawValue) WHERE first >= ?1 ORDER BY first")
        try rows.bind(.integer(state.next))
        while try rows.step() {
            state.next = rows.integer(0) + rows.integer(1)
            state.lastTime = max(state.lastTime, rows.integer(2))
            state.bytes += rows.integer(3)
        }
        return state
    }
}
