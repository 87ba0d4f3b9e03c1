package import CloudEvents

/// A schedule: when the next tick falls due. A pure value.
///
/// Five fields, or six with seconds first, as Knative's PingSource reads them (robfig/cron v3): lists, ranges, steps, names, `?`;
/// where neither of the two day fields is `*`, a day that either names is one. Descriptors: `@yearly @annually @monthly @weekly
/// @daily @midnight @hourly` and `@every DURATION`. A prefix `CRON_TZ=ZONE` or `TZ=ZONE` gives the zone.
///
/// Where clocks change (docs/decisions/0007-cron.md): a schedule whose minute or hour begins with `*` goes by elapsed time, so
/// that an hour that is skipped has no ticks and an hour that comes twice has them twice. Any other keeps to the wall, once: a
/// time that is skipped falls due at the first moment after the gap, a time that comes twice is the first of the two.
package struct Cron: Sendable, Equatable {
    package enum Rule: Sendable, Hashable {
        case fields(CronFields)
        /// Seconds between ticks, 1 or more.
        case every(Int64)
    }

    package let rule: Rule
    package let zone: CronZone

    package init(rule: Rule, zone: CronZone) {
        self.rule = rule
        self.zone = zone
    }

    /// The first tick after `moment`, on a whole second; nil where there is none within ``Cron/yearsLookedAhead`` years.
    package func next(after moment: Timestamp) -> Timestamp? {
        let second = Self.floor(moment.nanoseconds, 1_000_000_000)
        let next: Int64?
        switch rule {
        case .every(let seconds):
            let (sum, overflow) = second.addingReportingOverflow(seconds)
            next = overflow ? nil : sum
        case .fields(let fields):
            next = fields.isByTheWall ? nextByTheWall(fields, after: second) : nextByElapsed(fields, after: second)
        }
        guard let next else { return nil }
        let (nanoseconds, overflow) = next.multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? nil : Timestamp(nanoseconds: nanoseconds)
    }

    /// Ticks from `first`, which is one, up to `now`: how many, and the last of them. Counts no further than `limit`.
    package func ticks(from first: Timestamp, through now: Timestamp, limit: Int) -> (count: Int, last: Timestamp?) {
        guard first <= now else { return (0, nil) }
        if case .every(let seconds) = rule {
            let passed = (now.nanoseconds - first.nanoseconds) / 1_000_000_000 / seconds
            return (Int(min(Int64(limit), passed + 1)), first + .seconds(passed * seconds))
        }
        var count = 1, last = first
        while count < limit, let next = next(after: last), next <= now { (count, last) = (count + 1, next) }
        return (count, last)
    }

    /// A tick as the zone's wall shows it, with its offset and weekday: `2026-03-29T03:00:00+02:00  Sun  Europe/Berlin`.
    package func wallText(_ tick: Timestamp) -> String {
        let second = Self.floor(tick.nanoseconds, 1_000_000_000), offset = zone.offset(at: second)
        let wall = Timestamp(nanoseconds: (second + offset) * 1_000_000_000).rfc3339.dropLast()
        let minutes = abs(offset) / 60
        let parts = [minutes / 60, minutes % 60].map { $0 < 10 ? "0\($0)" : "\($0)" }
        let day = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"][zone.civil(at: second).weekday]
        return "\(wall)\(offset < 0 ? "-" : "+")\(parts[0]):\(parts[1])  \(day)  \(zone.name)"
    }

    /// A leap day may be eight years away.
    package static let yearsLookedAhead = 9

    private func nextByTheWall(_ fields: CronFields, after second: Int64) -> Int64? {
        var wall = zone.civil(at: second)
        let limit = wall.date.year + Self.yearsLookedAhead
        while let tick = fields.next(after: wall, yearMax: limit) {
            let due = zone.second(of: tick)
            // In the second of two equal hours the wall shows times that were due in the first.
            if due > second { return due }
            wall = tick
        }
        return nil
    }

    private func nextByElapsed(_ fields: CronFields, after second: Int64) -> Int64? {
        var second = second + 1
        let limit = zone.civil(at: second).date.year + Self.yearsLookedAhead
        while true {
            let offset = zone.offset(at: second)
            let wall = CivilTime(seconds: second + offset)
            let date = wall.date
            guard date.year <= limit else { return nil }
            if !fields.month.contains(date.month) {
                second = jump(to: wall.nextMonth, from: second, wall)
            } else if !fields.isDay(date.day, wall.weekday) {
                second = jump(to: wall.nextMidnight, from: second, wall)
            } else if !fields.hour.contains(wall.secondOfDay / 3600) {
                let next = second + Int64(3600 - wall.secondOfDay % 3600)
                // A change of the clocks on the way may bring another hour: go there by minutes.
                second = zone.offset(at: next) == offset ? next : second + Int64(60 - wall.secondOfDay % 60)
            } else if !fields.minute.contains(wall.secondOfDay / 60 % 60) {
                second += Int64(60 - wall.secondOfDay % 60)
            } else if !fields.second.contains(wall.secondOfDay % 60) {
                second += 1
            } else {
                return second
            }
        }
    }

    /// The moment of a later time on the wall; where that lies back, since clocks went back, the next minute.
    private func jump(to later: CivilTime, from second: Int64, _ wall: CivilTime) -> Int64 {
        let target = zone.second(of: later)
        return target > second ? target : second + Int64(60 - wall.secondOfDay % 60)
    }

    private static func floor(_ value: Int64, _ by: Int64) -> Int64 {
        let quotient = value / by
        return value % by < 0 ? quotient - 1 : quotient
    }
}

/// The six fields of a schedule.
package struct CronFields: Sendable, Hashable {
    let second: CronField
    let minute: CronField
    let hour: CronField
    let day: CronField
    let month: CronField
    let weekday: CronField

    /// Whether it keeps to the wall where clocks change.
    var isByTheWall: Bool { !minute.isWildcard && !hour.isWildcard }

    /// Where one of the day fields is `*`, the other decides; else a day that either names is one.
    func isDay(_ day: Int, _ weekday: Int) -> Bool {
        let both = (self.day.contains(day), self.weekday.contains(weekday))
        return self.day.isStar || self.weekday.isStar ? both.0 && both.1 : both.0 || both.1
    }

    /// The first time after `wall` that the fields name, on a wall whose clock never changes; nil beyond `yearMax`.
    func next(after wall: CivilTime, yearMax: Int) -> CivilTime? {
        var wall = CivilTime(seconds: wall.seconds + 1)
        while true {
            let (year, month, day) = wall.date
            guard year <= yearMax else { return nil }
            if !self.month.contains(month) {
                wall = wall.nextMonth
            } else if isDay(day, wall.weekday), let time = time(from: wall.secondOfDay) {
                return CivilTime(year: year, month: month, day: day, secondOfDay: time)
            } else {
                wall = wall.nextMidnight
            }
        }
    }

    /// The first second of a day at or after `secondOfDay` that the fields name.
    private func time(from secondOfDay: Int) -> Int? {
        let (fromHour, fromMinute) = (secondOfDay / 3600, secondOfDay / 60 % 60)
        guard let firstMinute = minute.next(from: 0), let firstSecond = second.next(from: 0) else { return nil }
        guard let nextHour = hour.next(from: fromHour) else { return nil }
        if nextHour > fromHour { return nextHour * 3600 + firstMinute * 60 + firstSecond }
        if minute.contains(fromMinute), let nextSecond = second.next(from: secondOfDay % 60) {
            return fromHour * 3600 + fromMinute * 60 + nextSecond
        }
        if let nextMinute = minute.next(from: fromMinute + 1) { return fromHour * 3600 + nextMinute * 60 + firstSecond }
        return hour.next(from: fromHour + 1).map { $0 * 3600 + firstMinute * 60 + firstSecond }
    }
}
