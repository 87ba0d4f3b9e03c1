internal import ApusPorts
package import CloudEvents
internal import Synchronization

/// An executor whose clock and order are its own: nothing happens but in ``run(_:)``, ``runUntilIdle(limit:)`` and
/// ``run(for:)``, on the thread that calls them. What is ready runs first come, first served; when nothing is, the clock goes
/// on to the next timer.
package final class SimExecutor: Executor {
    fileprivate enum Step {
        case job(UnownedJob)
        case body(@Sendable () -> Void)
    }

    fileprivate struct Timer {
        var at: Timestamp
        var number: Int
        var body: @Sendable () -> Void

        static func < (left: Timer, right: Timer) -> Bool { (left.at, left.number) < (right.at, right.number) }
    }

    fileprivate struct State {
        var now: Timestamp
        var ready: [Step] = []
        var first = 0
        /// A heap.
        var timers: [Timer] = []
        var timersMade = 0
        var isRunning = false
        var steps = 0
    }

    private let state: Mutex<State>

    /// Starts at 2026-01-01T00:00:00Z unless told otherwise.
    package init(now: Timestamp = Timestamp(nanoseconds: 1_767_225_600_000_000_000)) { state = Mutex(State(now: now)) }

    package var now: Timestamp { state.withLock { $0.now } }
    /// Steps that were run: what a run that does not end is bounded by.
    package var steps: Int { state.withLock { $0.steps } }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        state.withLock { $0.ready.append(.job(job)) }
    }

    package func execute(_ body: @escaping @Sendable () -> Void) { state.withLock { $0.ready.append(.body(body)) } }

    package func schedule(after delay: Duration, _ body: @escaping @Sendable () -> Void) {
        state.withLock { state in
            state.timersMade += 1
            state.push(Timer(at: state.now + max(.zero, delay), number: state.timersMade, body: body))
        }
    }

    /// Begins `body` on this executor: it is run by whoever runs the simulation.
    package func start(_ body: @escaping @Sendable () async -> Void) {
        Task(executorPreference: SimTaskExecutor(self)) { await body() }
    }

    /// Runs until `body`, which is awaited on this executor, has returned; the clock moves as it has to.
    package func run<Value: Sendable>(_ body: @escaping @Sendable () async -> Value) -> Value {
        let box = Box<Value>(Mutex(nil))
        start {
            let value = await body()
            box.value.withLock { $0 = value }
        }
        while true {
            if let value = box.value.withLock({ $0 }) { return value }
            precondition(step(until: nil), "the simulation has nothing left to do and the body has not returned")
        }
    }

    /// Suspends the caller's task for `duration` of simulated time.
    package func pause(for duration: Duration) async {
        // A continuation resumes its task on the global pool first, unless the task prefers an executor: then the run would
        // depend on a real thread's pace.
        await withTaskExecutorPreference(SimTaskExecutor(self)) {
            await withCheckedContinuation { done in schedule(after: duration) { done.resume() } }
        }
    }

    /// Runs what is ready and every timer up to `limit` from now. True where nothing is left at all.
    @discardableResult
    package func runUntilIdle(limit: Duration = .seconds(86_400 * 365)) -> Bool {
        let end = now + limit
        while step(until: end) {}
        return state.withLock { $0.timers.isEmpty }
    }

    /// Runs everything that happens within `duration`, and ends with the clock there.
    package func run(for duration: Duration) {
        let end = now + duration
        while step(until: end) {}
        state.withLock { $0.now = max($0.now, end) }
    }

    /// Runs one step. False where there is none up to `end`.
    private func step(until end: Timestamp?) -> Bool {
        let step: Step? = state.withLock { state in
            guard let step = state.next(until: end) else { return nil }
            state.steps += 1
            state.isRunning = true
            return step
        }
        guard let step else { return false }
        switch step {
        case .job(let job): job.runSynchronously(on: asUnownedSerialExecutor())
        case .body(let body): body()
        }
        state.withLock { $0.isRunning = false }
        return true
    }

    /// Everything that runs here runs on the thread that steps, so that running at all is being isolated.
    package func checkIsolated() { precondition(state.withLock { $0.isRunning }, "this runs outside of the simulation") }

    package func isIsolatingCurrentContext() -> Bool? { state.withLock { $0.isRunning } }

    package func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }
}

extension SimExecutor.State {
    fileprivate mutating func next(until end: Timestamp?) -> SimExecutor.Step? {
        if first < ready.count {
            defer {
                first += 1
                if first == ready.count {
                    ready.removeAll(keepingCapacity: true)
                    first = 0
                }
            }
            return ready[first]
        }
        guard let timer = timers.first, end.map({ timer.at <= $0 }) ?? true else { return nil }
        pop()
        now = max(now, timer.at)
        return .body(timer.body)
    }

    fileprivate mutating func push(_ timer: SimExecutor.Timer) {
        timers.append(timer)
        var child = timers.count - 1
        while child > 0, timers[child] < timers[(child - 1) / 2] {
            timers.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    private mutating func pop() {
        timers.swapAt(0, timers.count - 1)
        timers.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < timers.count && timers[child] < timers[least] {
                least = child
            }
            guard least != parent else { return }
            timers.swapAt(parent, least)
            parent = least
        }
    }
}

/// Lets a test's own task run on the simulation.
private final class SimTaskExecutor: TaskExecutor {
    private let executor: SimExecutor

    init(_ executor: SimExecutor) { self.executor = executor }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        executor.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}

private final class Box<Value: Sendable>: Sendable {
    let value: Mutex<Value?>

    init(_ value: consuming sending Mutex<Value?>) { self.value = value }
}
