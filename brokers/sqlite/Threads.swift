internal import ApusPorts
internal import CSQLite
internal import Dispatch
internal import Synchronization

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// Threads of the system's own, for work that blocks on the disk: the cooperative pool never waits for one.
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
    static func start(_ name: String, _ body: @escaping @Sendable () -> Void) throws(LogError) {
        let start = Unmanaged.passRetained(Start(name, body))
        #if canImport(Glibc)
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
                apus_name_thread(start.name)
                start.body()
                return nil
            }, start.toOpaque())
        #else
        var thread: pthread_t?
        let code = pthread_create(
            &thread, nil,
            { argument in
                let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
                apus_name_thread(start.name)
                start.body()
                return nil
            }, start.toOpaque())
        #endif
        guard code == 0 else {
            start.release()
            throw .unavailable(reason: "no thread could be started (error \(code))")
        }
        #if canImport(Glibc)
        pthread_detach(thread)
        #else
        if let thread { pthread_detach(thread) }
        #endif
    }

    /// What `body` gives, from a thread that lives only for it.
    static func value<Value: Sendable>(
        _ name: String, _ body: @escaping @Sendable () throws(LogError) -> Value
    ) async throws(LogError) -> Value {
        let result: Result<Value, LogError> = await withCheckedContinuation { continuation in
            do throws(LogError) {
                try start(name) { continuation.resume(returning: Result { () throws(LogError) in try body() }) }
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

    init(_ name: String) throws(LogError) { try SystemThread.start(name) { self.work() } }

    /// Queues a job; false, and never done, once the thread was stopped.
    @discardableResult
    func run(_ job: @escaping Job) -> Bool {
        let (isTaken, mustWake) = state.withLock { state in
            guard !state.isStopped else { return (false, false) }
            state.jobs.append(job)
            defer { state.isAsleep = false }
            return (true, state.isAsleep)
        }
        if mustWake { wake.signal() }
        return isTaken
    }

    /// What a job gives; ``LogError/closed`` once the thread was stopped.
    func value<Value: Sendable>(
        _ job: @escaping @Sendable () throws(LogError) -> Value
    ) async throws(LogError) -> Value {
        let result: Result<Value, LogError> = await withCheckedContinuation { continuation in
            let isTaken = run { continuation.resume(returning: Result { () throws(LogError) in try job() }) }
            if !isTaken { continuation.resume(returning: .failure(.closed)) }
        }
        return try result.get()
    }

    /// Takes `last` as its last job, and waits until all is done. Blocks, so it is called from another thread of this room.
    func stop(_ last: @escaping Job) {
        let done = DispatchSemaphore(value: 0)
        let (isTaken, mustWake) = state.withLock { state in
            guard !state.isStopped else { return (false, false) }
            state.isStopped = true
            state.jobs.append {
                last()
                done.signal()
            }
            defer { state.isAsleep = false }
            return (true, state.isAsleep)
        }
        guard isTaken else { return }
        if mustWake { wake.signal() }
        done.wait()
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
