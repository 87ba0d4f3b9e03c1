internal import CloudEvents

extension EventLog {
    /// Hands the records of `range` to `body`, in order and page by page, until it says false or the range is through.
    ///
    /// Damaged records are passed over and counted. Fails with ``LogError/trimmed(oldest:)`` where the range begins before the
    /// oldest record, or is overtaken by a trim.
    public nonisolated(nonsending) func scan(
        _ stream: Stream, _ range: Range<Int64>, pageRecords: Int = Limits.readPageRecordsMax, _ body: (LogRecord) -> Bool
    ) async throws(LogError) -> ScanEnd {
        var end = ScanEnd(next: range.lowerBound)
        while end.next < range.upperBound, !Task.isCancelled {
            let page: [LogRecord]
            do throws(LogError) {
                page = try await read(stream, from: end.next, limit: ReadLimit(records: pageRecords))
            } catch {
                guard case .corrupt(let position, _) = error, position.offset >= end.next else { throw error }
                end.damaged += 1
                end.next = position.offset + 1
                continue
            }
            guard !page.isEmpty else { break }
            for record in page {
                guard record.position.offset < range.upperBound else {
                    end.next = range.upperBound
                    return end
                }
                end.next = record.position.offset + 1
                end.scanned += 1
                guard body(record) else { return end }
            }
        }
        return end
    }

    /// Where records of `stream` carry this event id, ascending; the newest `limit` of them. The default looks at all of them.
    public func positions(ofID id: String, limit: Int) async throws(LogError) -> [Position] {
        let bounds = bounds(of: .events)
        var found: [Position] = []
        _ = try await scan(.events, bounds.oldest.offset..<bounds.next.offset) { record in
            if record.event.attributes.text(of: "id")?.utf8.elementsEqual(id.utf8) == true { found.append(record.position) }
            return true
        }
        return found.suffix(limit)
    }
}

/// Where a scan ended.
public struct ScanEnd: Sendable, Equatable {
    /// The first offset that was not looked at.
    public var next: Int64
    public var scanned = 0
    /// Records whose bytes are damaged.
    public var damaged = 0

    public init(next: Int64) { self.next = next }
}
