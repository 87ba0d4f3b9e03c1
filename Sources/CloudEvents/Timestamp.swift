/// A moment in UTC with nanosecond resolution: nanoseconds since 1970-01-01T00:00:00Z.
///
/// Holds years 1678 to 2261. An event's own `time` attribute stays text (``AttributeValue/timestamp(_:)``).
public struct Timestamp: Sendable, Hashable, Comparable {
    public var nanoseconds: Int64

    @inlinable
    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    @inlinable
    public static func < (left: Timestamp, right: Timestamp) -> Bool { left.nanoseconds < right.nanoseconds }
}

extension Timestamp {
    private static let nanosecondsPerSecond: Int64 = 1_000_000_000

    /// Reads an RFC 3339 timestamp, strictly: real days, seconds and an offset, `T`, `t`, `Z` and `z`, any number of digits
    /// after the point (those beyond nanoseconds are cut off). A leap second is the second after it, as POSIX counts.
    ///
    /// nil for anything else, and for years that nanoseconds in 64 bits do not reach.
    public init?(rfc3339 text: String) {
        guard let moment = RFC3339(Array(text.utf8).span) else { return nil }
        // Before 1970 the fraction counts towards the positive, so the product alone may leave the range where the sum does not.
        let borrow: Int64 = moment.seconds < 0 && moment.nanoseconds > 0 ? 1 : 0
        let (whole, overflow) = (moment.seconds + borrow).multipliedReportingOverflow(by: Self.nanosecondsPerSecond)
        guard !overflow else { return nil }
        let (sum, beyond) = whole.addingReportingOverflow(moment.nanoseconds - borrow * Self.nanosecondsPerSecond)
        guard !beyond else { return nil }
        self.init(nanoseconds: sum)
    }

    /// The moment in RFC 3339, in UTC, with as many digits after the point as it needs.
    public var rfc3339: String {
        var seconds = nanoseconds / Self.nanosecondsPerSecond
        var fraction = nanoseconds % Self.nanosecondsPerSecond
        if fraction < 0 {
            fraction += Self.nanosecondsPerSecond
            seconds -= 1
        }
        return RFC3339(seconds: seconds, nanoseconds: fraction).text
    }

    /// The moment that is `duration` later, held at the ends of the range.
    public static func + (moment: Timestamp, duration: Duration) -> Timestamp {
        let (seconds, attoseconds) = duration.components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: nanosecondsPerSecond)
        let end = Timestamp(nanoseconds: seconds < 0 || attoseconds < 0 ? .min : .max)
        guard !overflow else { return end }
        let (added, beyond) = whole.addingReportingOverflow(attoseconds / nanosecondsPerSecond)
        guard !beyond else { return end }
        let (sum, outside) = moment.nanoseconds.addingReportingOverflow(added)
        return outside ? end : Timestamp(nanoseconds: sum)
    }

    /// How long after `earlier` this moment is; negative where it is before.
    public static func - (later: Timestamp, earlier: Timestamp) -> Duration {
        .nanoseconds(later.nanoseconds) - .nanoseconds(earlier.nanoseconds)
    }

    /// How many seconds after `earlier` this moment is; negative where it is before.
    public func seconds(since earlier: Timestamp) -> Double {
        let difference = (self - earlier).components
        return Double(difference.seconds) + Double(difference.attoseconds) / 1e18
    }
}

/// RFC 3339 section 5.6, both ways, for years 0000 to 9999.
struct RFC3339 {
    /// Seconds since 1970-01-01T00:00:00Z.
    var seconds: Int64
    /// 0 to 999 999 999, counted forwards from `seconds`.
    var nanoseconds: Int64

    init(seconds: Int64, nanoseconds: Int64) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    init?(_ text: Span<UInt8>) {
        guard text.count >= 20, text[4] == 0x2D, text[7] == 0x2D, text[10] | 0x20 == 0x74, text[13] == 0x3A, text[16] == 0x3A,
            let century = Self.pair(text, 0), let year = Self.pair(text, 2), let month = Self.pair(text, 5),
            let day = Self.pair(text, 8), let hour = Self.pair(text, 11), let minute = Self.pair(text, 14),
            let second = Self.pair(text, 17),
            month >= 1, month <= 12, day >= 1, day <= Self.days(inMonth: month, year: century * 100 + year),
            hour <= 23, minute <= 59, second <= 60
        else { return nil }
        var index = 19
        nanoseconds = 0
        if text[index] == 0x2E {
            index += 1
            let start = index
            var weight: Int64 = 100_000_000
            while index < text.count, ASCII.isDigit(text[index]) {
                nanoseconds += Int64(text[index] - 0x30) * weight
                weight /= 10
                index += 1
            }
            guard index > start else { return nil }
        }
        guard let offset = Self.offset(text, from: index) else { return nil }
        let days = Self.days(year: century * 100 + year, month: month, day: day)
        seconds = Int64(days) * 86_400 + Int64(hour * 3600 + minute * 60 + second) - Int64(offset)
        // A leap second is the last of a month in UTC (section 5.7): what comes after it is midnight of a first day.
        if second == 60 {
            let (next, rest) = (seconds / 86_400, seconds % 86_400)
            guard rest == 0, Self.date(days: Int(next)).day == 1 else { return nil }
        }
    }

    /// The offset to UTC in seconds; nil unless `text` ends right after it.
    private static func offset(_ text: Span<UInt8>, from index: Int) -> Int? {
        switch text.count - index {
        case 1: return text[index] | 0x20 == 0x7A ? 0 : nil
        case 6:
            guard text[index] == 0x2B || text[index] == 0x2D, text[index + 3] == 0x3A, let hours = pair(text, index + 1),
                let minutes = pair(text, index + 4), hours <= 23, minutes <= 59
            else { return nil }
            return (hours * 3600 + minutes * 60) * (text[index] == 0x2D ? -1 : 1)
        default: return nil
        }
    }

    private static func pair(_ text: Span<UInt8>, _ index: Int) -> Int? {
        guard ASCII.isDigit(text[index]), ASCII.isDigit(text[index + 1]) else { return nil }
        return Int(text[index] - 0x30) * 10 + Int(text[index + 1] - 0x30)
    }

    private static func days(inMonth month: Int, year: Int) -> Int {
        switch month {
        case 4, 6, 9, 11: 30
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        default: 31
        }
    }

    /// Days since 1970-01-01 of a date in the Gregorian calendar; years start in March, so that the leap day ends them.
    private static func days(year: Int, month: Int, day: Int) -> Int {
        let shifted = year + 400 - (month <= 2 ? 1 : 0)
        let monthFromMarch = (month + 9) % 12
        let dayOfYear = (153 * monthFromMarch + 2) / 5 + day - 1
        return shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - 865_565
    }

    private static func date(days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 865_565
        var year = shifted * 400 / 146_097
        var dayOfYear = shifted - (year * 365 + year / 4 - year / 100 + year / 400)
        while dayOfYear < 0 {
            year -= 1
            dayOfYear = shifted - (year * 365 + year / 4 - year / 100 + year / 400)
        }
        let leap = (year + 1) % 4 == 0 && ((year + 1) % 100 != 0 || (year + 1) % 400 == 0)
        if dayOfYear > (leap ? 365 : 364) {
            dayOfYear -= leap ? 366 : 365
            year += 1
        }
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (year - 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
    }

    var text: String {
        let second = ((seconds % 86_400) + 86_400) % 86_400
        let date = Self.date(days: Int((seconds - second) / 86_400))
        var bytes: [UInt8] = []
        bytes.reserveCapacity(30)
        func append(_ value: Int, digits: Int) {
            var divisor = 1
            for _ in 1..<digits { divisor *= 10 }
            while divisor > 0 {
                bytes.append(UInt8(0x30 + value / divisor % 10))
                divisor /= 10
            }
        }
        append(date.year, digits: 4)
        bytes.append(0x2D)
        append(date.month, digits: 2)
        bytes.append(0x2D)
        append(date.day, digits: 2)
        bytes.append(0x54)
        append(Int(second) / 3600, digits: 2)
        bytes.append(0x3A)
        append(Int(second) / 60 % 60, digits: 2)
        bytes.append(0x3A)
        append(Int(second) % 60, digits: 2)
        if nanoseconds > 0 {
            bytes.append(0x2E)
            append(Int(nanoseconds), digits: 9)
            while bytes.last == 0x30 { bytes.removeLast() }
        }
        bytes.append(0x5A)
        return String(decoding: bytes, as: UTF8.self)
    }
}
