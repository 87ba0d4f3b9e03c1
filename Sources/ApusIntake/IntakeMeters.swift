package import ApusTelemetry

/// The series that the door counts, made once.
package struct IntakeMeters: Sendable {
    private let meters: Meters
    private let refusals: [ErrorCode: Counter]

    package init(_ meters: Meters) {
        self.meters = meters
        refusals = Dictionary(
            uniqueKeysWithValues: ErrorCode.allCases.map { ($0, meters.counter(.refused, [$0.rawValue])) })
    }

    /// Counts one request that was refused, wherever on its way in that happened.
    package func countRefusal(_ code: ErrorCode) { refusals[code]?.add() }

    func door(namespace: String, broker: String) -> DoorMeters {
        let labels = [namespace, broker]
        return DoorMeters(
            received: meters.counter(.received, labels), appended: meters.counter(.appended, labels),
            deduplicated: meters.counter(.deduplicated, labels), appendSeconds: meters.histogram(.appendSeconds, labels))
    }
}

struct DoorMeters: Sendable {
    let received: Counter
    let appended: Counter
    let deduplicated: Counter
    let appendSeconds: Histogram
}
