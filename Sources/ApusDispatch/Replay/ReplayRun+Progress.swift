package import ApusPorts
import ApusResources
package import CloudEvents
import Synchronization

// What others ask of a replay.
extension ReplayRun {
    /// How far it is. It counts as completed once that is durable.
    package func progress() -> ReplayProgress {
        var progress = current
        if progress.state == .completed, durable?.state != .completed {
            progress.state = .running
            progress.endedAt = nil
        }
        if storeError != nil { progress.message = storeError }
        if progress.message == nil, progress.state == .running || progress.state == .paused {
            progress.message = readError ?? waiting ?? retryNote
        }
        return progress
    }

    /// What retention must leave of `stream` for it; nil where it needs nothing. One that failed needs what it would go on with.
    package func keepFrom(_ stream: Stream) -> Int64? {
        guard stream == plan.stream, !shown.isOver, !shown.isBroken else { return nil }
        return lanes.filter { !$0.isGone }.map(\.pin).min()
    }

    /// Whether this is a redrive that is still to come to this dead letter, or has it open.
    package func holds(_ record: LogRecord) -> Bool {
        guard plan.isRedrive, !shown.isOver, !shown.isBroken, selection.choice(record, nil) == .taken else { return false }
        let offset = record.position.offset
        return lanes.contains { lane in
            !lane.isGone && selection.wants(record, lane.plan)
                && (offset >= lane.next && offset < shown.until || lane.open.contains(offset))
        }
    }

    /// The first of `records` that it ``holds(_:)``.
    package func held(of records: [LogRecord]) -> LogRecord? { records.first { holds($0) } }

    /// As it stands, with the place of the reader that is furthest behind.
    var current: ReplayProgress {
        var progress = shown
        if progress.state == .completed {
            progress.next = progress.until
        } else if let next = lanes.filter({ !$0.isGone }).map({ $0.open.first ?? $0.next }).min() {
            progress.next = next
        }
        return progress
    }

    private var waiting: String? {
        let reasons = lanes.filter { !$0.isGone && !$0.isThrough(shown.until) }.compactMap(\.waitsFor)
        guard let first = reasons.first else { return nil }
        let others = reasons.count > 1 ? " (and \(reasons.count - 1) more)" : ""
        return "\(first): it waits\(others)."
    }

    // MARK: What is kept

    /// The progress of a replay that does not run in this process: one that is over, or is not started yet. nil where nothing is
    /// kept under that name.
    package static func stored(_ name: String, in cursors: any CursorStore) async throws(LogError) -> ReplayProgress? {
        let key = StateKey.replay(name)
        let entries = try await cursors.entries(from: key, until: StateKey.end(of: StateKey.replays), limit: 1)
        guard let entry = entries.first, entry.key.utf8.elementsEqual(key.utf8) else { return nil }
        return entry.value.flatMap { ReplayProgress($0) }
    }

    /// Writes down what a replay is of that cannot begin yet: its bounds are found once (promise 19).
    package static func reserve(
        _ name: String, uid: String, from: Int64, until: Int64, at moment: Timestamp, in cursors: any CursorStore
    ) async throws(LogError) {
        let progress = ReplayProgress(uid: uid, from: from, until: until, startedAt: moment)
        var change = CursorChange(stream: .dead)
        change.entries = [StateEntry(key: StateKey.replay(name), value: progress.value)]
        try await cursors.commit(change)
    }

    /// Forgets what is kept of a replay that does not run: its entry, and the rows of its readers.
    package static func forget(_ name: String, in cursors: any CursorStore) async throws(LogError) {
        for stream in Stream.allCases {
            var change = CursorChange(stream: stream)
            change.remove = try await cursors.load(stream).readers.keys.filter { isReader($0, of: name) }.sorted()
            if stream == Stream.allCases.last { change.entries = [StateEntry(key: StateKey.replay(name), value: nil)] }
            if !change.isEmpty { try await cursors.commit(change) }
        }
    }

    static func isReader(_ reader: ReaderName, of name: String) -> Bool {
        let own = ReaderName.replay(name)
        return reader.utf8.elementsEqual(own.utf8) || reader.utf8.starts(with: "\(own)/".utf8)
    }
}

extension CursorStore {
    /// Makes a change durable, and returns when it is.
    func commit(_ change: CursorChange) async throws(LogError) {
        let result = await withCheckedContinuation { done in
            commit(change, receiver: CommitWaiter(done), token: 0)
        }
        _ = try result.get()
    }
}

/// Hands one outcome to whoever waits for it.
private final class CommitWaiter: AppendReceiver {
    private let done: Mutex<CheckedContinuation<Result<Position, LogError>, Never>?>

    init(_ done: CheckedContinuation<Result<Position, LogError>, Never>) { self.done = Mutex(done) }

    func appended(_ outcomes: [AppendOutcome]) {
        guard let result = outcomes.last?.result else { return }
        done.withLock { done in
            done?.resume(returning: result)
            done = nil
        }
    }
}
