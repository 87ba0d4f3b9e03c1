import CloudEvents
import Specs
import Testing

@testable import SourcePing

private struct CronVector: Decodable, Sendable {
    var name: String
    var cron: String
    var zone: String?
    var from: String?
    var next: [String]?
    var error: String?
}

@Suite struct `A schedule` {
    private func moment(_ text: String) throws -> Timestamp { try #require(Timestamp(rfc3339: text), "\(text)") }

    @Test func `keeps to its vectors`() throws {
        for vector in Specs.vectors("sources/cron.yaml", as: CronVector.self) {
            do {
                let cron = try Cron(vector.cron, zone: vector.zone)
                guard let expected = vector.next, let from = vector.from else {
                    Issue.record("\(vector.name): it was read, and should be refused: \(vector.error ?? "")")
                    continue
                }
                var found: [String] = []
                var last = try moment(from)
                for _ in 0..<max(1, expected.count) {
                    guard let next = cron.next(after: last) else { break }
                    found.append(next.rfc3339)
                    last = next
                }
                #expect(found == expected, "\(vector.name)")
            } catch let error as CronError {
                #expect(error.message == vector.error, "\(vector.name)")
            }
        }
    }

    @Test(arguments: ["* * * * *", "*/7 * * * * *", "0,30 1-3 * * *", "30 2 * * *", "0 0 * * SUN", "15 0 1,31 * *"])
    func `goes forward, through two years of any zone`(schedule: String) throws {
        for zone in ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Beirut", "UTC"] {
            let cron = try Cron(schedule, zone: zone)
            var last = try moment("2026-01-01T00:00:00Z")
            let end = try moment("2028-01-01T00:00:00Z")
            var turn: Int64 = 0
            while last < end {
                let next = try #require(cron.next(after: last))
                try #require(next > last && next.nanoseconds % 1_000_000_000 == 0, "\(schedule) \(zone) \(last.rfc3339)")
                // Far steps between, so that two years are not walked by seconds.
                turn += 1
                last = next + .seconds(turn % 5 == 0 ? 86_400 * 3 - 61 : 0)
            }
        }
    }

    /// What falls due does not depend on where one begins to look.
    @Test func `is the same from every moment before a tick`() throws {
        for schedule in ["30 2 * * *", "*/30 * * * *", "0 2,3 * * *"] {
            let cron = try Cron(schedule, zone: "Europe/Berlin")
            for day in ["2026-03-28T23:00:00Z", "2026-10-24T22:00:00Z"] {
                var ticks: [Timestamp] = []
                var last = try moment(day)
                for _ in 0..<20 {
                    guard let next = cron.next(after: last) else { break }
                    ticks.append(next)
                    last = next
                }
                for second in stride(from: Int64(0), to: 8 * 3600, by: 97) {
                    let from = try moment(day) + .seconds(second)
                    #expect(cron.next(after: from) == ticks.first { $0 > from }, "\(schedule) from \(from.rfc3339)")
                }
            }
        }
    }

    @Test func `counts the ticks of a stretch`() throws {
        let first = try moment("2026-01-01T00:00:00Z")
        for schedule in ["* * * * *", "@every 1m"] {
            let cron = try Cron(schedule)
            #expect(cron.ticks(from: first, through: first, limit: 100).count == 1)
            #expect(cron.ticks(from: first, through: first + .seconds(-1), limit: 100).count == 0)
            let (count, last) = cron.ticks(from: first, through: first + .seconds(601), limit: 100)
            #expect(count == 11)
            #expect(last == first + .seconds(600))
            #expect(cron.ticks(from: first, through: first + .seconds(86_400), limit: 100).count == 100)
        }
    }

    @Test func `shows a tick as the wall does`() throws {
        let cron = try Cron("30 2 * * *", zone: "Europe/Berlin")
        let tick = try #require(cron.next(after: try moment("2026-03-28T12:00:00Z")))
        #expect(cron.wallText(tick) == "2026-03-29T03:00:00+02:00  Sun  Europe/Berlin")
        let west = try Cron("0 0 * * *", zone: "America/St_Johns")
        #expect(try west.wallText(moment("2026-01-01T03:30:00Z")) == "2026-01-01T00:00:00-03:30  Thu  America/St_Johns")
    }

    @Test func `beyond what a moment can hold is none`() throws {
        #expect(try Cron("@every 1h").next(after: Timestamp(nanoseconds: .max)) == nil)
        #expect(try Cron("* * * * *").next(after: Timestamp(nanoseconds: .max)) == nil)
        #expect(try Cron("30 2 * * *").next(after: Timestamp(nanoseconds: .max)) == nil)
    }
}

@Suite struct `A time on the wall` {
    @Test func `is a date and back, over four hundred years`() {
        var day = CivilTime(year: 1800, month: 1, day: 1)
        var (year, month, date) = (1800, 1, 1)
        while year < 2200 {
            #expect(day.date == (year, month, date))
            #expect(CivilTime(year: year, month: month, day: date) == day)
            let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            let days = month == 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
            if date < days {
                date += 1
            } else {
                #expect(day.nextMonth == day.nextMidnight)
                (month, date) = month == 12 ? (1, 1) : (month + 1, 1)
                if month == 1 { year += 1 }
            }
            day = day.nextMidnight
        }
    }

    @Test func `knows its weekday, before 1970 too`() {
        #expect(CivilTime(year: 1970, month: 1, day: 1).weekday == 4)
        #expect(CivilTime(year: 1969, month: 12, day: 28).weekday == 0)
        #expect(CivilTime(year: 1900, month: 1, day: 1).weekday == 1)
        #expect(CivilTime(year: 2026, month: 11, day: 21).weekday == 6)
    }
}
