import ApusPorts

/// The limits that the dispatcher keeps: those of ``Limits``, and smaller ones in tests.
package struct DispatchBounds: Sendable {
    /// Matching events that one trigger may have open.
    package var windowEvents = Limits.windowEventsMax
    package var parkedEvents = Limits.parkedEventsMax
    package var commitMilliseconds = Limits.cursorCommitMilliseconds
    /// Records that one turn looks at before others have theirs.
    package var turnRecords = Limits.dispatchTurnRecordsMax
    package var pageRecords = Limits.readPageRecordsMax
    /// Parked events that are fetched at once.
    package var retryRecords = Limits.retryPageRecordsMax
    /// Traces of one stream that wait for a commit.
    package var pendingTraces = Limits.pendingTracesMax
    /// A wait longer than this is looked at in between, as a wall clock may be set.
    package var timerMax: Duration = .seconds(3600)

    package init() {}
}
