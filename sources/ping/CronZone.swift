import CloudEvents
private import Foundation

/// A time zone, as far as a schedule needs it: the offset at a moment, and the moment of a time on the wall.
package struct CronZone: Sendable, Equatable {
    /// `Europe/Berlin`, `UTC`.
    package let name: String
    private let zone: TimeZone

    package static let utc = CronZone(name: "UTC", zone: .gmt)

    private init(name: String, zone: TimeZone) {
        self.name = name
        self.zone = zone
    }

    /// A zone of the IANA data base; nil for a name that is not in it.
    package init?(_ name: String) {
        if name == "UTC" || name == "Etc/UTC" {
            self = CronZone.utc
            return
        }
        // Foundation also takes abbreviations and offsets such as `PST` and `GMT+0100`, which are no names of the data base.
        guard TimeZone.knownTimeZoneIdentifiers.contains(name) || name.contains("/"), let zone = TimeZone(identifier: name) else {
            return nil
        }
        self.init(name: name, zone: zone)
    }

    /// Seconds east of Greenwich at a moment, in seconds since 1970.
    func offset(at second: Int64) -> Int64 {
        Int64(zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(second))))
    }

    func civil(at second: Int64) -> CivilTime { CivilTime(seconds: second + offset(at: second)) }

    /// The moment at which the wall shows `civil`: the first of two where clocks go back, and the first moment after the gap
    /// where they go forward over it.
    func second(of civil: CivilTime) -> Int64 {
        // Clocks change at most once within two days.
        let before = offset(at: civil.seconds - 86_400), after = offset(at: civil.seconds + 86_400)
        let candidates = [civil.seconds - before, civil.seconds - after]
        let real = candidates.filter { self.civil(at: $0) == civil }
        if let first = real.min() { return first }
        // In the gap: the change lies between the two readings of the wall.
        var low = min(candidates[0], candidates[1]), high = max(candidates[0], candidates[1])
        while high - low > 1 {
            let middle = low + (high - low) / 2
            if offset(at: middle) == before { low = middle } else { high = middle }
        }
        return high
    }
}
