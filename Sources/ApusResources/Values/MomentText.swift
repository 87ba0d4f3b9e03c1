public import CloudEvents

/// Moments as Kubernetes writes them: RFC 3339.
public enum MomentText {
    /// In UTC with whole seconds, e.g. `2026-11-21T10:30:00Z`.
    public static func seconds(_ moment: Timestamp) -> String {
        let seconds = floorDivide(moment.nanoseconds, 1_000_000_000)
        let days = floorDivide(seconds, 86_400)
        let second = seconds - days * 86_400
        let (year, month, day) = civil(fromDays: days)
        let time = "\(pad(second / 3600)):\(pad(second / 60 % 60)):\(pad(second % 60))"
        return "\(year < 1000 ? "0" : "")\(year)-\(pad(month))-\(pad(day))T\(time)Z"
    }

    /// Reads RFC 3339 with any offset and fraction (finer than a nanosecond is cut off); nil for anything else, and for a year
    /// that ``Timestamp`` cannot hold. A leap second is read as the second after it.
    public static func moment(_ text: String) -> Timestamp? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"),
            bytes[10] | 0x20 == UInt8(ascii: "t"), bytes[13] == UInt8(ascii: ":"), bytes[16] == UInt8(ascii: ":"),
            let year = number(bytes[0..<4]), let month = number(bytes[5..<7]), let day = number(bytes[8..<10]),
            let hour = number(bytes[11..<13]), let minute = number(bytes[14..<16]), let second = number(bytes[17..<19]),
            (1678...2261).contains(year), (1...12).contains(month), day >= 1, day <= daysIn(month, year), hour < 24,
            minute < 60, second <= 60
        else { return nil }
        var index = 19
        var nanoseconds: Int64 = 0
        if bytes[index] == UInt8(ascii: ".") {
            let start = index + 1
            index = bytes[start...].firstIndex { !isDigit($0) } ?? bytes.count
            guard index > start, let value = number(bytes[start..<min(index, start + 9)]) else { return nil }
            nanoseconds = (min(index - start, 9)..<9).reduce(value) { total, _ in total * 10 }
        }
        guard let offset = offsetSeconds(bytes[index...]) else { return nil }
        let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset
        return Timestamp(nanoseconds: seconds * 1_000_000_000 + nanoseconds)
    }

    private static func offsetSeconds(_ bytes: ArraySlice<UInt8>) -> Int64? {
        guard let sign = bytes.first else { return nil }
        if sign | 0x20 == UInt8(ascii: "z") { return bytes.count == 1 ? 0 : nil }
        let start = bytes.startIndex
        guard bytes.count == 6, bytes[start + 3] == UInt8(ascii: ":"), sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"),
            let hour = number(bytes[start + 1..<start + 3]), let minute = number(bytes[start + 4..<start + 6]), hour < 24,
            minute < 60
        else { return nil }
        return (sign == UInt8(ascii: "-") ? -1 : 1) * (hour * 3600 + minute * 60)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

    private static func number(_ bytes: ArraySlice<UInt8>) -> Int64? {
        guard !bytes.isEmpty, bytes.allSatisfy(isDigit) else { return nil }
        return bytes.reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
    }

    private static func pad(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }

    private static func daysIn(_ month: Int64, _ year: Int64) -> Int64 {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        return month == 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
    }

    private static func floorDivide(_ value: Int64, _ by: Int64) -> Int64 {
        let quotient = value / by
        return value % by < 0 ? quotient - 1 : quotient
    }

    /// Days since 1970-01-01 in the Gregorian calendar, counted over years that begin in March, so that a leap day is the last.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let monthFromMarch = (month + 9) % 12
        let dayOfYear = (153 * monthFromMarch + 2) / 5 + day - 1
        return shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - 719_468
    }

    private static func civil(fromDays count: Int64) -> (year: Int64, month: Int64, day: Int64) {
        // Never too late: the loop goes forward.
        var year = 1970 + floorDivide(count, count < 0 ? 365 : 366)
        while days(year + 1, 1, 1) <= count { year += 1 }
        var month: Int64 = 1
        while month < 12, days(year, month + 1, 1) <= count { month += 1 }
        return (year, month, count - days(year, month, 1) + 1)
    }
}
