internal import ApusPorts
internal import CloudEvents

/// The records of one stream.
struct MemoryStream {
    private(set) var oldest: Int64 = 0
    private var records: [LogRecord] = []
    private var lastTime = Timestamp(nanoseconds: .min)

    var next: Int64 { oldest + Int64(records.count) }

    /// Gives the offset of the first of them.
    mutating func append(_ events: [EventRecord], now: Timestamp) -> Int64 {
        let first = next
        guard !events.isEmpty else { return first }
        lastTime = max(lastTime, now)
        for event in events { records.append(LogRecord(position: Position(offset: next), appendedAt: lastTime, event: event)) }
        return first
    }

    func record(at offset: Int64) -> LogRecord? { offset >= oldest && offset < next ? records[Int(offset - oldest)] : nil }

    func page(from offset: Int64, _ limit: ReadLimit) -> [LogRecord] {
        guard offset < next else { return [] }
        var page: [LogRecord] = []
        var bytes = 0
        for record in records[Int(offset - oldest)...] {
            bytes += record.event.sizeBytes
            guard page.isEmpty || (page.count < limit.records && bytes <= limit.bytes) else { break }
            page.append(record)
        }
        return page
    }

    /// The first offset that was appended at or after `time`; the end where there is none.
    func offset(at time: Timestamp) -> Int64 {
        var (low, high) = (0, records.count)
        while low < high {
            let middle = (low + high) / 2
            if records[middle].appendedAt < time { low = middle + 1 } else { high = middle }
        }
        return oldest + Int64(low)
    }

    mutating func trim(_ policy: TrimPolicy) -> TrimResult {
        var target = oldest
        if let count = policy.recordsMax { target = max(target, next - max(count, 0)) }
        if let time = policy.appendedBefore { target = max(target, offset(at: time)) }
        if let bytesMax = policy.bytesMax {
            var bytes = records.reduce(0) { $0 + Int64($1.event.sizeBytes) }
            var first = 0
            while bytes > bytesMax, first < records.count {
                bytes -= Int64(records[first].event.sizeBytes)
                first += 1
            }
            target = max(target, oldest + Int64(first))
        }
        let removed = max(0, min(target, policy.keepFrom, next) - oldest)
        records.removeFirst(Int(removed))
        oldest += removed
        return TrimResult(removed: removed, oldest: Position(offset: oldest))
    }
}
