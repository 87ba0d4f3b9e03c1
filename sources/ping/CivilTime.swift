/// A date and a time of day as a wall shows them, without a zone, to the second.
struct CivilTime: Sendable, Hashable {
    /// Seconds since 1970-01-01T00:00:00 on that wall.
    var seconds: Int64

    init(seconds: Int64) { self.seconds = seconds }

    init(year: Int, month: Int, day: Int, secondOfDay: Int = 0) {
        // Years are counted from March, so that a leap day is the last of its year; eras are of 400 years.
        let shifted = Int64(month <= 2 ? year - 1 : year)
        let era = Self.floor(shifted, 400)
        let yearOfEra = shifted - era * 400
        let dayOfYear = Int64((153 * ((month + 9) % 12) + 2) / 5 + day - 1)
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        seconds = (era * 146_097 + dayOfEra - 719_468) * 86_400 + Int64(secondOfDay)
    }

    private var days: Int64 { Self.floor(seconds, 86_400) }
    var secondOfDay: Int { Int(seconds - days * 86_400) }
    /// Sunday is 0.
    var weekday: Int { Int((days % 7 + 11) % 7) }

    var date: (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = Self.floor(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = Int(monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9)
        let year = Int(yearOfEra + era * 400) + (month <= 2 ? 1 : 0)
        return (year, month, Int(dayOfYear - (153 * monthFromMarch + 2) / 5 + 1))
    }

    /// 00:00:00 of the next day.
    var nextMidnight: CivilTime { CivilTime(seconds: (days + 1) * 86_400) }

    /// 00:00:00 of the first day of the next month.
    var nextMonth: CivilTime {
        let (year, month, _) = date
        return month == 12 ? CivilTime(year: year + 1, month: 1, day: 1) : CivilTime(year: year, month: month + 1, day: 1)
    }

    private static func floor(_ value: Int64, _ by: Int64) -> Int64 {
        let quotient = value / by
        return value % by < 0 ? quotient - 1 : quotient
    }
}
