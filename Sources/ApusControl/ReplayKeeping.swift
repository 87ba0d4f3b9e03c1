import ApusPorts
import ApusResources
import CloudEvents

/// How long replays that have ended are kept, and which goes where there is no room for another. Pure.
enum ReplayKeeping {
    /// A replay that will not run again by itself.
    struct Ended: Sendable, Equatable {
        var identity: ResourceIdentity
        var endedAt: Timestamp
        /// One that a file brings stays as long as it does: forgotten, it would run again.
        var isOfFile: Bool
    }

    /// Those whose ``Limits/replaysKeptDays`` are over.
    static func expired(_ ended: [Ended], now: Timestamp) -> [ResourceIdentity] {
        let kept = Int64(Limits.replaysKeptDays) * 86_400_000_000_000
        return ended.filter { !$0.isOfFile && now.nanoseconds - $0.endedAt.nanoseconds >= kept }.map(\.identity)
    }

    /// What a broker does with one more replay.
    enum Room: Sendable, Equatable {
        case free
        /// This one goes: of those that have ended, it ended first.
        case instead(of: ResourceIdentity)
        /// None of the others has ended.
        case none
    }

    /// - Parameter count: How many replays the broker has, ended or not.
    static func room(count: Int, ended: [Ended], max: Int = Limits.replaysMax) -> Room {
        guard count >= max else { return .free }
        let removable = ended.filter { !$0.isOfFile }
        let oldest = removable.min { ($0.endedAt, $0.identity.name) < ($1.endedAt, $1.identity.name) }
        return oldest.map { .instead(of: $0.identity) } ?? .none
    }
}
