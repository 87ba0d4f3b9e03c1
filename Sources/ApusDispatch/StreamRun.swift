import ApusPorts
import CloudEvents
import EventFilters
import Synchronization

/// One stream of the broker with all of its readers. Owned by the dispatcher; touched on its executor only.
final class StreamRun {
    let stream: Stream
    /// Where the shared reader goes on, and what is durable of that.
    var shared: Int64 = 0
    var durableShared: Int64 = 0

    /// By number; nil where a number is free.
    private(set) var readers: [ReaderRun?] = []
    private var freeNumbers: [Int] = []
    private(set) var byName: [ReaderName: ReaderRun] = [:]
    /// Cursors of triggers that are not here: removed ones, which are kept for a while.
    var shelf: [ReaderName: ShelvedCursor] = [:]
    var followers = 0

    private var index: FilterIndex?
    var matches: [Int] = []
    /// Whose filters met an evaluation error when they were last asked, followers or not.
    var failures: [Int] = []

    /// Readers that are behind and may read on.
    var hungry: [ReaderRun] = []
    /// Readers that are behind and stand at the end of the log.
    var atEnd: [ReaderRun] = []
    var isTurnQueued = false
    var isReadingShared = false
    /// Records of the shared reader's page that were read from disk and not looked at.
    var page: ArraySlice<LogRecord> = []
    var readFailures = 0
    var lastError: String?

    var pending = PendingChange()
    var dirty: [ReaderRun] = []
    var flight: CommitFlight?
    var commitFailures = 0
    /// No commit before this moment: the last one failed.
    var commitNotBefore: Timestamp?
    var isCommitTimed = false

    init(_ stream: Stream) { self.stream = stream }

    func reader(_ id: Int) -> ReaderRun {
        guard let reader = readers[id] else { preconditionFailure("a reader stays until its last completion") }
        return reader
    }

    func add(_ name: ReaderName, ledger: CursorLedger, meters: ReaderMeters) -> ReaderRun {
        let id = freeNumbers.popLast() ?? readers.count
        let reader = ReaderRun(id: id, name: name, meters: meters, ledger: ledger)
        if id == readers.count { readers.append(reader) } else { readers[id] = reader }
        byName[name] = reader
        index = nil
        return reader
    }

    /// Takes a reader out of reading; its number is free once nothing knows it any more.
    func detach(_ reader: ReaderRun) {
        if reader.isFollowing { followers -= 1 }
        reader.isRemoved = true
        byName[reader.name] = nil
        dirty.removeAll { $0 === reader }
        hungry.removeAll { $0 === reader }
        atEnd.removeAll { $0 === reader }
        index = nil
        free(reader)
    }

    func free(_ reader: ReaderRun) {
        guard reader.isRemoved, reader.outstanding == 0, readers[reader.id] === reader else { return }
        readers[reader.id] = nil
        freeNumbers.append(reader.id)
    }

    /// A filter came or changed.
    func filtersChanged() { index = nil }

    /// Who wants an event, into ``matches``, and who cannot tell, into ``failures``.
    func match(_ event: EventRecord) {
        matches.removeAll(keepingCapacity: true)
        failures.removeAll(keepingCapacity: true)
        switch stream {
        case .events:
            filterIndex().forEachMatch(event.attributes, onError: { failures.append($0) }, { matches.append($0) })
        case .dead:
            if let letter = event.deadLetter, letter.isFed, let reader = byName[letter.trigger] { matches.append(reader.id) }
        }
    }

    /// The same question for one reader; adds the evaluation errors.
    func wants(_ reader: ReaderRun, _ event: EventRecord, errors: inout Int) -> Bool {
        switch stream {
        case .events: reader.plan?.filter.matches(event.attributes, evaluationErrors: &errors) ?? false
        case .dead: event.deadLetter.map { $0.isFed && $0.trigger.utf8.elementsEqual(reader.name.utf8) } ?? false
        }
    }

    private func filterIndex() -> FilterIndex {
        if let index { return index }
        let filters = readers.compactMap { reader in
            reader.flatMap { reader in reader.isRemoved ? nil : reader.plan.map { (id: reader.id, filter: $0.filter) } }
        }
        let made = FilterIndex(filters)
        index = made
        return made
    }
}

extension DeadLetter {
    /// Whether a dead letter sink gets it: a changed copy is there to be redriven, and the sink had the one that it is a copy of.
    fileprivate var isFed: Bool { reason != .edited }
}

/// A cursor whose trigger is not here.
struct ShelvedCursor {
    /// What is durable of it, or should be.
    var row: CursorChange.Reader
    var retiredAt: Timestamp?
    /// The first offset that it needs.
    var pin: Int64
    /// Its row could not be written: it goes with the next commit, before the shared reader's position may.
    var isOwed = false
}

/// What is to be written of a stream's cursors, besides the rows of dirty readers.
struct PendingChange {
    /// Outcomes of parked events.
    var settles: [(reader: ReaderRun, offset: Int64)] = []
    /// Open events that are to be parked, by reader and slot.
    var parks: [(reader: ReaderRun, slot: Int)] = []
    var edits: [CursorEdit] = []
    /// Of outcomes that are settled or parked by the same commit.
    var traces: [DeliveryTrace] = []
    var entries: [StateEntry] = []

    var isEmpty: Bool {
        settles.isEmpty && parks.isEmpty && edits.isEmpty && traces.isEmpty && entries.isEmpty
    }

    /// Holds traces and entries at `most` each: the oldest go. Gives back how many went.
    mutating func dropOldest(beyond most: Int) -> Int {
        let (dropped, marks) = (max(0, traces.count - most), max(0, entries.count - most))
        traces.removeFirst(dropped)
        entries.removeFirst(marks)
        return dropped + marks
    }
}

/// A change that someone waits for.
struct CursorEdit {
    var readers: [CursorChange.Reader] = []
    var retire: [CursorChange.Retirement] = []
    var remove: [ReaderName] = []
    var entries: [StateEntry] = []
    var done: CheckedContinuation<Result<Void, LogError>, Never>
}

/// What the commit carries that is on its way.
struct CommitFlight {
    var shared: Int64?
    var rows: [(reader: ReaderRun, row: CursorChange.Reader)] = []
    var owed: [ReaderName] = []
    var change = PendingChange()
}

/// Wakes once for many appends.
final class Wake: Sendable {
    private let isSet = Atomic(false)

    /// True where nobody has set it since it was last cleared.
    func set() -> Bool { !isSet.exchange(true, ordering: .acquiringAndReleasing) }
    func clear() { isSet.store(false, ordering: .releasing) }
}
