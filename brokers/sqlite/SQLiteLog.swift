package import ApusPorts
package import CloudEvents
internal import Dispatch

/// A broker's log in a file of SQLite's: both streams and the cursors. A batch is durable when its transaction was synced.
///
///     append ─► encode ─► WriteQueue ─► LogWriter ─ commit ─► StreamTail ─► receivers, observers
///                                          │ frames
///     read   ─► LogReader ◄── file ◄── Checkpointer
///     find   ─► IDIndex   ◄── file, <file>.ids
///
/// Bytes, as a size policy counts them, are those of the records that can be read. Pages that a trim frees are used again by
/// later records; the file itself does not shrink.
package final class SQLiteLog: EventLog, CursorStore {
    private let writer: LogWriter

    /// Opens the log in the file at `path`, whose folder is there. Blocks. `idRunEventsMax`: how many events one run of the index
    /// of ids covers, 65 536 at most.
    package init(
        path: String, clock: @escaping @Sendable () -> Timestamp, idRunEventsMax: Int? = nil
    ) throws(LogError) {
        var bounds = IDTail.Bounds()
        if let events = idRunEventsMax { bounds.runEvents = min(max(events, 1), IDRun.eventsMax) }
        writer = try LogWriter(path, clock: clock, bounds)
    }

    deinit { writer.queue.close() }

    package var appendsWithChanges: Bool { true }
    package var queueDepth: QueueDepth { writer.queue.depth }
    package var health: LogError? { writer.health }

    /// Transactions that were committed since the log was opened.
    package var commits: Int { writer.commits }

    package func append(_ batch: AppendBatch) {
        let append = Write.Append(batch: batch, encoded: RecordEncoder.encode(batch.records))
        if !writer.queue.put(.append(append)) { Self.refuse(batch.receiver, batch.token) }
    }

    package func commit(_ change: CursorChange, receiver: any AppendReceiver, token: UInt64) {
        if !writer.queue.put(.change(change, receiver: receiver, token: token)) { Self.refuse(receiver, token) }
    }

    /// The writer's thread is gone, and a receiver is never called before `append` has returned.
    private static func refuse(_ receiver: any AppendReceiver, _ token: UInt64) {
        DispatchQueue.global().async { receiver.appended([AppendOutcome(token: token, result: .failure(.closed))]) }
    }

    package func cached(_ stream: Stream, from offset: Int64, limit: ReadLimit) -> CachedRead {
        writer.tail(of: stream).cached(from: offset, limit: limit)
    }

    package func read(_ stream: Stream, from offset: Int64, limit: ReadLimit) async throws(LogError) -> [LogRecord] {
        try await writer.reader.page(stream, from: offset, limit: limit)
    }

    package func read(_ stream: Stream, at offsets: [Int64]) async throws(LogError) -> [LogRecord] {
        try await writer.reader.records(stream, at: offsets)
    }

    package func position(in stream: Stream, at time: Timestamp) async throws(LogError) -> Position {
        Position(offset: try await writer.reader.offset(in: stream, at: time, bounds(of: stream)))
    }

    package func bounds(of stream: Stream) -> StreamBounds { writer.tail(of: stream).bounds }

    package func observe(_ stream: Stream, _ observer: @escaping @Sendable () -> Void) {
        writer.tail(of: stream).observe(observer)
    }

    package func load(_ stream: Stream) async throws(LogError) -> StreamCursors { try await writer.reader.cursors(of: stream) }

    package func trim(_ stream: Stream, _ policy: TrimPolicy) async throws(LogError) -> TrimResult {
        let tail = writer.tail(of: stream)
        let target = try await writer.reader.trimTarget(stream, policy, tail.bounds, fileBytes: tail.fileBytes)
        var sum = TrimResult(removed: 0, oldest: tail.bounds.oldest)
        var isWhole = sum.oldest.offset >= target
        while !isWhole {
            let step: Result<Write.TrimStep, LogError> = await withCheckedContinuation { continuation in
                let isTaken = writer.queue.put(.trim(stream, to: target) { continuation.resume(returning: $0) })
                if !isTaken { continuation.resume(returning: .failure(.closed)) }
            }
            let done = try step.get()
            sum = TrimResult(removed: sum.removed + done.result.removed, oldest: done.result.oldest)
            isWhole = done.isWhole
        }
        if stream == .events, sum.removed > 0 { writer.ids.trimmed() }
        return sum
    }

    package func entries(from: String, until: String, limit: Int) async throws(LogError) -> [StateEntry] {
        try await writer.reader.entries(from: from, until: until, limit: limit)
    }

    package func traces(_ stream: Stream, at offset: Int64) async throws(LogError) -> [DeliveryTrace] {
        try await writer.reader.traces(stream, at: offset)
    }

    package func positions(ofID id: String, limit: Int) async throws(LogError) -> [Position] {
        try await writer.ids.positions(ofID: id, limit: limit)
    }

    package func close() async {
        writer.queue.close()
        await withCheckedContinuation { continuation in writer.afterEnd { continuation.resume() } }
    }
}
