import ApusDispatch
import ApusPorts
import ApusResources
import ApusTelemetry
import CloudEvents
import Logging

extension Controller {
    /// Begins, holds, changes and ends replays until those run that may (``ReplayQueue``). One caller at a time.
    func reconcileReplays() async {
        await replayTurn.enter()
        defer { replayTurn.leave() }
        await turnReplays()
    }

    /// Whoever calls has the turn.
    func turnReplays() async {
        await dropReplays()
        guard !isEnding else { return }
        for replay in replayResources where replays[replay.identity] == nil {
            replays[replay.identity] = ReplayService(replay)
        }
        for broker in brokers where services[broker.identity] != nil { await reconcileReplays(of: broker) }
    }

    /// Whether a run has come to its end, or something may be there now that was missing: asked five times a second.
    func pollReplays(isLongTurn: Bool) async {
        guard replayTurn.isFree else { return }
        var isChanged = false
        for (identity, service) in replays {
            guard let run = service.run else {
                isChanged = isChanged || isLongTurn && !service.isOver
                continue
            }
            let state = await run.progress().state
            isChanged = isChanged || state.isOver && replays[identity]?.uid == service.uid
        }
        if isChanged { await reconcileReplays() }
    }

    /// In the order in which they were made.
    var replayResources: [Replay] {
        resources.values.compactMap { if case .replay(let replay) = $0 { replay } else { nil } }
            .sorted { ($0.createdAt, $0.metadata.name) < ($1.createdAt, $1.metadata.name) }
    }

    func replays(of broker: ResourceIdentity) -> [Replay] { replayResources.filter { $0.broker == broker } }

    /// What is known of how far each is, as of now.
    func refreshReplays() async {
        for (identity, service) in replays {
            guard let run = service.run else { continue }
            let progress = await run.progress()
            if replays[identity]?.uid == service.uid, replays[identity]?.run != nil { replays[identity]?.progress = progress }
        }
    }

    // MARK: Coming and going

    /// Lets go of the replays whose resource is gone or another; what is durable of them stays.
    private func dropReplays() async {
        for (identity, service) in replays {
            if case .replay(let replay)? = resources[identity], replay.metadata.uid == service.uid { continue }
            replays[identity] = nil
            service.counting?.cancel()
            await Self.drain(service.runs, within: .seconds(Limits.replayStopSeconds))
        }
    }

    /// A broker's log is going to be closed: its replays stop, and go on when it is there again.
    func stopReplays(of broker: ResourceIdentity) async {
        await replayTurn.enter()
        defer { replayTurn.leave() }
        let runs = replays.values.filter { $0.broker == broker }.flatMap(\.runs)
        for (identity, service) in replays where service.broker == broker {
            service.counting?.cancel()
            replays[identity]?.counting = nil
            replays[identity]?.run = nil
            replays[identity]?.bounds = nil
            replays[identity]?.isLoaded = false
        }
        await Self.drain(runs, within: .seconds(Limits.replayStopSeconds))
    }

    /// The node ends: what is in flight finishes within `limit`, and progress is durable.
    func stopReplays(within limit: Duration) async {
        await replayTurn.enter()
        defer { replayTurn.leave() }
        for service in replays.values { service.counting?.cancel() }
        let runs = replays.values.flatMap(\.runs)
        replays.removeAll()
        await Self.drain(runs, within: limit)
    }

    private static func drain(_ runs: [ReplayRun], within limit: Duration) async {
        await withDiscardingTaskGroup { group in
            for run in runs { group.addTask { await run.drain(within: limit) } }
        }
    }

    // MARK: One broker

    private func reconcileReplays(of broker: Broker) async {
        let triggers = plannedTriggers(of: broker), resolver = resolver
        for replay in replays(of: broker.identity) {
            guard let service = replays[replay.identity], !service.isOver else { continue }
            await look(at: PlannedReplay(replay, triggers: triggers, resolver: resolver))
        }
        let mine = replays(of: broker.identity)
        let queue = ReplayQueue(
            mine.compactMap { replay in
                guard let service = replays[replay.identity], service.run != nil else { return nil }
                return ReplayQueue.Candidate(
                    name: replay.metadata.name, createdAt: replay.createdAt, isRunning: !service.isHeld,
                    wantsToRun: !replay.spec.isPaused && !replay.spec.isCancelled)
            })
        for replay in mine { await tell(replay, queue) }
    }

    func plannedTriggers(of broker: Broker) -> [PlannedTrigger] {
        let resolver = resolver
        return triggers(of: broker).map { PlannedTrigger($0, broker: broker, resolver: resolver) }
    }

    /// Sees how far a replay is, and gives it a run where it can have one.
    private func look(at planned: PlannedReplay) async {
        let identity = planned.replay.identity
        guard let broker = services[planned.replay.broker], await load(planned.replay, broker),
            var service = replays[identity]
        else { return }
        service.sink = planned.sink
        service.target = planned.readiness
        guard !service.isOver else {
            replays[identity] = service
            return
        }
        if let run = service.run { service = await seen(service, run, planned) }
        keep(service, of: identity)
        guard service.run == nil, !service.isOver else { return }
        await begin(planned, broker)
    }

    /// How a replay is that has a run, after that was told what has changed around it.
    private func seen(_ service: ReplayService, _ run: ReplayRun, _ planned: PlannedReplay) async -> ReplayService {
        var service = service
        if planned.replay.spec.isCancelled { await run.cancel(within: .seconds(Limits.replayStopSeconds)) }
        let progress = await run.progress()
        service.progress = progress
        if progress.state.isOver, !service.isRetried {
            service.run = nil
            service.ending = run
            leave(run, planned.replay.identity)
            report(progress, of: planned.replay.identity)
        } else if let target = planned.target {
            // One that failed stands still by itself.
            service.isHeld = service.isHeld || progress.state == .failed
            if planned.fingerprint != service.fingerprint { await run.change(targets: target) }
            service.fingerprint = planned.fingerprint
        } else {
            // There is nobody to deliver to: it goes on from where it was when there is.
            await run.drain(within: .seconds(Limits.replayStopSeconds))
            service.progress = await run.progress()
            service.run = nil
        }
        return service
    }

    /// Nobody waits for the last outcomes of one that has ended.
    private func leave(_ run: ReplayRun, _ identity: ResourceIdentity) {
        Task {
            await run.drain(within: .seconds(Limits.replayStopSeconds))
            if replays[identity]?.ending === run { replays[identity]?.ending = nil }
        }
    }

    /// Looks once for what is durable of a replay. False where that cannot be read now.
    private func load(_ replay: Replay, _ broker: BrokerService) async -> Bool {
        let identity = replay.identity
        guard replays[identity]?.isLoaded == false else { return replays[identity] != nil }
        do throws(LogError) {
            let stored = try await ReplayRun.stored(replay.metadata.name, in: broker.cursors)
            guard replays[identity]?.uid == replay.metadata.uid else { return false }
            replays[identity]?.isLoaded = true
            replays[identity]?.progress = nil
            guard let stored, stored.uid == replay.metadata.uid else { return true }
            if stored.state == .pending {
                replays[identity]?.bounds = ReplayBounds(from: stored.from, until: stored.until)
            } else {
                replays[identity]?.progress = stored
            }
            return true
        } catch {
            notReady(identity, Reason.logUnavailable, error.sentence)
            return false
        }
    }

    private func begin(_ planned: PlannedReplay, _ broker: BrokerService) async {
        let replay = planned.replay, identity = replay.identity
        let hasBegun = replays[identity]?.progress != nil
        if replay.spec.isCancelled, !hasBegun || planned.target == nil {
            replays[identity]?.isAbandoned = true
            return
        }
        guard planned.target != nil else { return }
        let bounds: ReplayBounds
        do throws(ReplayRefusal) {
            bounds = try await self.bounds(of: replay, in: broker.log)
        } catch {
            if error.status == 422 { replays[identity]?.refusal = error.message }
            return notReady(identity, error.status == 422 ? Reason.rangeNotThere : Reason.logUnavailable, error.message)
        }
        guard let plan = planned.plan(bounds), replays[identity]?.uid == plan.uid else { return }
        replays[identity]?.bounds = bounds
        if await isBehind(plan, identity, broker) { return }
        // Two of one replay at once would write over each other.
        await replays[identity]?.ending?.drain(within: .zero)
        let run = ReplayRun(
            plan: plan, log: broker.log, cursors: broker.cursors, door: broker.door, sinks: sinks,
            executor: sinks.makeExecutor(), meters: meters, logger: logger, seed: environment.seed(),
            bounds: settings.dispatch)
        do throws(LogError) {
            // It goes when it is its turn.
            await run.pause()
            try await run.start()
        } catch {
            return notReady(identity, Reason.logUnavailable, error.sentence)
        }
        if replay.spec.isCancelled { await run.cancel(within: .seconds(Limits.replayStopSeconds)) }
        let progress = await run.progress()
        guard var service = replays[identity], service.uid == plan.uid, services[replay.broker] != nil else {
            return await run.drain(within: .seconds(Limits.replayStopSeconds))
        }
        service.run = run
        service.fingerprint = planned.fingerprint
        service.isHeld = true
        service.isRetried = service.isRetried && !replay.spec.isCancelled
        service.behind = nil
        (service.rate, service.maxInFlight) = (plan.rate, plan.maxInFlight)
        service.progress = progress
        replays[identity] = service
        count(plan, of: identity, in: broker)
    }

    /// Those of its durable entry; else those that were found when it was made.
    private func bounds(of replay: Replay, in log: any EventLog) async throws(ReplayRefusal) -> ReplayBounds {
        let service = replays[replay.identity]
        if let progress = service?.progress { return ReplayBounds(from: progress.from, until: progress.until) }
        if let bounds = service?.bounds { return bounds }
        return try await findBounds(of: replay, in: log)
    }

    func notReady(_ identity: ResourceIdentity, _ reason: String, _ message: String) {
        let readiness = Readiness.notReady(reason: reason, message: message)
        guard replays[identity] != nil, replays[identity]?.target != readiness else { return }
        replays[identity]?.target = readiness
        logger.error(
            LogMessage.replayNotStarted, metadata: [LogKey.resource: "\(identity)", LogKey.error: "\(message)"])
    }

    /// Holds a replay, lets it go, or changes its pace.
    private func tell(_ replay: Replay, _ queue: ReplayQueue) async {
        let identity = replay.identity, name = replay.metadata.name, spec = replay.spec
        guard var service = replays[identity], let run = service.run else { return }
        service.before = queue.waiting[name]
        if service.rate != spec.rate || service.maxInFlight != spec.maxInFlight {
            (service.rate, service.maxInFlight) = (spec.rate, spec.maxInFlight)
            await run.change(rate: spec.rate, maxInFlight: spec.maxInFlight)
        }
        let mayRun = queue.admitted.contains(name)
        if mayRun, service.isHeld {
            await run.resume()
            logger.notice(
                LogMessage.replayStarted,
                metadata: [
                    LogKey.resource: "\(identity)", LogKey.position: "\(Position(offset: service.progress?.next ?? 0))",
                ])
        } else if !mayRun, !service.isHeld {
            await run.pause()
        }
        service.isHeld = !mayRun
        service.isRetried = service.isRetried && !mayRun
        service.progress = await run.progress()
        keep(service, of: identity)
    }

    /// What was known while runs were asked: their count may have come meanwhile.
    private func keep(_ service: ReplayService, of identity: ResourceIdentity) {
        guard let held = replays[identity], held.uid == service.uid else { return }
        replays[identity] = service
        replays[identity]?.counted = held.counted
    }

    /// That one has failed, the run itself has said.
    private func report(_ progress: ReplayProgress, of identity: ResourceIdentity) {
        let metadata: Logger.Metadata = [LogKey.resource: "\(identity)", LogKey.events: "\(progress.delivered)"]
        if progress.state == .completed { logger.notice(LogMessage.replayCompleted, metadata: metadata) }
        if progress.state == .cancelled { logger.notice(LogMessage.replayCancelled, metadata: metadata) }
    }
}

extension Replay {
    var createdAt: Timestamp { metadata.creationTimestamp ?? Timestamp(nanoseconds: 0) }
}
