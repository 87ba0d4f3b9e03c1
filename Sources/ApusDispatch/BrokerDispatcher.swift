package import ApusPorts
package import ApusTelemetry
import CloudEvents
package import Logging
import Synchronization

/// Delivers one broker's events: log → filter → deliver → settle | retry | dead letter, for every trigger, and feeds their dead
/// letter sinks from the dead stream in the same way.
///
/// An actor on the executor of the sink that it delivers through: completions of attempts are calls, not hops, and an
/// event costs no task. What the log and the door report from their own threads comes in batches through ``inbox``.
/// Decisions are made by values (``DeliveryMachine``, ``CursorLedger``, ``KeyLanes``, …); this type acts on them.
package actor BrokerDispatcher: AppendReceiver {
    nonisolated let executor: any Executor
    let namespace: String
    let broker: String
    let log: any EventLog
    let cursors: any CursorStore
    let door: any ReplyDoor
    let sink: any EventSink
    let meters: Meters
    let logger: Logger
    let bounds: DispatchBounds
    let isAtomic: Bool
    let queueWaitSeconds: Histogram
    let tracesDropped: Counter

    let events = StreamRun(.events)
    let dead = StreamRun(.dead)
    var random: SeededGenerator
    /// Where triggers began and since when their filters hold, as it is durable or is to be with the next commit.
    var marks: [ReaderName: TriggerMark] = [:]
    /// Dead letters that were purged before their sink had them.
    var aside: Set<Int64> = []
    var asidePrunedAt = Limits.deadLetterMarksMax

    var inFlight = 0
    /// Writes of dead letters and replies that are on their way.
    var writing = 0
    /// Reads of the log and the cursors that are on their way.
    var reading = 0
    /// The cursors are loaded.
    var isStarted = false
    var isDraining = false
    /// Nothing is done any more.
    var isStopped = false
    var quietWaiters: [CheckedContinuation<Void, Never>] = []
    /// Triggers that are being applied or removed now, and who waits for that.
    var busy: [String: [CheckedContinuation<Void, Never>]] = [:]

    nonisolated let inbox = Mutex<[AppendOutcome]>([])

    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// `executor` came from `sinks`. `seed` decides the jitter of waits.
    package init(
        namespace: String, broker: String, log: any EventLog, cursors: any CursorStore, door: any ReplyDoor,
        sinks: any EventSinkFactory, executor: any Executor, meters: Meters, logger: Logger, seed: UInt64,
        bounds: DispatchBounds = DispatchBounds()
    ) {
        self.namespace = namespace
        self.broker = broker
        self.log = log
        self.cursors = cursors
        self.door = door
        self.sink = sinks.makeSink(on: executor)
        self.executor = executor
        self.meters = meters
        self.logger = logger
        self.bounds = bounds
        isAtomic = log.appendsWithChanges
        queueWaitSeconds = meters.histogram(.queueWaitSeconds, [namespace, broker])
        tracesDropped = meters.counter(.tracesDropped, [namespace, broker])
        random = SeededGenerator(seed: seed)
    }

    func run(_ stream: Stream) -> StreamRun {
        switch stream {
        case .events: events
        case .dead: dead
        }
    }

    var runs: [StreamRun] { [events, dead] }

    /// Runs `body` here after `delay`, unless everything has stopped by then.
    func schedule(after delay: Duration, _ body: @escaping @Sendable (isolated BrokerDispatcher) -> Void) {
        executor.schedule(after: delay) { [weak self] in
            self?.assumeIsolated { dispatcher in
                if !dispatcher.isStopped { body(dispatcher) }
            }
        }
    }

    // MARK: What comes from other threads

    /// The log's thread: outcomes of dead letters and cursor commits. One hop for as many as came before it is made.
    package nonisolated func appended(_ outcomes: [AppendOutcome]) {
        let wasEmpty = inbox.withLock { inbox in
            defer { inbox.append(contentsOf: outcomes) }
            return inbox.isEmpty
        }
        guard wasEmpty else { return }
        executor.execute { self.assumeIsolated { $0.emptyInbox() } }
    }

    private func emptyInbox() {
        let outcomes = inbox.withLock { inbox in
            let taken = inbox
            inbox = []
            return taken
        }
        guard !isStopped else { return }
        for outcome in outcomes {
            switch WriteToken(outcome.token) {
            case .commit(let stream): committed(run(stream), outcome.result.failure)
            case .event(let reader, let slot): stored(reader, slot, outcome.result)
            }
        }
        checkQuiet()
    }

    /// Where the log tells that a stream has grown: one hop for many appends.
    func observe(_ stream: Stream) {
        let wake = Wake()
        log.observe(stream) { [weak self, executor] in
            guard wake.set() else { return }
            executor.execute {
                self?.assumeIsolated { dispatcher in
                    wake.clear()
                    dispatcher.grown(stream)
                }
            }
        }
    }

    // MARK: Quiet

    /// Nothing is on its way and nothing waits to be written.
    private var isQuiet: Bool {
        inFlight == 0 && writing == 0 && reading == 0
            && runs.allSatisfy { $0.flight == nil && $0.pending.isEmpty && $0.dirty.isEmpty && $0.shared == $0.durableShared }
    }

    func checkQuiet() {
        guard isDraining, !quietWaiters.isEmpty, isQuiet else { return }
        resumeQuietWaiters()
    }

    private func resumeQuietWaiters() {
        let waiters = quietWaiters
        quietWaiters = []
        for waiter in waiters { waiter.resume() }
    }

    /// Stops reading and starting attempts, lets those in flight end for up to `limit`, and commits the cursors. After that the
    /// dispatcher does nothing any more; what was still in flight is delivered again after a restart.
    package func drain(within limit: Duration) async {
        guard !isStopped else { return }
        isDraining = true
        for run in runs { commit(run, withCursors: true) }
        if !isQuiet {
            schedule(after: limit) { $0.resumeQuietWaiters() }
            await withCheckedContinuation { quietWaiters.append($0) }
        }
        isStopped = true
        for run in runs {
            let edits = run.pending.edits + (run.flight?.change.edits ?? [])
            run.pending.edits = []
            run.flight?.change.edits = []
            for edit in edits { edit.done.resume(returning: .failure(.closed)) }
        }
    }
}

extension Result {
    var failure: Failure? { if case .failure(let error) = self { error } else { nil } }
}

/// What a write belongs to, as the number that the log gives back with its outcome.
enum WriteToken {
    case commit(Stream)
    case event(reader: Int, slot: Int)

    init(_ number: UInt64) {
        switch number >> 62 {
        case 0: self = .commit(.events)
        case 1: self = .commit(.dead)
        default: self = .event(reader: Int((number >> 32) & 0x3FFF_FFFF), slot: Int(number & 0xFFFF_FFFF))
        }
    }

    var number: UInt64 {
        switch self {
        case .commit(.events): 0
        case .commit(.dead): 1 << 62
        case .event(let reader, let slot): 2 << 62 | UInt64(reader) << 32 | UInt64(slot)
        }
    }
}
