import ApusResources
import ArgumentParser
import CloudEvents
import Foundation

/// A point of a log as a person writes it, by this machine's clock and zone.
struct PointArgument: ExpressibleByArgument {
    /// As it was written.
    let text: String
    private let read: LogPoint?

    /// Always takes the text, for what is not understood is quoted back with what would be: by ``point(_:)``.
    init?(argument: String) {
        self.init(argument, now: .now, zone: .current)
    }

    init(_ text: String, now: Timestamp, zone: TimeZone) {
        self.text = text
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = zone
        let moment = Date(timeIntervalSince1970: Double(now.nanoseconds / 1_000_000_000))
        let midnight = Int64(calendar.startOfDay(for: moment).timeIntervalSince1970)
        read = LogPoint(text, now: now, midnight: Timestamp(nanoseconds: midnight * 1_000_000_000))
    }

    /// As it was written, for the help of a command.
    var defaultValueDescription: String { text }

    static var hourAgo: PointArgument { PointArgument("1h", now: .now, zone: .current) }

    /// The point, which depends on no clock any more.
    ///
    /// - Parameter flag: What it was given for, e.g. `--from`.
    func point(_ flag: String) throws -> LogPoint {
        guard let read else { throw ValidationError("\(flag): \"\(text)\" is not understood: \(LogPoint.expectation)") }
        return read
    }
}
