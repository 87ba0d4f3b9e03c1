internal import ApusPorts
internal import CloudEvents
internal import EventFilters

/// A walk through a range of a log, until its page is full or the work of one request is done.
struct EventWalk {
    /// What is still to be looked at.
    private(set) var rest: Range<Int64>
    let order: EventQuery.Order
    let filter: CompiledFilter
    let recordsMax: Int
    /// Whether the newest of those that match are kept and all are counted, instead of ending when the page is full.
    var keepsNewest = false
    /// Those that match, in the order of the walk.
    private(set) var records: [LogRecord] = []
    private(set) var matched = 0
    private(set) var scanned = 0
    private(set) var damaged: [Position] = []
    private var scannedBytes = 0
    private var listedBytes = 0

    init(range: Range<Int64>, order: EventQuery.Order, filter: CompiledFilter, recordsMax: Int) {
        rest = range
        self.order = order
        self.filter = filter
        self.recordsMax = recordsMax
    }

    private var isFull: Bool { !keepsNewest && (records.count >= recordsMax || listedBytes >= Limits.listedBytesMax) }

    private var isDone: Bool {
        rest.isEmpty || isFull || scanned + damaged.count >= Limits.scannedRecordsMax || scannedBytes >= Limits.scannedBytesMax
    }

    /// Fails with ``LogError/trimmed(oldest:)`` where the walk is overtaken by a trim.
    mutating func forwards(_ log: any EventLog, _ stream: Stream) async throws(LogError) {
        while !isDone, !Task.isCancelled {
            let page = try await log.stretch(stream, rest.prefix(Limits.readPageRecordsMax))
            guard page.next > rest.lowerBound else { return rest = rest.upperBound..<rest.upperBound }
            if let position = page.damaged { damaged.append(position) }
            for record in page.records where !isDone {
                rest = record.position.offset + 1..<rest.upperBound
                look(at: record)
            }
            if !isDone { rest = page.next..<rest.upperBound }
        }
    }

    /// Reads stretches from the end of the range: small ones first, for whoever wants the last twenty, and smaller again where
    /// the records are large.
    mutating func backwards(_ log: any EventLog, _ stream: Stream) async throws(LogError) {
        var length: Int64 = 64
        while !isDone, !Task.isCancelled {
            let lower = max(rest.lowerBound, rest.upperBound - length)
            do throws(LogError) {
                guard let stretch = try await log.whole(stream, lower..<rest.upperBound) else {
                    length = max(1, length / 2)
                    continue
                }
                take(stretch, from: lower)
                if length < Limits.readPageRecordsMax, !stretch.isLarge { length *= 2 }
            } catch {
                // A trim takes from the far end only: what is left of the range is read to its new end.
                guard case .trimmed(let oldest) = error, oldest.offset > rest.lowerBound else { throw error }
                rest = min(oldest.offset, rest.upperBound)..<rest.upperBound
            }
        }
    }

    private mutating func take(_ stretch: LogStretch, from lower: Int64) {
        var damagedHere = stretch.damaged[...]
        for record in stretch.records.reversed() where !isDone {
            while let last = damagedHere.last, last > record.position { damaged.append(damagedHere.removeLast()) }
            rest = rest.lowerBound..<record.position.offset
            look(at: record)
        }
        guard !isDone else { return }
        damaged += damagedHere.reversed()
        rest = rest.lowerBound..<lower
    }

    private mutating func look(at record: LogRecord) {
        scanned += 1
        scannedBytes += record.event.sizeBytes
        guard filter.matches(record.event.attributes) else { return }
        matched += 1
        guard recordsMax > 0 else { return }
        records.append(record)
        listedBytes += record.event.sizeBytes
        if keepsNewest, records.count > recordsMax { records.removeFirst() }
    }
}

/// Records that stand one after the other.
struct LogStretch {
    var records: [LogRecord] = []
    /// Among them, ascending.
    var damaged: [Position] = []
    /// Whether its bytes came near the bound of one reading.
    var isLarge = false
}

extension EventLog {
    /// What stands at the begin of a range: a page of records, or one damaged record. From memory where it is there.
    ///
    /// `next` is the first offset that was not looked at; the range's begin where nothing stands there.
    func stretch(
        _ stream: Stream, _ range: Range<Int64>
    ) async throws(LogError) -> (records: [LogRecord], damaged: Position?, next: Int64) {
        let limit = ReadLimit(records: range.count)
        let page: [LogRecord]
        switch cached(stream, from: range.lowerBound, limit: limit) {
        case .records(let records): page = records
        case .end: page = []
        case .absent:
            do throws(LogError) {
                page = try await read(stream, from: range.lowerBound, limit: limit)
            } catch {
                guard case .corrupt(let position, _) = error, position.offset >= range.lowerBound else { throw error }
                return ([], position, position.offset + 1)
            }
        }
        let records =
            page.last.map { $0.position.offset >= range.upperBound } == true
            ? page.filter { $0.position.offset < range.upperBound } : page
        return (records, nil, records.last.map { $0.position.offset + 1 } ?? range.lowerBound)
    }

    /// All that stands in a range; nil where that is more than the bytes of one page, and the range is longer than one record.
    func whole(_ stream: Stream, _ range: Range<Int64>) async throws(LogError) -> LogStretch? {
        var stretch = LogStretch()
        var next = range.lowerBound
        var bytes = 0
        while next < range.upperBound {
            let page = try await self.stretch(stream, next..<range.upperBound)
            guard page.next > next else { break }
            next = page.next
            if let damaged = page.damaged { stretch.damaged.append(damaged) }
            for record in page.records { bytes += record.event.sizeBytes }
            if bytes > Limits.readPageBytesMax, range.count > 1 { return nil }
            stretch.records += page.records
        }
        stretch.isLarge = bytes * 2 > Limits.readPageBytesMax
        return stretch
    }
}

extension Range<Int64> {
    /// The first `count` of them.
    func prefix(_ count: Int) -> Range<Int64> { lowerBound..<Swift.min(upperBound, lowerBound + Int64(count)) }
}
