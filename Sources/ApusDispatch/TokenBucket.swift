package import CloudEvents

/// Paces a trigger to `apus.dev/rate` events a second. Time is an input.
///
/// It is kept as one moment, the time by which everything that was let through would have been due at an even pace; one that
/// stands at most `burst` events ahead of now may still go.
package struct TokenBucket: Sendable, Equatable {
    private let interval: Int64
    private let slack: Int64
    private var dueAt = Timestamp(nanoseconds: .min)

    /// `rate` is in events a second and above zero; a tenth of a second's worth, and one at least, may go at once.
    package init(rate: Double) {
        precondition(rate > 0 && rate.isFinite, "a rate is above zero")
        interval = Int64(min(max(1e9 / rate, 1), 1e18))
        slack = max(0, 100_000_000 - interval)
    }

    /// Takes one token, or says when there will be one.
    package mutating func take(now: Timestamp) -> Timestamp? {
        if dueAt > now {
            let earliest = dueAt + .nanoseconds(-slack)
            guard earliest <= now else { return earliest }
        }
        dueAt = max(dueAt, now) + .nanoseconds(interval)
        return nil
    }
}
