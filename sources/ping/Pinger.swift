import ApusPorts
import ApusResources
import CloudEvents

/// The source of one PingSource: waits for a tick, emits it, and writes down which comes next.
struct Pinger: EventSource {
    let spec: PingSpec
    let eventSource: String
    let catchesUp: Bool

    private var plan: TickPlan { TickPlan(cron: spec.cron, catchesUp: catchesUp) }

    func run(_ context: SourceContext) async throws(SourceFailure) {
        var due = try await begin(context)
        context.reporter.report(.ready)
        while let tick = due {
            context.reporter.note("next-tick", tick.rfc3339)
            await context.clock.sleep(until: tick)
            guard !Task.isCancelled else { return }
            due = try await act(plan.woke(due: tick, now: context.clock.now()), context)
        }
        guard !Task.isCancelled else { return }
        context.reporter.note("next-tick", nil)
        throw SourceFailure(
            reason: "NeverDue",
            message: "The schedule \(spec.scheduleText) has no tick in the next \(Cron.yearsLookedAhead) years.")
    }

    /// Takes up where the last run stopped. A schedule that was changed begins anew.
    private func begin(_ context: SourceContext) async throws(SourceFailure) -> Timestamp? {
        let saved: DueTick?
        do {
            saved = try await context.progress.load(DueTick.name).flatMap(DueTick.init)
        } catch {
            throw Self.failure(error)
        }
        if let saved, saved.schedule.utf8.elementsEqual(spec.scheduleText.utf8) {
            return try await act(plan.started(due: saved.at, now: context.clock.now()), context)
        }
        let first = plan.first(now: context.clock.now())
        try await save(first, context)
        return first
    }

    /// Does what was decided: emits, counts, and makes durable what comes next.
    private func act(_ decision: TickPlan.Decision, _ context: SourceContext) async throws(SourceFailure) -> Timestamp? {
        if decision.missed > 0 { context.reporter.missed(decision.missed) }
        if let tick = decision.fire {
            // What is out is written down even where the source is being stopped; what is not stays due.
            guard try await emit(tick, context) else { return nil }
        }
        if decision.fire != nil || decision.missed > 0 { try await save(decision.next, context) }
        return decision.next
    }

    /// Emits a tick; a sink that is not there is waited for, since the tick is this source's to bring. False where the source is
    /// stopped before the sink has it.
    private func emit(_ tick: Timestamp, _ context: SourceContext) async throws(SourceFailure) -> Bool {
        let item = try item(tick, uid: context.uid)
        var wait = Duration.seconds(1)
        while !Task.isCancelled {
            do {
                try await context.emitter.bring([item])
                context.reporter.report(.ready)
                context.reporter.note("last-tick", tick.rfc3339)
                return true
            } catch {
                context.reporter.report(.notReady(reason: "SinkUnavailable", message: error.message))
                await context.clock.sleep(wait)
                wait = min(wait * 2, .seconds(30))
            }
        }
        return false
    }

    /// The event of a tick. Its id follows from the tick: one that is emitted again after a crash is a duplicate, which the
    /// broker's window takes out.
    private func item(_ tick: Timestamp, uid: String) throws(SourceFailure) -> SourceItem {
        do {
            let event = try CloudEvent(
                id: "\(uid)-\(tick.rfc3339)", source: eventSource, type: PingSource.eventType, time: tick.rfc3339,
                dataContentType: spec.contentType, data: spec.data)
            return SourceItem(.success(SourceEvent(event)), raw: spec.data ?? [], origin: "tick \(tick.rfc3339)")
        } catch {
            throw SourceFailure(reason: "EventInvalid", message: error.message)
        }
    }

    private func save(_ due: Timestamp?, _ context: SourceContext) async throws(SourceFailure) {
        do {
            try await context.progress.save(
                DueTick.name, due.map { DueTick(at: $0, schedule: spec.scheduleText).bytes })
        } catch {
            throw Self.failure(error)
        }
    }

    private static func failure(_ error: LogError) -> SourceFailure {
        SourceFailure(reason: "ProgressUnavailable", message: "The next tick cannot be kept: \(error.sentence)")
    }
}

/// What is durable of a schedule: the tick that comes next, and which schedule it is of.
struct DueTick: Sendable, Equatable {
    static let name = "due"

    var at: Timestamp
    var schedule: String

    init(at: Timestamp, schedule: String) {
        self.at = at
        self.schedule = schedule
    }

    /// `2026-03-29T01:00:00Z 0 3 * * *`.
    init?(_ bytes: [UInt8]) {
        let parts = bytes.split(separator: UInt8(ascii: " "), maxSplits: 1)
        guard parts.count == 2, let at = Timestamp(rfc3339: String(decoding: parts[0], as: UTF8.self)) else { return nil }
        self.init(at: at, schedule: String(decoding: parts[1], as: UTF8.self))
    }

    var bytes: [UInt8] { Array("\(at.rfc3339) \(schedule)".utf8) }
}
