import ApusPorts
import CloudEvents

/// Which of a broker's replays may run now. Pure.
///
/// At most ``Limits/replaysRunningMax`` run at once. One that runs goes on; of those that wait, the one that was made first is
/// next. A replay that is paused, or that cannot run, holds no place.
struct ReplayQueue: Sendable {
    struct Candidate: Sendable, Equatable {
        var name: String
        var createdAt: Timestamp
        var isRunning: Bool
        /// Neither paused nor cancelled, and everything that it needs is there.
        var wantsToRun: Bool
    }

    /// The names of those that may run.
    let admitted: Set<String>
    /// Of those that want to run and may not, how many have their turn before each.
    let waiting: [String: Int]

    init(_ candidates: [Candidate], max: Int = Limits.replaysRunningMax) {
        let wishes = candidates.filter(\.wantsToRun).sorted { left, right in
            if left.isRunning != right.isRunning { return left.isRunning }
            return (left.createdAt, left.name) < (right.createdAt, right.name)
        }
        admitted = Set(wishes.prefix(max).map(\.name))
        waiting = Dictionary(uniqueKeysWithValues: wishes.dropFirst(max).enumerated().map { ($1.name, $0) })
    }
}
