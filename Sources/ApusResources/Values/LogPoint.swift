public import CloudEvents

/// A point of a log as a person names it: for `--from`, `--until`, `--since`, and the fields of a Replay.
public enum LogPoint: Sendable, Equatable {
    /// The end of the log, as it is when the point is resolved.
    case latest
    case earliest
    case position(lane: Int32, offset: Int64)
    /// The first event that was appended at or after this moment.
    case time(Timestamp)
}

extension LogPoint {
    /// What can be written, for sentences about what cannot.
    public static let expectation =
        "a position such as 0:1234, a time of RFC 3339, a time ago such as -15m or 2h (s, m, h, d), now, today, yesterday, "
        + "earliest or latest"

    /// Reads a point; nil for anything else.
    ///
    /// - Parameters:
    ///   - now: What `now` and times ago are counted from.
    ///   - midnight: When the day of `now` began, where the person is.
    public init?(_ text: String, now: Timestamp, midnight: Timestamp) {
        switch text {
        case "latest": self = .latest
        case "earliest": self = .earliest
        case "now": self = .time(now)
        case "today": self = .time(midnight)
        case "yesterday": self = .time(Timestamp(nanoseconds: midnight.nanoseconds - 86_400_000_000_000))
        default:
            if let moment = MomentText.moment(text) {
                self = .time(moment)
            } else if let ago = Self.nanosecondsAgo(text) {
                let (moment, overflow) = now.nanoseconds.subtractingReportingOverflow(ago)
                guard !overflow else { return nil }
                self = .time(Timestamp(nanoseconds: moment))
            } else {
                self.init(position: text)
            }
        }
    }

    /// Reads `LANE:OFFSET` or `OFFSET`; nil for anything else.
    public init?(position text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count <= 2, parts.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
            let offset = parts.last.flatMap({ Int64($0) }), let lane = parts.count == 1 ? 0 : Int32(parts[0])
        else { return nil }
        self = .position(lane: lane, offset: offset)
    }

    /// As it is written in a document: a point that depends on nobody's clock.
    public var text: String {
        switch self {
        case .latest: "latest"
        case .earliest: "earliest"
        case .position(let lane, let offset): "\(lane):\(offset)"
        case .time(let moment): moment.rfc3339
        }
    }

    /// `-15m`, `2h`, `1h30m`, `90s`, `7d`: a time ago, with or without the sign.
    private static func nanosecondsAgo(_ text: String) -> Int64? {
        var rest = text.utf8[...]
        if rest.first == UInt8(ascii: "-") { rest = rest.dropFirst() }
        guard !rest.isEmpty else { return nil }
        var total: Int64 = 0
        while !rest.isEmpty {
            let digits = rest.prefix { (0x30...0x39).contains($0) }
            rest = rest.dropFirst(digits.count)
            guard let count = Int64(String(Substring(digits))), let unit = rest.popFirst().flatMap(seconds) else { return nil }
            let (part, tooMuch) = count.multipliedReportingOverflow(by: unit * 1_000_000_000)
            let (sum, overflow) = total.addingReportingOverflow(part)
            guard !tooMuch, !overflow else { return nil }
            total = sum
        }
        return total
    }

    private static func seconds(_ unit: UInt8) -> Int64? {
        switch unit {
        case UInt8(ascii: "s"): 1
        case UInt8(ascii: "m"): 60
        case UInt8(ascii: "h"): 3600
        case UInt8(ascii: "d"): 86_400
        default: nil
        }
    }
}
