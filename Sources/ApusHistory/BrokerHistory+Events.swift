package import ApusPorts
import CloudEvents
import EventFilters

extension BrokerHistory {
    /// A page of records. One request looks at no more than ``Limits/scannedRecordsMax`` records and
    /// ``Limits/scannedBytesMax`` bytes, and ends its page at ``Limits/listedBytesMax``.
    package func page(_ query: EventQuery) async throws(HistoryError) -> EventPage {
        guard (1...Limits.listedEventsMax).contains(query.limit) else {
            throw .invalid(field: "limit", message: "limit must be 1 to \(Limits.listedEventsMax), was \(query.limit).")
        }
        var walk = EventWalk(
            range: try await range(of: query), order: query.order, filter: query.filter, recordsMax: query.limit)
        do throws(LogError) {
            switch query.order {
            case .oldest: try await walk.forwards(log, query.stream)
            case .newest: try await walk.backwards(log, query.stream)
            }
        } catch {
            throw HistoryError(error)
        }
        return EventPage(
            records: walk.records, cursor: walk.rest.isEmpty ? nil : EventCursor(query.order, walk.rest).text,
            bounds: log.bounds(of: query.stream), scanned: walk.scanned, damaged: walk.damaged)
    }

    /// Counts what matches, a part at a time: ``Limits/scannedRecordsMax`` bounds each, and the cursor begins the next.
    ///
    /// - Parameter sampleMax: How many of those that match are given back; `query.limit` and `query.order` are not looked at.
    package func count(_ query: EventQuery, sampleMax: Int) async throws(HistoryError) -> EventCount {
        var query = query
        query.order = .oldest
        let range = try await range(of: query)
        var walk = EventWalk(range: range, order: .oldest, filter: query.filter, recordsMax: sampleMax)
        walk.keepsNewest = true
        do throws(LogError) {
            try await walk.forwards(log, query.stream)
        } catch {
            throw HistoryError(error)
        }
        return EventCount(
            matched: walk.matched, scanned: walk.scanned, damaged: walk.damaged.count, sample: walk.records,
            from: Position(offset: range.lowerBound), until: Position(offset: range.upperBound),
            cursor: walk.rest.isEmpty ? nil : EventCursor(.oldest, walk.rest).text)
    }

    /// What stands at a position of a stream.
    package func record(at position: Position, in stream: Stream = .events) async throws(HistoryError) -> RecordAnswer {
        try checkLane(position.lane, field: "position")
        let bounds = log.bounds(of: stream)
        guard position.offset < bounds.next.offset else { return .ahead(end: bounds.next) }
        guard position.offset >= bounds.oldest.offset else { return .trimmed(oldest: bounds.oldest) }
        do throws(LogError) {
            guard let record = try await log.read(stream, at: [position.offset]).first else {
                return .trimmed(oldest: log.bounds(of: stream).oldest)
            }
            return .found(record)
        } catch {
            switch error {
            case .corrupt(_, let detail): return .damaged(detail: detail)
            case .trimmed(let oldest): return .trimmed(oldest: oldest)
            default: throw .log(error)
            }
        }
    }

    /// Where events with this id stand, ascending; the newest `limit` of them.
    package func positions(ofID id: String, limit: Int) async throws(HistoryError) -> [Position] {
        do throws(LogError) {
            return try await log.positions(ofID: id, limit: limit)
        } catch {
            throw HistoryError(error)
        }
    }

    /// The newest events with an id, the newest first, until their bytes reach ``Limits/listedBytesMax``; and where the others of
    /// `limit` stand. Whoever sends chooses the ids: all of them may be the same.
    package func events(
        withID id: String, limit: Int
    ) async throws(HistoryError) -> (records: [LogRecord], others: [Position]) {
        var positions = try await positions(ofID: id, limit: limit), records: [LogRecord] = [], bytes = 0
        while bytes < Limits.listedBytesMax, let newest = positions.popLast() {
            // One that is trimmed by now, or damaged, is left out.
            guard case .found(let record) = try await record(at: newest) else { continue }
            records.append(record)
            bytes += record.event.sizeBytes
        }
        return (records, positions.reversed())
    }

    /// The range that is still to be looked at: the cursor's, or what the points name.
    private func range(of query: EventQuery) async throws(HistoryError) -> Range<Int64> {
        guard let text = query.cursor else { return try await range(query.from, query.until, in: query.stream) }
        let cursor = try EventCursor(text, order: query.order), bounds = log.bounds(of: query.stream)
        guard cursor.rest.upperBound <= bounds.next.offset else { throw .ahead(field: "cursor", end: bounds.next) }
        switch query.order {
        case .oldest:
            guard cursor.rest.lowerBound >= bounds.oldest.offset else { throw .trimmed(field: "cursor", oldest: bounds.oldest) }
            return cursor.rest
        case .newest:
            // Backwards, a trim takes from the far end: what is left is shorter, and nothing is passed over.
            guard cursor.rest.upperBound > bounds.oldest.offset else { throw .trimmed(field: "cursor", oldest: bounds.oldest) }
            return max(cursor.rest.lowerBound, bounds.oldest.offset)..<cursor.rest.upperBound
        }
    }
}
