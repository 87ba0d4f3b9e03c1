import CloudEvents

/// The value of `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date in any of the three forms that HTTP knows.
enum RetryAfter {
    /// A century: what asks for more asks for never.
    private static let secondsMax: Int64 = 3_155_760_000

    /// How long from `now`; zero for a date that has passed, nil for what cannot be read.
    static func duration(_ value: ArraySlice<UInt8>, now: Timestamp) -> Duration? {
        guard let first = value.first else { return nil }
        if isDigit(first) {
            guard value.allSatisfy(isDigit) else { return nil }
            return .seconds(value.reduce(Int64(0)) { min($0 * 10 + Int64($1 - UInt8(ascii: "0")), secondsMax) })
        }
        guard let date = seconds(httpDate: value, now: now) else { return nil }
        let wait = Duration.seconds(date) - .nanoseconds(now.nanoseconds)
        return min(max(wait, .zero), .seconds(secondsMax))
    }

    /// Seconds since 1970 of an HTTP date (RFC 9110, section 5.6.7): IMF-fixdate, RFC 850 or asctime.
    private static func seconds(httpDate bytes: ArraySlice<UInt8>, now: Timestamp) -> Int64? {
        let separators: [UInt8] = [UInt8(ascii: " "), UInt8(ascii: ","), UInt8(ascii: "-")]
        let words = bytes.split(whereSeparator: separators.contains)
        if words.count == 6, words[5].elementsEqual("GMT".utf8), let written = number(words[3]) {
            let isShort = words[3].count == 2
            guard isShort || words[3].count == 4 else { return nil }
            let year = isShort ? fullYear(written, now: now) : written
            return seconds(year: year, month: words[2], day: words[1], time: words[4])
        }
        guard words.count == 5, words[4].count == 4, let year = number(words[4]) else { return nil }
        return seconds(year: year, month: words[1], day: words[2], time: words[3])
    }

    private static func seconds(
        year: Int64, month: ArraySlice<UInt8>, day: ArraySlice<UInt8>, time: ArraySlice<UInt8>
    ) -> Int64? {
        guard let month = months.firstIndex(where: { month.elementsEqual($0.utf8) }), let day = number(day) else { return nil }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let days = month == 1 && isLeap ? 29 : monthDays[month]
        let clock = time.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard (1...days).contains(day), clock.count == 3, clock.allSatisfy({ $0.count == 2 }),
            let hour = number(clock[0]), let minute = number(clock[1]), let second = number(clock[2]),
            hour < 24, minute < 60, second <= 60
        else { return nil }
        return daysSince1970(year: year, month: Int64(month) + 1, day: day) * 86400 + hour * 3600 + minute * 60 + second
    }

    /// A year of two digits that seems more than 50 years ahead is the last one that ended so (RFC 9110, section 5.6.7).
    private static func fullYear(_ short: Int64, now: Timestamp) -> Int64 {
        let thisYear = 1970 + now.nanoseconds / 31_556_952_000_000_000
        let year = thisYear / 100 * 100 + short
        if year > thisYear + 50 { return year - 100 }
        return year <= thisYear - 50 ? year + 100 : year
    }

    /// Gregorian days, counted in years that begin in March so that the leap day is the last.
    private static func daysSince1970(year: Int64, month: Int64, day: Int64) -> Int64 {
        let marchYear = month <= 2 ? year - 1 : year
        let marchMonth = month <= 2 ? month + 9 : month - 3
        let dayOfYear = (153 * marchMonth + 2) / 5 + day - 1
        return marchYear * 365 + marchYear / 4 - marchYear / 100 + marchYear / 400 + dayOfYear - 719_468
    }

    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    private static let monthDays: [Int64] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

    /// A decimal number of up to four digits.
    private static func number(_ bytes: ArraySlice<UInt8>) -> Int64? {
        guard (1...4).contains(bytes.count), bytes.allSatisfy(isDigit) else { return nil }
        return bytes.reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}
