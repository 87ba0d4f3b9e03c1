package import ApusPorts
package import ApusResources
import CloudEvents

// Where points of a log, as a person names them, stand in it now.
extension BrokerHistory {
    package func bounds(of stream: Stream) -> StreamBounds { log.bounds(of: stream) }

    /// The offset that a point names. A position that is trimmed, or beyond the end, is refused with the field; a time outside
    /// of the log is the nearest end.
    package func offset(of point: LogPoint, in stream: Stream, field: String) async throws(HistoryError) -> Int64 {
        let bounds = log.bounds(of: stream)
        switch point {
        case .earliest: return bounds.oldest.offset
        case .latest: return bounds.next.offset
        case .position(let lane, let offset):
            try checkLane(lane, field: field)
            guard offset >= bounds.oldest.offset else { throw .trimmed(field: field, oldest: bounds.oldest) }
            return offset
        case .time(let moment):
            do throws(LogError) {
                return try await log.position(in: stream, at: moment).offset
            } catch {
                throw HistoryError(error)
            }
        }
    }

    /// What `from` and `until` name together. `until` beyond the end is the end.
    func range(_ from: LogPoint, _ until: LogPoint, in stream: Stream) async throws(HistoryError) -> Range<Int64> {
        if case .time(let first) = from, case .time(let last) = until, first > last { throw Self.crossed(from, until) }
        let lower = try await offset(of: from, in: stream, field: "from")
        let end = log.bounds(of: stream).next
        guard lower <= end.offset else { throw .ahead(field: "from", end: end) }
        let upper = min(try await offset(of: until, in: stream, field: "until"), end.offset)
        guard lower <= upper else { throw Self.crossed(from, until) }
        return lower..<upper
    }

    private static func crossed(_ from: LogPoint, _ until: LogPoint) -> HistoryError {
        .invalid(field: "from", message: "from is \(from.text), which is after until, \(until.text).")
    }

    /// Every backend of this build has one lane.
    func checkLane(_ lane: Int32, field: String) throws(HistoryError) {
        guard lane != 0 else { return }
        throw .invalid(field: field, message: "This broker's log has one lane, 0: there is no lane \(lane).")
    }
}
