import ApusDispatch
import ApusPorts
import ApusResources
import CloudEvents

// What is asked of a log before a replay begins.
extension Controller {
    /// Resolves a replay's bounds, once; times ago are counted from when it was made (promise 19).
    func findBounds(of replay: Replay, in log: any EventLog) async throws(ReplayRefusal) -> ReplayBounds {
        let stream: Stream = replay.spec.deadLetters == nil ? .events : .dead
        guard let (from, until) = replay.spec.points(now: replay.metadata.creationTimestamp ?? environment.now()) else {
            throw .invalid("spec.from", "from and until must be \(LogPoint.expectation)")
        }
        let bounds = log.bounds(of: stream)
        for text in replay.spec.deadLetters?.positions ?? [] {
            guard case .position(let lane, _)? = LogPoint(position: text), lane != bounds.next.lane else { continue }
            throw .invalid(
                "spec.deadLetters.positions", "the log has one lane, \(bounds.next.lane): there is no dead letter at \(text)")
        }
        if let offsets = replay.spec.deadLetters?.offsets, let first = offsets.min(), let last = offsets.max() {
            guard first >= bounds.oldest.offset else {
                throw .invalid(
                    "spec.deadLetters.positions",
                    "there is no dead letter at \(Position(offset: first)) any more: the dead letters begin at \(bounds.oldest)")
            }
            guard last < bounds.next.offset else {
                throw .invalid(
                    "spec.deadLetters.positions",
                    "there is no dead letter at \(Position(offset: last)): the next one will be \(bounds.next)")
            }
        }
        return try await ReplayBounds.find(from: from, until: until, in: log, stream)
    }

    /// Whether another redrive still has one of these dead letters to do; then this one waits for it.
    func isBehind(_ plan: ReplayPlan, _ identity: ResourceIdentity, _ broker: BrokerService) async -> Bool {
        if let behind = replays[identity]?.behind, replays[behind]?.run != nil { return true }
        do throws(LogError) {
            guard let conflict = try await conflict(of: plan, broker) else { return false }
            replays[identity]?.behind = conflict.other
            replays[identity]?.target = .unknown(reason: Reason.redriveOverlaps, message: "It waits: \(conflict.sentence).")
        } catch {
            notReady(identity, Reason.logUnavailable, error.sentence)
        }
        return true
    }

    struct RedriveConflict: Sendable {
        var position: Position
        var other: ResourceIdentity

        var sentence: String { "the dead letter at \(position) is being redriven by Replay \(other.name)" }
    }

    /// The first of the dead letters that are meant which another redrive of the broker has still to do.
    func conflict(of plan: ReplayPlan, _ broker: BrokerService) async throws(LogError) -> RedriveConflict? {
        guard plan.stream == .dead else { return nil }
        let others = replays.values.filter { $0.broker == broker.key && $0.stream == .dead }.compactMap(\.run)
        guard !others.isEmpty else { return nil }
        let survey = try await ReplaySurvey.taken(
            plan, log: broker.log, cursors: broker.cursors, sampleMax: 0, besides: others)
        return survey.conflict.map { conflict in
            let other = ResourceIdentity(kind: Replay.kind, namespace: plan.namespace, name: conflict.replay)
            return RedriveConflict(position: conflict.position, other: other)
        }
    }

    /// Counts what a replay will deliver, beside it.
    func count(_ plan: ReplayPlan, of identity: ResourceIdentity, in broker: BrokerService) {
        guard replays[identity]?.counted == nil, replays[identity]?.counting == nil else { return }
        let log = broker.log, cursors = broker.cursors
        let before = lastCount, sleep = environment.sleep
        lastCount = Task { [weak self] in
            // One at a time: a count reads its whole range, and there may be hundreds of replays.
            await before?.value
            guard !Task.isCancelled else { return }
            let survey = try? await ReplaySurvey.taken(plan, log: log, cursors: cursors, sampleMax: 0) {
                await sleep(.milliseconds(Limits.replayTickMilliseconds))
            }
            guard let survey, !Task.isCancelled else { return }
            await self?.counted(survey.matched, of: identity, uid: plan.uid)
        }
        replays[identity]?.counting = lastCount
    }

    private func counted(_ count: Int, of identity: ResourceIdentity, uid: String) {
        guard replays[identity]?.uid == uid else { return }
        replays[identity]?.counted = count
    }
}
