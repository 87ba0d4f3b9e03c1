internal import CNATS
internal import Dispatch
internal import Synchronization

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// Threads of the system's own, for calls of libnats that wait for the network: the cooperative pool never waits for it.
enum SystemThread {
    private final class Start {
        let name: String
        let body: @Sendable () -> Void

        init(_ name: String, _ body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    /// Runs `body` on a new thread, which ends with it. Linux keeps the first 15 bytes of the name.
    static func start(_ name: String, _ body: @escaping @Sendable () -> Void) throws(NATSError) {
        let start = Unmanaged.passRetained(Start(name, body))
        #if canImport(Glibc)
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                SystemThread.run(argument)
                return nil
            }, start.toOpaque())
        #else
        var thread: pthread_t?
        let code = pthread_create(
            &thread, nil,
            { argument in
                SystemThread.run(argument)
                return nil
            }, start.toOpaque())
        #endif
        guard code == 0 else {
            start.release()
            throw NATSError(.systemError, "no thread could be started (error \(code))")
        }
        #if canImport(Glibc)
        pthread_detach(thread)
        #else
        if let thread { pthread_detach(thread) }
        #endif
    }

    private static func run(_ argument: UnsafeMutableRawPointer) {
        let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
        cnats_name_thread(start.name)
        start.body()
        // libnats keeps its last error a thread; ours end without its knowing.
        nats_ReleaseThreadMemory()
    }

    /// What `body` gives, from a thread that lives only for it.
    static func value<Value: Sendable>(
        _ name: String, _ body: @escaping @Sendable () throws(NATSError) -> Value
    ) async throws(NATSError) -> Value {
        let result: Result<Value, NATSError> = await withCheckedContinuation { continuation in
            do throws(NATSError) {
                try start(name) { continuation.resume(returning: Result { () throws(NATSError) in try body() }) }
            } catch {
                continuation.resume(returning: .failure(error))
            }
        }
        return try result.get()
    }
}

/// A thread that does the jobs it is given one after another, until it is stopped.
final class WorkThread: Sendable {
    typealias Job = @Sendable () -> Void

    private struct State {
        var jobs: [Job] = []
        var isAsleep = false
        var isStopped = false
    }

    private let state = Mutex(State())
    private let wake = DispatchSemaphore(value: 0)

    init(_ name: String) throws(NATSError) { try SystemThread.start(name) { self.work() } }

    /// Queues a job; false, and never done, once the thread was stopped.
    @discardableResult
    func run(_ job: @escaping Job) -> Bool { add(job, isLast: false) }

    /// What a job gives; ``NATSError/closed`` once the thread was stopped.
    func value<Value: Sendable>(
        _ job: @escaping @Sendable () throws(NATSError) -> Value
    ) async throws(NATSError) -> Value {
        let result: Result<Value, NATSError> = await withCheckedContinuation { continuation in
            let isTaken = run { continuation.resume(returning: Result { () throws(NATSError) in try job() }) }
            if !isTaken { continuation.resume(returning: .failure(.closed)) }
        }
        return try result.get()
    }

    /// Takes `job` as its last one; does not wait for it. Only the first call counts.
    func stop(after job: @escaping Job) { _ = add(job, isLast: true) }

    private func add(_ job: @escaping Job, isLast: Bool) -> Bool {
        let (isTaken, mustWake) = state.withLock { state in
            guard !state.isStopped else { return (false, false) }
            state.isStopped = isLast
            state.jobs.append(job)
            defer { state.isAsleep = false }
            return (true, state.isAsleep)
        }
        if mustWake { wake.signal() }
        return isTaken
    }

    private func work() {
        while true {
            let jobs: [Job]? = state.withLock { state in
                if state.jobs.isEmpty {
                    state.isAsleep = true
                    return state.isStopped ? nil : []
                }
                defer { state.jobs = [] }
                return state.jobs
            }
            guard let jobs else { return }
            if jobs.isEmpty { wake.wait() }
            for job in jobs { job() }
        }
    }
}
