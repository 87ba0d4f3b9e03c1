internal import ApusPorts
internal import CloudEvents

/// Reads a log's file, on a thread and a connection of its own: the writer never waits for a reader.
///
/// @unchecked Sendable: `file` is touched on `thread` only; the rest is Sendable.
final class LogReader: @unchecked Sendable {
    private let path: String
    private let thread: WorkThread
    private var file: ReaderFile?

    init(_ path: String) throws(LogError) {
        self.path = path
        thread = try WorkThread("apus-read")
    }

    /// Ends the thread and closes the connection; blocks. Reads after this fail with ``LogError/closed``.
    func stop() { thread.stop { self.file = nil } }

    func page(_ stream: Stream, from offset: Int64, limit: ReadLimit) async throws(LogError) -> [LogRecord] {
        try await read(at: offset) { file throws(SQLiteError) in try file.page(stream, from: offset, limit) }.get()
    }

    func records(_ stream: Stream, at offsets: [Int64]) async throws(LogError) -> [LogRecord] {
        try await read(at: offsets.first ?? 0) { file throws(SQLiteError) in try file.records(stream, at: offsets) }.get()
    }

    func offset(in stream: Stream, at time: Timestamp, _ bounds: StreamBounds) async throws(LogError) -> Int64 {
        try await read(at: bounds.oldest.offset) { file throws(SQLiteError) in
            try file.offset(in: stream, at: time, from: bounds.oldest.offset, end: bounds.next.offset)
        }
    }

    /// Where a trim by `policy` ends: the offset before which everything goes.
    func trimTarget(
        _ stream: Stream, _ policy: TrimPolicy, _ bounds: StreamBounds, fileBytes: Int64
    ) async throws(LogError) -> Int64 {
        try await read(at: bounds.oldest.offset) { file throws(SQLiteError) in
            let (oldest, next) = (bounds.oldest.offset, bounds.next.offset)
            var target = oldest
            if let count = policy.recordsMax { target = max(target, next - max(count, 0)) }
            if let time = policy.appendedBefore {
                target = max(target, try file.offset(in: stream, at: time, from: oldest, end: next))
            }
            if let bytes = policy.bytesMax, fileBytes > bytes {
                target = max(target, try file.offset(in: stream, after: fileBytes - bytes, from: oldest, end: next))
            }
            return max(oldest, min(target, policy.keepFrom, next))
        }
    }

    func cursors(of stream: Stream) async throws(LogError) -> StreamCursors {
        try await read(at: 0) { file throws(SQLiteError) in try file.cursors(of: stream) }
    }

    func entries(from: String, until: String, limit: Int) async throws(LogError) -> [StateEntry] {
        try await read(at: 0) { file throws(SQLiteError) in try file.entries(from: from, until: until, limit: limit) }
    }

    func traces(_ stream: Stream, at offset: Int64) async throws(LogError) -> [DeliveryTrace] {
        try await read(at: offset) { file throws(SQLiteError) in try file.traces(stream, at: offset) }
    }

    private func opened() throws(SQLiteError) -> ReaderFile {
        if let file { return file }
        let new = try ReaderFile(path)
        file = new
        return new
    }

    private func read<Value: Sendable>(
        at offset: Int64, _ body: @escaping @Sendable (ReaderFile) throws(SQLiteError) -> Value
    ) async throws(LogError) -> Value {
        try await thread.value { () throws(LogError) in
            do throws(SQLiteError) {
                let file = try self.opened()
                return try file.snapshot { () throws(SQLiteError) in try body(file) }
            } catch {
                if !error.leavesConnectionSound { self.file = nil }
                throw error.reading(offset)
            }
        }
    }
}
