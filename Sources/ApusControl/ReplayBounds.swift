import ApusPorts
import ApusResources
import CloudEvents

/// The offsets that a replay is of: `from..<until`, found once, when it is made (promise 19).
struct ReplayBounds: Sendable, Equatable {
    var from: Int64
    var until: Int64

    /// Looks times up in the log.
    static func find(
        from: LogPoint, until: LogPoint, in log: any EventLog, _ stream: Stream
    ) async throws(ReplayRefusal) -> ReplayBounds {
        let bounds = log.bounds(of: stream)
        let first = try await offset(of: from, in: log, stream, bounds, field: "spec.from")
        let end = try await offset(of: until, in: log, stream, bounds, field: "spec.until")
        return try check(from: first, until: end, of: bounds)
    }

    /// Refuses a range that the log has not, or has no more. Pure.
    static func check(from: Int64, until: Int64, of bounds: StreamBounds) throws(ReplayRefusal) -> ReplayBounds {
        let oldest = bounds.oldest, next = bounds.next
        guard from >= oldest.offset else {
            throw .invalid(
                "spec.from", "from is \(Position(offset: from)), and the log begins at \(oldest): what was before is trimmed")
        }
        guard from <= next.offset else {
            throw .invalid("spec.from", "from is \(Position(offset: from)), and the log ends at \(next)")
        }
        guard until >= oldest.offset else {
            throw .invalid(
                "spec.until", "until is \(Position(offset: until)), and the log begins at \(oldest): what was before is trimmed")
        }
        guard from <= until else {
            throw .invalid(
                "spec.from", "from is \(Position(offset: from)), which is after until, \(Position(offset: until))")
        }
        return ReplayBounds(from: from, until: min(until, next.offset))
    }

    private static func offset(
        of point: LogPoint, in log: any EventLog, _ stream: Stream, _ bounds: StreamBounds, field: String
    ) async throws(ReplayRefusal) -> Int64 {
        switch point {
        case .earliest: return bounds.oldest.offset
        case .latest: return bounds.next.offset
        case .position(let lane, let offset):
            guard lane == bounds.next.lane else {
                throw .invalid(field, "the log has one lane, \(bounds.next.lane): there is no lane \(lane)")
            }
            return offset
        case .time(let moment):
            do throws(LogError) {
                return min(try await log.position(in: stream, at: moment).offset, bounds.next.offset)
            } catch {
                throw .log(error)
            }
        }
    }
}
