import ApusPorts

/// How much a replay does in each ``Limits/replayTickMilliseconds``, so that live traffic keeps its own.
///
/// While events come in and the executor is late, which says that it has more to do than it can, the share is halved; while it
/// is in time, the share grows again. Where nothing comes in a replay is as fast as it can be. Pure.
struct ReplayCourtesy {
    /// Records that may be looked at until the next tick.
    private(set) var allowance = Int.max
    private var share = Self.shareMax
    /// The end of the stream of events at the last tick.
    private var end: Int64?

    /// A share that nothing reaches between two ticks.
    private static let shareMax = 4096

    /// A tick came, so much `late`.
    mutating func ticked(late: Duration, end: Int64) {
        let isLive = self.end.map { $0 != end } ?? false
        self.end = end
        if isLive, late > .milliseconds(Limits.replayLateMilliseconds) {
            share = max(1, share / 2)
        } else {
            share = min(Self.shareMax, share + max(1, share / 8))
        }
        allowance = isLive ? share : .max
    }

    mutating func spent(_ records: Int) {
        if allowance != .max { allowance = max(0, allowance - records) }
    }
}
