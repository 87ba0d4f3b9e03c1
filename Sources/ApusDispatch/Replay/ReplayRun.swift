package import ApusPorts
import ApusResources
package import ApusTelemetry
import CloudEvents
package import Logging

/// Sends a stretch of a stream again: log → filter → deliver, in the order of the log, with cursors and a ledger of its own
/// (law 2). Live traffic is none of its business, but for the thread that both run on.
///
/// An actor on the executor of its sink, like ``BrokerDispatcher``. Decisions are made by values (``ReplayLane``,
/// ``ReplaySelection``, ``DeliveryMachine``); this type acts on them. Retries wait in memory: after a restart the attempts of an
/// open event begin anew. Nothing is passed before its outcome is durable (law 3).
package actor ReplayRun: AppendReceiver {
    nonisolated let executor: any Executor
    let log: any EventLog
    let cursors: any CursorStore
    let door: any ReplyDoor
    let sink: any EventSink
    let logger: Logger
    let bounds: DispatchBounds
    let isAtomic: Bool
    let deliveredEvents: Counter
    let failedEvents: Counter

    var plan: ReplayPlan
    var selection: ReplaySelection
    var lanes: [ReplayLane]
    var pages: ReplayPages
    var bucket: TokenBucket?
    var random: SeededGenerator

    var shown: ReplayProgress
    /// As it was last written.
    var durable: ReplayProgress?
    /// What was asked for before the start.
    private var wish: ReplayState?
    var isStarted = false
    private var isStarting = false
    var isDraining = false
    /// Nothing is done any more.
    var isStopped = false

    var isTurnQueued = false
    var courtesy = ReplayCourtesy()
    var isTicking = false
    /// Whose turn is first.
    var firstLane = 0
    var timers: Set<Timestamp> = []
    /// Where pages begin that are being read.
    var loadingPages: Set<Int64> = []
    var readFailures = 0
    var readError: String?
    var isReadTimed = false

    /// Replies that are being stored.
    var replying = 0
    /// Writes that wait to be made again.
    var waitingWrites = 0
    var pending = ReplayPending()
    var flight: ReplayFlight?
    var isCommitTimed = false
    var commitFailures = 0
    var commitNotBefore: Timestamp?
    /// Dead letters in one append; 1 after one of them was too large.
    var lettersAtOnce = Limits.batchEventsMax
    var storeError: String?
    /// The last attempt that failed and is followed by another.
    var retryNote: String?
    private var quietWaiters: [CheckedContinuation<Void, Never>] = []
    private var endWaiters: [CheckedContinuation<Void, Never>] = []

    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
    package nonisolated let name: String

    /// `executor` came from `sinks`. `seed` decides the jitter of waits.
    package init(
        plan: ReplayPlan, log: any EventLog, cursors: any CursorStore, door: any ReplyDoor, sinks: any EventSinkFactory,
        executor: any Executor, meters: Meters, logger: Logger, seed: UInt64, bounds: DispatchBounds = DispatchBounds()
    ) {
        name = plan.name
        self.plan = plan
        self.log = log
        self.cursors = cursors
        self.door = door
        self.sink = sinks.makeSink(on: executor)
        self.executor = executor
        self.logger = logger
        self.bounds = bounds
        isAtomic = log.appendsWithChanges
        deliveredEvents = meters.counter(.replayDelivered, [plan.namespace])
        failedEvents = meters.counter(.replayFailed, [plan.namespace])
        selection = ReplaySelection(plan)
        lanes = plan.lanes
        pages = ReplayPages(goodFor: plan.stream == .dead ? .milliseconds(Limits.redrivePageMilliseconds) : nil)
        bucket = plan.rate.map(TokenBucket.init)
        random = SeededGenerator(seed: seed)
        shown = ReplayProgress(uid: plan.uid, from: plan.from, until: plan.until, startedAt: executor.now)
    }

    // MARK: Life

    /// Begins, or goes on from what is durable of this replay (by its name and ``ReplayPlan/uid``), and runs. One that was paused
    /// or has failed stays so until ``resume()``; one that is over stays over.
    ///
    /// Fails where the progress can be neither read nor written now; it may be called again then.
    package func start() async throws(LogError) {
        guard !isStarted, !isStarting, !isStopped else { return }
        isStarting = true
        defer { isStarting = false }
        let stored = try await Self.stored(plan.name, in: cursors)
        if let stored, stored.uid == plan.uid, stored.state != .pending {
            try await takeUp(stored)
        } else {
            if let stored, stored.uid != plan.uid { try await Self.forget(plan.name, in: cursors) }
            try await begin()
        }
        guard !isStopped else { throw .closed }
        isStarted = true
        switch wish {
        case .paused?: pause()
        case .running?: resume()
        case .cancelled?: end(.cancelled)
        default: break
        }
        wish = nil
        queueTurn()
        commit()
    }

    private func begin() async throws(LogError) {
        // A reply of an earlier replay of this name may have become durable after that was forgotten: what it has settled is owed
        // by this one.
        var stale = CursorChange(stream: plan.stream)
        stale.remove = try await cursors.load(plan.stream).readers.keys.filter { Self.isReader($0, of: plan.name) }.sorted()
        if !stale.isEmpty { try await cursors.commit(stale) }
        var progress = shown
        progress.state = wish == .paused ? .paused : .running
        progress.startedAt = executor.now
        var change = CursorChange(stream: plan.stream)
        change.readers = lanes.map { $0.row(closing: []) }
        change.entries = [StateEntry(key: StateKey.replay(plan.name), value: progress.value)]
        try await cursors.commit(change)
        for (index, row) in change.readers.enumerated() { lanes[index].durableRow = row }
        (shown, durable) = (progress, progress)
    }

    private func takeUp(_ stored: ReplayProgress) async throws(LogError) {
        let readers = try await cursors.load(plan.stream).readers
        (shown, durable) = (stored, stored)
        let names = Set(lanes.map(\.name))
        pending.removed = readers.keys.filter { Self.isReader($0, of: plan.name) && (shown.isOver || !names.contains($0)) }
            .sorted()
        guard !shown.isOver else {
            lanes = []
            return
        }
        // A trigger that came later is none of this replay's; one that is gone leaves its row.
        lanes = lanes.filter { readers[$0.name] != nil }
        for index in lanes.indices {
            guard let cursor = readers[lanes[index].name] else { continue }
            shown.delivered += lanes[index].resume(cursor)
        }
    }

    /// Begins no attempt any more until it is resumed; those that are being made end. Before the start, it starts paused.
    package func pause() {
        guard isStarted else { return wish = .paused }
        guard shown.state == .running else { return }
        shown.state = .paused
        commit()
    }

    /// Goes on, after a pause or where it had failed.
    package func resume() {
        guard isStarted else { return wish = .running }
        guard shown.state == .paused || shown.state == .failed else { return }
        shown.state = .running
        shown.message = nil
        shown.endedAt = nil
        for index in lanes.indices { lanes[index].oweOpen() }
        commit()
        queueTurn()
    }

    /// Ends it for good. Attempts that are being made end, and their outcomes are kept. Returns once it is durable, or after
    /// `limit`: where the store cannot be written, it is written when it can.
    package func cancel(within limit: Duration) async {
        guard isStarted else { return wish = .cancelled }
        guard !shown.isOver else { return }
        end(.cancelled)
        commit()
        guard durable?.state != .cancelled, !isStopped else { return }
        schedule(after: limit) { $0.leaveEnd() }
        await withCheckedContinuation { endWaiters.append($0) }
    }

    /// Stops reading and starting attempts, lets those in flight end for up to `limit`, and commits. After that it does nothing
    /// any more; a later run goes on from there.
    package func drain(within limit: Duration) async {
        guard !isStopped else { return }
        isDraining = true
        commit()
        if !isQuiet {
            schedule(after: limit) { $0.leaveQuiet() }
            await withCheckedContinuation { quietWaiters.append($0) }
        }
        isStopped = true
        leaveEnd()
    }

    /// Sets the pace; nil for none.
    package func change(rate: Double?, maxInFlight: Int) {
        if rate != plan.rate { bucket = rate.map(TokenBucket.init) }
        plan.rate = rate
        plan.maxInFlight = maxInFlight
        queueTurn()
    }

    /// Sets how the triggers deliver: a subscriber that was resolved or has changed, another policy or filter. A trigger that is
    /// not there is gone: nothing more is sent to it. One that was not there at the start is left aside.
    package func change(targets: ReplayPlan.Target) {
        plan.target = targets
        selection = ReplaySelection(plan, aside: selection.aside)
        pages.removeAll()
        for index in lanes.indices where !lanes[index].isGone {
            lanes[index].dropPage()
            guard lanes[index].plan != nil else { continue }
            if let changed = plan.plan(of: lanes[index].trigger) {
                lanes[index].plan = changed
            } else {
                lanes[index].isGone = true
                pending.removed.append(lanes[index].name)
            }
        }
        queueTurn()
        armCommit()
    }

    /// Dead letters that a person purges now: those that are to come are passed, no attempt of one begins any more, and what
    /// comes of one that is being made does not bring it back.
    package func putAside(_ offsets: [Int64]) {
        let own = offsets.filter { (shown.from..<shown.until).contains($0) }
        guard plan.isRedrive, !isStopped, !own.isEmpty else { return }
        selection.aside.formUnion(own)
        pages.removeAll()
        for index in lanes.indices {
            lanes[index].dropPage()
            lanes[index].oweOpen()
        }
        queueTurn()
    }

    /// It is over, for good or until it is resumed.
    func end(_ state: ReplayState, _ message: String? = nil) {
        shown.state = state
        shown.message = message
        shown.endedAt = executor.now
        commit()
    }

    // MARK: Quiet

    /// Nothing is on its way and nothing waits to be written.
    var isQuiet: Bool { isSettled && flight == nil && !isDirty }

    /// No attempt and no write of an outcome is on its way.
    var isSettled: Bool {
        replying == 0 && waitingWrites == 0 && pending.letters.isEmpty && lanes.allSatisfy { $0.inFlight == 0 }
    }

    var isDirty: Bool {
        guard isStarted else { return false }
        if !pending.isEmpty || current != durable { return true }
        return lanes.contains { !$0.isGone && (shown.isOver ? $0.durableRow != nil && isSettled : $0.isDirty) }
    }

    func checkQuiet() {
        if durable?.isOver == true { leaveEnd() }
        if isDraining, !quietWaiters.isEmpty, isQuiet { leaveQuiet() }
    }

    private func leaveEnd() {
        for waiter in endWaiters { waiter.resume() }
        endWaiters = []
    }

    private func leaveQuiet() {
        for waiter in quietWaiters { waiter.resume() }
        quietWaiters = []
    }

    /// Runs `body` here after `delay`, unless everything has stopped by then.
    func schedule(after delay: Duration, _ body: @escaping @Sendable (isolated ReplayRun) -> Void) {
        executor.schedule(after: delay) { [weak self] in
            self?.assumeIsolated { run in
                if !run.isStopped { body(run) }
            }
        }
    }
}
