import ApusPorts
package import CloudEvents
package import NIOCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// An event loop as an executor: an actor's jobs, the dispatcher's timers and the sockets of a broker share one thread.
package final class LoopExecutor: ApusPorts.Executor {
    package let loop: any EventLoop

    package init(loop: any EventLoop) { self.loop = loop }

    package var now: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    package func execute(_ body: @escaping @Sendable () -> Void) { loop.execute(body) }

    package func schedule(after delay: Duration, _ body: @escaping @Sendable () -> Void) {
        loop.scheduleTask(in: TimeAmount(rounding: delay), body)
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }

    package func isIsolatingCurrentContext() -> Bool? { loop.inEventLoop }

    package func checkIsolated() {
        precondition(loop.inEventLoop, "code of an actor ran off the event loop that the actor lives on")
    }
}

extension TimeAmount {
    /// A duration rounded up to nanoseconds, so that nothing that waits for it is early; at most about 146 years.
    fileprivate init(rounding duration: Duration) {
        let (seconds, attoseconds) = duration.components
        let bound: Int64 = 4_600_000_000
        let nanoseconds = (attoseconds + 999_999_999) / 1_000_000_000
        self = .nanoseconds(min(max(seconds, 0), bound) * 1_000_000_000 + max(nanoseconds, 0))
    }
}
