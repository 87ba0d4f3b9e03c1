import ApusPorts
package import ApusResources

/// How often and how late a failed delivery is tried again (promise 10).
package struct RetryPolicy: Sendable, Equatable {
    /// Retries after the first attempt: `retry: N` is at most N+1 attempts. Never negative.
    package var retries: Int
    package var backoff: DeliverySpec.BackoffPolicy
    /// `backoffDelay`; zero tries again at once.
    package var delay: Duration
    /// `backoffMax`: no wait of our own is longer. nil for no cap.
    package var delayMax: Duration?
    /// Up to where `Retry-After` is honoured; zero ignores it.
    package var retryAfterMax: Duration
    /// How far a wait strays from the formula, as a fraction of it, both ways: 0...1.
    package var jitter: Double

    package init(
        retries: Int = 0, backoff: DeliverySpec.BackoffPolicy = .exponential, delay: Duration = .zero, delayMax: Duration? = nil,
        retryAfterMax: Duration = .seconds(Limits.retryAfterMaxSeconds), jitter: Double = 0.1
    ) {
        self.retries = max(0, retries)
        self.backoff = backoff
        self.delay = max(.zero, delay)
        self.delayMax = delayMax
        self.retryAfterMax = max(.zero, retryAfterMax)
        self.jitter = min(1, max(0, jitter))
    }

    /// The wait before retry `n`, 1 for the first. Jitter moves our own backoff only, up to the cap; what the subscriber asked
    /// for by `Retry-After` is a floor under it, and `delayMax` is none of its business.
    package func wait(
        beforeRetry n: Int, retryAfter: Duration?, using random: inout some RandomNumberGenerator
    ) -> Duration {
        precondition(n >= 1, "retries are counted from 1")
        let cap = (delayMax ?? .nanoseconds(Int64.max)).nanosecondsHeld
        let backoff = jittered(min(formula(n), cap), using: &random)
        let floor = min(retryAfter ?? .zero, retryAfterMax).nanosecondsHeld
        return .nanoseconds(max(min(backoff, cap), floor))
    }

    /// The shortest and the longest that ``wait(beforeRetry:retryAfter:using:)`` gives where the subscriber asked for nothing.
    package func waits(beforeRetry n: Int) -> ClosedRange<Duration> {
        precondition(n >= 1, "retries are counted from 1")
        let cap = (delayMax ?? .nanoseconds(Int64.max)).nanosecondsHeld
        let wait = min(formula(n), cap), reach = reach(of: wait)
        let (longest, overflowed) = wait.addingReportingOverflow(reach)
        return .nanoseconds(wait - reach) ... .nanoseconds(min(overflowed ? .max : longest, cap))
    }

    /// `d·n` or `d·2^n` in nanoseconds, held at the largest number.
    private func formula(_ n: Int) -> Int64 {
        let base = delay.nanosecondsHeld
        guard base > 0 else { return 0 }
        let factor: Int64
        switch backoff {
        case .linear: factor = Int64(n)
        case .exponential:
            guard n < Int64.bitWidth - 1 else { return .max }
            factor = 1 << Int64(n)
        }
        let (product, overflowed) = base.multipliedReportingOverflow(by: factor)
        return overflowed ? .max : product
    }

    /// How far jitter may move a wait, both ways.
    private func reach(of wait: Int64) -> Int64 {
        // 2^62 is the largest power that a Double's rounding cannot push beyond Int64.
        min(wait, Int64(min(Double(wait) * jitter, 0x1p62)))
    }

    private func jittered(_ wait: Int64, using random: inout some RandomNumberGenerator) -> Int64 {
        let reach = reach(of: wait)
        guard reach > 0 else { return wait }
        let (sum, overflowed) = wait.addingReportingOverflow(Int64.random(in: -reach...reach, using: &random))
        return overflowed ? .max : sum
    }
}
