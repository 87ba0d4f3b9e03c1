import ApusPorts
import CloudEvents

/// Reads a replay's stretch of a stream, page by page, with the marks of dead letters.
struct ReplayReader: Sendable {
    struct Read: Sendable {
        /// The stretch that there is nothing more of than this.
        var covers: Range<Int64>
        var records: [LogRecord] = []
        var marks: [Int64: DeadLetterMark] = [:]
        /// Records that cannot be read.
        var damaged: [Int64] = []
    }

    let log: any EventLog
    let cursors: any CursorStore
    let stream: Stream
    let until: Int64
    /// Ascending; where it is nil, every offset is meant.
    let named: [Int64]?
    let pageRecords: Int
    var pageBytes = Limits.readPageBytesMax

    /// Fails with ``LogError/trimmed(oldest:)`` where `next` stands before the oldest record.
    func page(from next: Int64) async throws(LogError) -> Read {
        var read: Read
        if let named {
            let oldest = log.bounds(of: stream).oldest.offset
            let offsets = Array(named.drop { $0 < next }.prefix { $0 < until }.prefix(pageRecords))
            guard let last = offsets.last else { return Read(covers: next..<until) }
            if offsets[0] < oldest { throw .trimmed(oldest: Position(offset: oldest)) }
            read = try await self.read(offsets)
            read.covers = next..<last + 1
        } else {
            read = try await stretch(from: next)
        }
        if stream == .dead { read.marks = try await marks(of: read.records) }
        return read
    }

    /// Records that are open since before a restart. Those that are gone are left out.
    func records(at offsets: [Int64]) async throws(LogError) -> Read {
        var read = try await read(offsets)
        if stream == .dead { read.marks = try await marks(of: read.records) }
        return read
    }

    private func stretch(from next: Int64) async throws(LogError) -> Read {
        let limit = ReadLimit(records: pageRecords, bytes: pageBytes)
        if case .records(let records) = log.cached(stream, from: next, limit: limit) { return stretch(from: next, records) }
        do throws(LogError) {
            return stretch(from: next, try await log.read(stream, from: next, limit: limit))
        } catch {
            guard case .corrupt(let position, _) = error, position.offset >= next else { throw error }
            if position.offset == next { return Read(covers: next..<next + 1, damaged: [next]) }
            let limit = ReadLimit(records: Int(clamping: position.offset - next), bytes: pageBytes)
            return stretch(from: next, try await log.read(stream, from: next, limit: limit))
        }
    }

    /// Nothing there before the end: the stretch is through.
    private func stretch(from next: Int64, _ records: [LogRecord]) -> Read {
        guard let last = records.last else { return Read(covers: next..<until) }
        return Read(
            covers: next..<min(last.position.offset + 1, until), records: records.filter { $0.position.offset < until })
    }

    private func read(_ offsets: [Int64]) async throws(LogError) -> Read {
        var wanted = offsets
        var read = Read(covers: 0..<0)
        while !wanted.isEmpty {
            do throws(LogError) {
                read.records = try await log.read(stream, at: wanted)
                return read
            } catch {
                guard case .corrupt(let position, _) = error, let index = wanted.firstIndex(of: position.offset) else {
                    throw error
                }
                read.damaged.append(wanted.remove(at: index))
            }
        }
        return read
    }

    private func marks(of letters: [LogRecord]) async throws(LogError) -> [Int64: DeadLetterMark] {
        guard let first = letters.first?.position.offset, let last = letters.last?.position.offset else { return [:] }
        let entries = try await cursors.entries(
            from: StateKey.deadLetter(first), until: StateKey.deadLetter(last + 1), limit: Int(clamping: last - first + 1))
        var marks: [Int64: DeadLetterMark] = [:]
        for entry in entries {
            if let offset = StateKey.deadLetterOffset(entry.key) { marks[offset] = entry.value.flatMap(DeadLetterMark.init) }
        }
        return marks
    }
}

/// Pages that were read a short while ago: readers of one replay go through the log side by side, and each page is read once
/// for all of them.
struct ReplayPages {
    struct Page {
        var covers: Range<Int64>
        var items: [ReplayItem]
        var readAt: Timestamp
    }

    /// As many pages as are worth keeping: readers that are further apart read for themselves.
    static let pagesMax = 4
    private var pages: [Page] = []
    /// How long a page is good for; nil for ever. What became of a dead letter may change while a redrive waits for its pace.
    let goodFor: Duration?

    init(goodFor: Duration?) { self.goodFor = goodFor }

    func page(holding offset: Int64, now: Timestamp) -> Page? {
        pages.last { page in
            page.covers.contains(offset) && goodFor.map { now.elapsed(since: page.readAt) <= $0 } ?? true
        }
    }

    mutating func keep(_ page: Page) {
        if pages.count >= Self.pagesMax { pages.removeFirst() }
        pages.append(page)
    }

    mutating func removeAll() { pages = [] }
}
