package import ApusPorts
package import ApusResources
import CloudEvents
package import EventFilters

/// Follows a stream from a point on, page by page: every record once and in order, and what is no longer there is said.
package struct EventTail: Sendable {
    package enum Item: Sendable, Equatable {
        case record(LogRecord)
        /// Records were trimmed before they could be read; it goes on at `to`.
        case gap(from: Int64, to: Int64)
        case damaged(Position, detail: String)
    }

    /// The first offset that was not looked at.
    package private(set) var next: Int64
    private let log: any EventLog
    private let stream: Stream
    private let filter: CompiledFilter

    /// Begins at a point. One that is trimmed is refused.
    package init(
        _ history: BrokerHistory, from: LogPoint, filter: CompiledFilter, stream: Stream = .events
    ) async throws(HistoryError) {
        next = try await history.offset(of: from, in: stream, field: "from")
        let end = history.bounds(of: stream).next
        guard next <= end.offset else { throw .ahead(field: "from", end: end) }
        log = history.log
        self.stream = stream
        self.filter = filter
    }

    /// Goes on at an offset that a reader of this stream came to. Where that is trimmed, the first page says so.
    package init(
        _ history: BrokerHistory, resumingAt offset: Int64, filter: CompiledFilter, stream: Stream = .events
    ) throws(HistoryError) {
        let end = history.bounds(of: stream).next
        guard offset <= end.offset else {
            throw .invalid(
                field: "Last-Event-ID",
                message: "Last-Event-ID is beyond the log, which ends before \(end): it comes from another log than this.")
        }
        next = offset
        log = history.log
        self.stream = stream
        self.filter = filter
    }

    /// A page of what stands at ``next`` and matches. `isCaughtUp` where nothing stands there; a page without items that is not
    /// caught up holds records that do not match.
    package mutating func read() async throws(LogError) -> (items: [Item], isCaughtUp: Bool) {
        do throws(LogError) {
            let page = try await log.stretch(stream, next..<next + Int64(Limits.tailPageRecordsMax))
            guard page.next > next else { return ([], true) }
            next = page.next
            if let position = page.damaged { return ([.damaged(position, detail: "its bytes are damaged")], false) }
            let matching = page.records.filter { filter.matches($0.event.attributes) }
            return (matching.map { .record($0) }, false)
        } catch {
            guard case .trimmed(let oldest) = error, oldest.offset > next else { throw error }
            defer { next = oldest.offset }
            return ([.gap(from: next, to: oldest.offset)], false)
        }
    }
}
