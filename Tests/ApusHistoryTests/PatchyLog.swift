import ApusPorts
import CloudEvents
import Synchronization

/// Another log with records that are damaged, without anything in memory, and trimmed when a reader comes to an offset.
final class PatchyLog: EventLog {
    private let log: any EventLog
    private let damaged: Set<Int64>
    /// Trims everything before the second once a page is read from the first or beyond.
    private let trims: Mutex<[(at: Int64, oldest: Int64)]>

    init(_ log: any EventLog, damaged: Set<Int64> = [], trims: [(at: Int64, oldest: Int64)] = []) {
        self.log = log
        self.damaged = damaged
        self.trims = Mutex(trims)
    }

    func read(_ stream: ApusPorts.Stream, from offset: Int64, limit: ReadLimit) async throws(LogError) -> [LogRecord] {
        if damaged.contains(offset) { throw .corrupt(at: Position(offset: offset), detail: "patched") }
        let due = trims.withLock { trims in
            defer { trims.removeAll { $0.at <= offset } }
            return trims.filter { $0.at <= offset }
        }
        for trim in due { _ = try await log.trim(stream, TrimPolicy(keepFrom: trim.oldest, recordsMax: 0)) }
        let page = try await log.read(stream, from: offset, limit: limit)
        return Array(page.prefix { !damaged.contains($0.position.offset) })
    }

    func read(_ stream: ApusPorts.Stream, at offsets: [Int64]) async throws(LogError) -> [LogRecord] {
        if let bad = offsets.first(where: damaged.contains) { throw .corrupt(at: Position(offset: bad), detail: "patched") }
        return try await log.read(stream, at: offsets)
    }

    func cached(_ stream: ApusPorts.Stream, from offset: Int64, limit: ReadLimit) -> CachedRead {
        offset >= log.bounds(of: stream).next.offset ? .end : .absent
    }

    func append(_ batch: AppendBatch) { log.append(batch) }
    var appendsWithChanges: Bool { log.appendsWithChanges }
    var queueDepth: QueueDepth { log.queueDepth }
    func position(in stream: ApusPorts.Stream, at time: Timestamp) async throws(LogError) -> Position {
        try await log.position(in: stream, at: time)
    }
    func bounds(of stream: ApusPorts.Stream) -> StreamBounds { log.bounds(of: stream) }
    func observe(_ stream: ApusPorts.Stream, _ observer: @escaping @Sendable () -> Void) { log.observe(stream, observer) }
    func trim(_ stream: ApusPorts.Stream, _ policy: TrimPolicy) async throws(LogError) -> TrimResult {
        try await log.trim(stream, policy)
    }
    var health: LogError? { log.health }
    func close() async { await log.close() }
}
