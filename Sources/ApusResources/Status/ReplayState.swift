/// How a replay is.
public enum ReplayState: String, Sendable, CaseIterable {
    case pending
    case running
    case paused
    case completed
    case failed
    case cancelled
}
