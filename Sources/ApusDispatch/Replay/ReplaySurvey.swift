package import ApusPorts
package import CloudEvents

/// What a replay would send, counted before it is made (promise 19). Read by the same questions as the replay's own.
package struct ReplaySurvey: Sendable {
    /// Records of the range.
    package var scanned = 0
    /// Deliveries that would be asked for: a record that two triggers want counts twice.
    package var matched = 0
    /// The same by trigger; empty for a replay to a URL.
    package var matchedByTrigger: [String: Int] = [:]
    /// Records that go somewhere.
    package var records = 0
    package var damaged = 0
    /// Dead letters that are meant and cannot be redriven: unreadable ones, and those whose trigger is gone.
    package var leftOut = 0
    /// The first of those that go somewhere.
    package var sample: [LogRecord] = []
    /// When the log took the first and the last of them.
    package var oldest: Timestamp?
    package var newest: Timestamp?
    /// A dead letter that another redrive still holds, and that redrive's name: both must not run at once.
    package var conflict: (position: Position, replay: String)?

    package init() {}

    /// Reads the whole range. `sampleMax` bounds ``sample``; `others` are the redrives that run now; `pause` comes after each
    /// page, for a count that is in no hurry.
    ///
    /// Fails with ``LogError/trimmed(oldest:)`` where the range begins before the oldest record. Ends early, with what it has,
    /// at the first ``conflict``, and where the task is cancelled.
    package static func take(
        _ plan: ReplayPlan, log: any EventLog, cursors: any CursorStore, sampleMax: Int, besides others: [ReplayRun] = [],
        pause: @Sendable () async -> Void = {}
    ) async throws(LogError) -> ReplaySurvey {
        let selection = ReplaySelection(plan)
        let reader = ReplayReader(
            log: log, cursors: cursors, stream: plan.stream, until: plan.until, named: selection.named,
            pageRecords: Limits.readPageRecordsMax)
        let lanes = plan.lanes
        var survey = ReplaySurvey()
        var next = plan.from
        while next < plan.until, !Task.isCancelled {
            let read = try await reader.page(from: next)
            let sent = selection.items(of: read).compactMap { survey.count($0, lanes, selection) }
            survey.sample += sent.prefix(max(0, sampleMax - survey.sample.count))
            survey.conflict = await conflict(sent, others)
            if survey.conflict != nil { break }
            next = max(next + 1, read.covers.upperBound)
            await pause()
        }
        return survey
    }

    /// Gives the record back where it goes somewhere.
    private mutating func count(_ item: ReplayItem, _ lanes: [ReplayLane], _ selection: ReplaySelection) -> LogRecord? {
        switch item.choice {
        case .damaged:
            damaged += 1
            return nil
        case .leftOut: leftOut += 1
        case .taken, .passed: break
        }
        scanned += 1
        guard let record = item.record else { return nil }
        var wanted = 0
        for lane in lanes where selection.wants(record, lane.plan) {
            wanted += 1
            if let trigger = lane.trigger { matchedByTrigger[trigger, default: 0] += 1 }
        }
        guard wanted > 0 else { return nil }
        matched += wanted
        records += 1
        oldest = oldest ?? record.appendedAt
        newest = record.appendedAt
        return record
    }

    private static func conflict(
        _ records: [LogRecord], _ others: [ReplayRun]
    ) async -> (position: Position, replay: String)? {
        for other in others {
            if let record = await other.held(of: records) { return (record.position, other.name) }
        }
        return nil
    }
}
