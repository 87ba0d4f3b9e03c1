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

    /// Whether another redrive still has one of these dead letters to do; then this one waits.
    func isBehind(_ claim: RedriveClaim, _ replay: Replay, _ broker: BrokerService) async -> Bool {
        let identity = replay.identity
        if let behind = replays[identity]?.behind, replays[behind]?.run != nil { return true }
        do throws(LogError) {
            let conflict = try await self.conflict(of: claim, in: broker.log) { other in
                other != identity && replays[other]?.run != nil
            }
            guard let conflict else { return false }
            replays[identity]?.behind = conflict.with
            replays[identity]?.target = .unknown(reason: Reason.redriveOverlaps, message: "It waits: \(conflict.sentence).")
        } catch {
            notReady(identity, Reason.logUnavailable, error.sentence)
        }
        return true
    }

    struct RedriveConflict: Sendable, Equatable {
        var position: Position
        var with: ResourceIdentity

        var sentence: String { "the dead letter at \(position) is being redriven by Replay \(with.name)" }
    }

    /// The first of the dead letters that are claimed which another redrive has still to do; `isMeant` says which are asked.
    func conflict(
        of claim: RedriveClaim, in log: any EventLog, among isMeant: (ResourceIdentity) -> Bool
    ) async throws(LogError) -> RedriveConflict? {
        let others = replays.filter { identity, service in
            service.stream == .dead && !service.isOver && isMeant(identity)
        }
        guard !others.isEmpty else { return nil }
        let claims = others.filter { $0.value.run == nil }.keys.compactMap { identity in
            unbegunClaim(of: identity).map { (identity, $0) }
        }
        var found: RedriveConflict?
        try await claim.pages(of: log) { page in
            for (identity, service) in others {
                if let position = await service.run?.firstHeld(of: page) {
                    found = RedriveConflict(position: position, with: identity)
                }
            }
            for (identity, other) in claims where found == nil {
                found = page.first(where: other.takes).map { RedriveConflict(position: $0.position, with: identity) }
            }
            return found == nil
        }
        return found
    }

    private func unbegunClaim(of identity: ResourceIdentity) -> RedriveClaim? {
        guard case .replay(let replay)? = resources[identity] else { return nil }
        let bounds = replays[identity]?.bounds ?? ReplayBounds(from: 0, until: .max)
        return RedriveClaim(replay, bounds)
    }

    /// Counts what a replay will deliver, beside it.
    func count(_ plan: ReplayPlan, of identity: ResourceIdentity, in broker: BrokerService) {
        guard replays[identity]?.counted == nil, replays[identity]?.counting == nil else { return }
        let log = broker.log, cursors = broker.cursors
        replays[identity]?.counting = Task { [weak self] in
            let survey = try? await ReplaySurvey.take(plan, log, cursors, sampleMax: 0)
            guard let survey, !Task.isCancelled else { return }
            await self?.counted(survey.matched, of: identity, uid: plan.uid)
        }
    }

    private func counted(_ count: Int, of identity: ResourceIdentity, uid: String) {
        guard replays[identity]?.uid == uid else { return }
        replays[identity]?.counted = count
    }
}
