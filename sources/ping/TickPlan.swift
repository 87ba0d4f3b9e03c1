import ApusPorts
import CloudEvents

/// Decides which ticks fire, which are missed, and when the next falls due. Pure: the driver tells it the time.
struct TickPlan: Sendable, Equatable {
    /// What is to be done at a moment.
    struct Decision: Sendable, Equatable {
        /// The tick to emit now.
        var fire: Timestamp?
        /// Ticks that are passed without an event.
        var missed = 0
        /// The tick to wait for then; nil where the schedule has no more.
        var next: Timestamp?
    }

    var cron: Cron
    var catchesUp: Bool

    /// The first tick of a schedule that has not run yet.
    func first(now: Timestamp) -> Timestamp? { cron.next(after: now) }

    /// The source starts, and `due` is what it waited for when it stopped: what fell due in between it did not see.
    func started(due: Timestamp, now: Timestamp) -> Decision { decide(due: due, now: now, firesLast: { _ in catchesUp }) }

    /// The source runs. Of several ticks that are due, as emitting one took long, the last fires.
    func woke(due: Timestamp, now: Timestamp) -> Decision {
        decide(due: due, now: now) { last in catchesUp || now - last <= .seconds(Limits.lateTickSecondsMax) }
    }

    private func decide(due: Timestamp, now: Timestamp, firesLast: (Timestamp) -> Bool) -> Decision {
        let (count, last) = cron.ticks(from: due, through: now, limit: Limits.countedTicksMax)
        guard count > 0, let last else { return Decision(next: due) }
        let fires = firesLast(last)
        var next = cron.next(after: last)
        // Where not all were counted, the rest is passed, too.
        if let early = next, early <= now { next = cron.next(after: now) }
        return Decision(fire: fires ? last : nil, missed: fires ? count - 1 : count, next: next)
    }
}
