import ApusDispatch
import ApusPorts
import ApusResources
import CloudEvents
import EventFilters

/// What the controller knows of one Replay.
struct ReplayService: Sendable {
    /// Of the resource: another one of the same name is another replay.
    let uid: String
    let broker: ResourceIdentity
    let stream: Stream
    /// While it runs, is paused, or waits for its turn.
    var run: ReplayRun?
    /// What ``run`` was made from.
    var fingerprint = ""
    /// Whether ``run`` is told to stand still: by the spec, or because it is not its turn.
    var isHeld = true
    var rate: Double?
    var maxInFlight = 1
    /// How far it is, as it was last seen; nil where it never began.
    var progress: ReplayProgress?
    /// What is durable of it was looked for.
    var isLoaded = false
    /// Found when it was made, for as long as it has not begun.
    var bounds: ReplayBounds?
    /// Deliveries that its range holds, once they are counted.
    var counted: Int?
    var counting: Task<Void, Never>?
    var sink = Resolution.notConfigured
    /// Whether it has what it needs.
    var target = Readiness.unknown(reason: Reason.replayWaits, message: "The replay waits for its broker's log.")
    /// Why it never can begin: what is said of one that a file brings, and refused of any other.
    var refusal: String?
    /// How many have their turn before this one; nil where it has its turn.
    var before: Int?
    /// The redrive that has to end first.
    var behind: ResourceIdentity?
    /// One that failed is to go on.
    var isRetried = false
    /// Cancelled while it could not run.
    var isAbandoned = false

    init(_ replay: Replay) {
        uid = replay.metadata.uid
        broker = replay.broker
        stream = replay.spec.deadLetters == nil ? .events : .dead
    }

    /// Whether it has ended, and nobody asked it to go on.
    var isOver: Bool { refusal != nil || isAbandoned || progress?.state.isOver == true && !isRetried }

    /// How it is, for people.
    func state(of spec: ReplaySpec) -> ReplayState {
        if refusal != nil { return .failed }
        if let progress, progress.state.isOver { return progress.state }
        if isAbandoned { return .cancelled }
        if spec.isPaused { return .paused }
        guard let progress, run != nil, before == nil else { return .pending }
        return progress.state == .paused ? .pending : progress.state
    }

    /// The first offset that it still needs, as far as is known without its run; nil where it needs none.
    var pin: Int64? {
        guard !isOver || progress?.state == .failed else { return nil }
        return progress.map(\.next) ?? bounds?.from
    }
}

extension ReplayRun {
    /// The first of these dead letters that it is still to redrive.
    func firstHeld(of records: [LogRecord]) -> Position? { records.first { holds($0) }?.position }
}

/// What a redrive that has not begun would take. Pure.
struct RedriveClaim: Sendable {
    let bounds: ReplayBounds
    let selection: DeadLetterSelection
    let filter: CompiledFilter

    /// nil for a replay of events.
    init?(_ replay: Replay, _ bounds: ReplayBounds) {
        guard let letters = replay.spec.deadLetters, let filter = try? replay.compiledFilter() else { return nil }
        self.bounds = bounds
        selection = letters.selection
        self.filter = filter
    }

    func takes(_ record: LogRecord) -> Bool {
        let offset = record.position.offset
        return offset >= bounds.from && offset < bounds.until && selection.takes(record)
            && filter.matches(record.event.attributes)
    }

    /// Hands over the dead letters that are meant, some at a time, until `body` says false.
    func pages(of log: any EventLog, _ body: ([LogRecord]) async -> Bool) async throws(LogError) {
        if let offsets = selection.offsets {
            let page = try await log.read(.dead, at: offsets.sorted()).filter(takes)
            _ = page.isEmpty ? true : await body(page)
            return
        }
        var next = bounds.from
        while next < bounds.until, !Task.isCancelled {
            var page: [LogRecord] = []
            let end = try await log.scan(.dead, next..<bounds.until) { record in
                if takes(record) { page.append(record) }
                return page.count < Limits.readPageRecordsMax
            }
            next = page.count < Limits.readPageRecordsMax ? bounds.until : end.next
            guard page.isEmpty ? true : await body(page) else { return }
        }
    }
}

/// Lets one after another through, in the order in which they came. For use by one actor.
final class Turnstile {
    private var isTaken = false
    private var waiters: [CheckedContinuation<Void, Never>] = []

    var isFree: Bool { !isTaken }

    func enter() async {
        guard isTaken else {
            isTaken = true
            return
        }
        await withCheckedContinuation { waiters.append($0) }
    }

    func leave() {
        if waiters.isEmpty { isTaken = false } else { waiters.removeFirst().resume() }
    }
}
