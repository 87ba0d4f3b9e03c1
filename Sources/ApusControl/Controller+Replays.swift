import ApusDispatch
import ApusPorts
package import ApusResources
import ApusTelemetry
import CloudEvents
import Logging

// What the resource API asks about Replays.
extension Controller {
    /// Makes a replay, which begins as soon as it can, and answers it with its status. `replay` has a name; its UID and times are
    /// given here.
    ///
    /// Refused where it never could run as it is: no such broker or trigger, a range that is not there, dead letters that another
    /// redrive has still to do.
    package func createReplay(_ replay: Replay) async throws(ReplayRefusal) -> DocumentNode {
        let checked = try await check(made(replay))
        let counted = try await countedAtOnce(checked)
        try await insert(checked, counted: counted)
        return try await answer(replay.identity)
    }

    /// What a replay would send: a document of the kind `ReplaySurvey`. Nothing is begun or kept. Refused as
    /// ``createReplay(_:)`` would be.
    package func surveyReplay(_ replay: Replay) async throws(ReplayRefusal) -> DocumentNode {
        let checked = try await check(made(replay))
        try await refuseOverlap(checked)
        guard let broker = checked.broker, let bounds = checked.bounds else {
            throw .unavailable("The log of broker \(replay.spec.broker) is not open.")
        }
        guard let plan = checked.planned.plan(bounds) else {
            throw .invalid("spec.sink", checked.planned.unresolved)
        }
        return try await survey(plan, broker, sampleMax: Limits.replaySampleEventsMax).document(of: plan)
    }

    /// Takes a replay's new wish, whole: its pace, its pause, or its end. One that failed goes on where it was when it is written
    /// without `paused`.
    ///
    /// A `resourceVersion` that is not the one in force is refused; so is a change of what a file brings, but for `paused` and
    /// `rate` (promise 26), and of one that has ended.
    package func updateReplay(
        _ replay: Replay, namespace: String, name: String
    ) async throws(ReplayRefusal) -> DocumentNode {
        let identity = ResourceIdentity(kind: Replay.kind, namespace: namespace, name: name)
        try await write(replay, identity)
        return try await answer(identity)
    }

    /// Cancels a replay and forgets it, with its progress.
    package func deleteReplay(namespace: String, name: String) async throws(ReplayRefusal) {
        let identity = ResourceIdentity(kind: Replay.kind, namespace: namespace, name: name)
        await replayTurn.enter()
        defer { replayTurn.leave() }
        guard resources[identity] != nil else { throw .notFound(name) }
        if let file = stored[identity]?.file { throw .ownedBy(file: file, name) }
        try await removeReplay(identity)
        await turnReplays()
    }

    // MARK: Steps

    /// As it will be kept, if it will be.
    private func made(_ replay: Replay) throws(ReplayRefusal) -> Replay {
        guard !isEnding else { throw .unavailable("The node is ending.") }
        guard resources[replay.identity] == nil else { throw .exists(replay.metadata.name) }
        var made = replay
        made.metadata.generateName = ""
        made.metadata.uid = environment.makeUID()
        made.metadata.generation = 1
        made.metadata.creationTimestamp = environment.now()
        made.status = ReplayStatus()
        return made
    }

    private struct Checked {
        var planned: PlannedReplay
        /// nil where the log is not open.
        var broker: BrokerService?
        var bounds: ReplayBounds?
    }

    private func check(_ replay: Replay) async throws(ReplayRefusal) -> Checked {
        let spec = replay.spec
        guard case .broker(let broker)? = resources[replay.broker] else {
            throw .invalid(
                "spec.broker", "there is no broker \(spec.broker) in namespace \(replay.metadata.namespace)")
        }
        let planned = PlannedReplay(replay, triggers: plannedTriggers(of: broker), resolver: resolver)
        if planned.target == nil, case .notReady(_, let message) = planned.readiness {
            switch spec.target {
            case .trigger: throw .invalid("spec.trigger", message)
            case .allTriggers: throw .invalid("spec.broker", message)
            case .deadLetters(let letters) where letters.trigger != nil: throw .invalid("spec.deadLetters.trigger", message)
            case .deadLetters, .sink: break
            }
        }
        guard let service = services[replay.broker] else { return Checked(planned: planned) }
        return Checked(planned: planned, broker: service, bounds: try await findBounds(of: replay, in: service.log))
    }

    private func survey(
        _ plan: ReplayPlan, _ broker: BrokerService, sampleMax: Int
    ) async throws(ReplayRefusal) -> ReplaySurvey {
        do throws(LogError) {
            return try await ReplaySurvey.taken(
                plan, log: broker.log, cursors: broker.cursors, sampleMax: sampleMax)
        } catch {
            throw .log(error)
        }
    }

    /// A short range is counted before it begins; a long one beside it.
    private func countedAtOnce(_ checked: Checked) async throws(ReplayRefusal) -> Int? {
        guard let broker = checked.broker, let bounds = checked.bounds, let plan = checked.planned.plan(bounds),
            bounds.until - bounds.from <= Int64(Limits.replayCountedRecordsMax)
        else { return nil }
        return try await survey(plan, broker, sampleMax: 0).matched
    }

    private func refuseOverlap(_ checked: Checked) async throws(ReplayRefusal) {
        guard let broker = checked.broker, let bounds = checked.bounds, let plan = checked.planned.plan(bounds) else { return }
        let conflict: RedriveConflict?
        do throws(LogError) {
            conflict = try await self.conflict(of: plan, broker)
        } catch {
            throw .log(error)
        }
        if let conflict {
            throw .conflict("\(conflict.sentence): wait until that has ended, or cancel it", field: "spec.deadLetters")
        }
    }

    private func insert(_ checked: Checked, counted: Int?) async throws(ReplayRefusal) {
        let replay = checked.planned.replay, identity = replay.identity
        await replayTurn.enter()
        defer { replayTurn.leave() }
        guard resources[identity] == nil else { throw .exists(identity.name) }
        try await refuseOverlap(checked)
        try await makeRoom(for: replay)
        let row = StoredResource(
            key: identity, uid: replay.metadata.uid, document: DesiredResource(resource: .replay(replay), file: "").document,
            generation: 1, resourceVersion: nextVersion, createdAt: replay.createdAt)
        try await store(row, adopting: row)
        var service = ReplayService(replay)
        service.bounds = checked.bounds
        service.counted = counted
        replays[identity] = service
        await turnReplays()
        await reserve(identity)
    }

    /// What cannot begin yet has its bounds all the same, over a restart too. Where they cannot be written now, they hold for as
    /// long as the node runs.
    private func reserve(_ identity: ResourceIdentity) async {
        guard let service = replays[identity], service.progress == nil, !service.isOver, let bounds = service.bounds,
            let broker = services[service.broker]
        else { return }
        do throws(LogError) {
            try await ReplayRun.reserve(
                identity.name, uid: service.uid, from: bounds.from, until: bounds.until, at: environment.now(),
                in: broker.cursors)
        } catch {
            notReady(identity, Reason.logUnavailable, error.sentence)
        }
    }

    private func makeRoom(for replay: Replay) async throws(ReplayRefusal) {
        let mine = replays(of: replay.broker)
        switch ReplayKeeping.room(count: mine.count, ended: endedReplays(among: mine)) {
        case .free: break
        case .instead(of: let other): try await removeReplay(other)
        case .none:
            throw ReplayRefusal(
                status: 403, reason: "Forbidden",
                message: "broker \(replay.spec.broker) has \(mine.count) replays, and none has ended that could make room: "
                    + "delete some, or wait until they have")
        }
    }

    private func write(_ replay: Replay, _ identity: ResourceIdentity) async throws(ReplayRefusal) {
        await replayTurn.enter()
        defer { replayTurn.leave() }
        guard case .replay(let old)? = resources[identity], var row = stored[identity] else { throw .notFound(identity.name) }
        let new = try checkedChange(of: old, row, to: replay)
        let state = replays[identity]?.progress?.state
        let document = DesiredResource(resource: .replay(new), file: "").document
        let over = ReplayOverride.key(of: identity)
        if row.file != nil {
            let held = StoredResource(
                key: over, uid: row.uid, document: ReplayOverride(new.spec).document, generation: 1, resourceVersion: nextVersion,
                createdAt: environment.now())
            if new.spec != old.spec { try await store(held, adopting: row) }
        } else if document != row.document {
            if new.spec != old.spec { row.generation += 1 }
            row.document = document
            row.resourceVersion = nextVersion
            try await store(row, adopting: row, forgetting: stored[over] == nil ? [] : [over])
        }
        if state == .failed, !new.spec.isPaused || new.spec.isCancelled { replays[identity]?.isRetried = true }
        await turnReplays()
    }

    /// The wish as it will be kept: what the control plane gives stays.
    private func checkedChange(of old: Replay, _ row: StoredResource, to replay: Replay) throws(ReplayRefusal) -> Replay {
        let name = old.metadata.name, given = replay.metadata
        guard replay.identity == old.identity else {
            throw ReplayRefusal(
                status: 400, reason: "BadRequest",
                message: "the document is of \(replay.identity), and the path of \(old.identity)", field: "metadata.name")
        }
        let isOfLatest = given.resourceVersion == 0 || given.resourceVersion == old.metadata.resourceVersion
        guard isOfLatest, given.uid.isEmpty || given.uid == row.uid else {
            throw .conflict(
                "Replay \(name) has been modified; apply your changes to the latest version and try again",
                field: "metadata.resourceVersion")
        }
        if let error = Replay.validateUpdate(old: old, new: replay).first { throw .invalid(error.path, error.message) }
        var new = replay
        new.metadata = old.metadata
        new.metadata.labels = given.labels
        new.metadata.annotations = given.annotations
        if let file = row.file {
            var besides = new
            (besides.spec.isPaused, besides.spec.rate) = (old.spec.isPaused, old.spec.rate)
            guard Resource.replay(besides).isSameManifest(as: .replay(old)) else {
                throw .ownedBy(file: file, name, but: "; only spec.paused and spec.rate can change here")
            }
        }
        if new.spec != old.spec, let state = replays[old.identity]?.state(of: old.spec),
            state == .completed || state == .cancelled
        {
            throw .conflict("Replay \(name) is \(state.rawValue), and can change no more: create another")
        }
        return new
    }

    /// Durable before anything comes of it.
    private func store(
        _ row: StoredResource, adopting replay: StoredResource, forgetting others: [ResourceIdentity] = []
    ) async throws(ReplayRefusal) {
        do {
            try await store.write([row], forget: others)
        } catch {
            throw .unavailable("The node's store cannot be written: \(error)")
        }
        for other in others { stored[other] = nil }
        stored[row.key] = row
        adopt(replay)
        logger.notice(LogMessage.resourceApplied, metadata: [LogKey.resource: "\(replay.key)"])
    }

    private func answer(_ identity: ResourceIdentity) async throws(ReplayRefusal) -> DocumentNode {
        guard let document = await document(kind: ResourceKind.replay, namespace: identity.namespace, name: identity.name) else {
            throw .notFound(identity.name)
        }
        return document
    }
}
