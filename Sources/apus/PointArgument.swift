import ApusResources
import ArgumentParser
import CloudEvents
import Foundation

/// A point of a log as a person writes it; days begin at midnight where the person is.
struct PointArgument: ExpressibleByArgument {
    var point: LogPoint

    init?(argument: String) {
        let now = WallClock.now()
        let seconds = TimeInterval(now.nanoseconds / 1_000_000_000)
        let midnight = Calendar.current.startOfDay(for: Date(timeIntervalSince1970: seconds)).timeIntervalSince1970
        guard
            let point = LogPoint(argument, now: now, midnight: Timestamp(nanoseconds: Int64(midnight) * 1_000_000_000))
        else { return nil }
        self.point = point
    }

    /// As the node is told it: it does not know the person's clock.
    var text: String { point.text }
}
