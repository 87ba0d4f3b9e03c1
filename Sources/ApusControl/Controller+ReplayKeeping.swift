import ApusDispatch
import ApusPorts
import ApusResources
import ApusTelemetry
import CloudEvents
import Logging

// How long replays are kept, what is kept for them, and what is said of them.
extension Controller {
    /// Those that will not run again by themselves.
    func endedReplays(among all: [Replay]) -> [ReplayKeeping.Ended] {
        all.compactMap { replay in
            guard let service = replays[replay.identity], service.isOver else { return nil }
            return ReplayKeeping.Ended(
                identity: replay.identity, endedAt: service.progress?.endedAt ?? replay.createdAt,
                isOfFile: stored[replay.identity]?.file != nil)
        }
    }

    /// Forgets those that ended long ago.
    func forgetEndedReplays() async {
        await replayTurn.enter()
        defer { replayTurn.leave() }
        for identity in ReplayKeeping.expired(endedReplays(among: replayResources), now: environment.now()) {
            do throws(ReplayRefusal) {
                try await removeReplay(identity)
            } catch {
                logger.error(
                    LogMessage.resourceNotForgotten,
                    metadata: [LogKey.resource: "\(identity)", LogKey.error: "\(error.message)"])
            }
        }
    }

    /// The log of a broker goes: a replay that it had must not begin anew on another log.
    func removeReplays(of broker: ResourceIdentity) async throws(ReplayRefusal) {
        await replayTurn.enter()
        defer { replayTurn.leave() }
        for replay in replays(of: broker) where stored[replay.identity]?.file == nil { try await removeReplay(replay.identity) }
    }

    /// Cancels a replay where it runs, and forgets it, with its progress. Whoever calls has the turn.
    func removeReplay(_ identity: ResourceIdentity) async throws(ReplayRefusal) {
        if let service = replays[identity] {
            service.counting?.cancel()
            // What is in flight has nowhere to be written any more.
            for run in service.runs { await run.drain(within: .zero) }
            replays[identity]?.run = nil
            do throws(LogError) {
                if let broker = services[service.broker] { try await ReplayRun.forget(identity.name, in: broker.cursors) }
            } catch {
                throw .log(error)
            }
        }
        do {
            try await store.write([], forget: [identity, ReplayOverride.key(of: identity)])
        } catch {
            throw .unavailable("The node's store cannot be written: \(error)")
        }
        stored[identity] = nil
        stored[ReplayOverride.key(of: identity)] = nil
        resources[identity] = nil
        replays[identity] = nil
        logger.notice(LogMessage.resourceRemoved, metadata: [LogKey.resource: "\(identity)"])
    }

    /// The first offset of a stream that a broker's replays still need; the end where they need none (promise 19).
    func replaysKeepFrom(_ stream: Stream, of broker: BrokerService) async -> Int64 {
        let bounds = broker.log.bounds(of: stream)
        var lowest = Int64.max
        for service in replays.values where service.broker == broker.key && service.stream == stream {
            if let run = service.run {
                lowest = min(lowest, await run.keepFrom(stream) ?? .max)
            } else if !service.isLoaded, !service.isOver {
                // What it needs is not known yet.
                lowest = min(lowest, service.pin ?? bounds.oldest.offset)
            } else if let pin = service.pin, pin >= bounds.oldest.offset {
                // What is gone already is kept for nobody.
                lowest = min(lowest, pin)
            }
        }
        return lowest
    }

    /// What is known of a replay; its status follows from it.
    func facts(of replay: Replay) -> ReplayFacts {
        let broker: Broker? = if case .broker(let broker)? = resources[replay.broker] { broker } else { nil }
        var progress = ReplayStatus(state: .pending)
        var facts = ReplayFacts(
            broker: TriggerStatus.readiness(of: broker, named: replay.spec.broker),
            target: .unknown(reason: Reason.replayWaits, message: "The replay waits for its broker's log."), progress: progress)
        guard let service = replays[replay.identity], service.uid == replay.metadata.uid else { return facts }
        facts.target = service.target
        facts.sink = service.sink
        progress = service.progress.map(ReplayStatus.init) ?? progress
        progress.state = service.state(of: replay.spec)
        if service.progress == nil, let bounds = service.bounds {
            progress.from = "\(Position(offset: bounds.from))"
            progress.until = "\(Position(offset: bounds.until))"
        }
        progress.counted = service.counted.map(Int64.init)
        if progress.state == .completed, let seen = service.progress { progress.counted = Int64(seen.matched) }
        // What it would need is of no account any more.
        if progress.state == .completed || progress.state == .cancelled { facts.target = .ready }
        if let sentence = service.sentence(of: replay.spec) { progress.message = sentence }
        facts.progress = progress
        return facts
    }

    /// Counts replays by their state, for whoever reads the metrics.
    func refreshReplayMeters() {
        meters.drop(.replays, [])
        for replay in replayResources {
            guard let state = replays[replay.identity]?.state(of: replay.spec) else { continue }
            let series = meters.gauge(.replays, [replay.metadata.namespace, replay.spec.broker, state.rawValue])
            series.set(series.value + 1)
        }
    }
}

extension ReplayService {
    /// Why it is as it is, where that is known here and not by its run.
    func sentence(of spec: ReplaySpec) -> String? {
        if let refusal { return refusal }
        guard !isOver else { return nil }
        if let before, !spec.isPaused {
            let others = before == 0 ? "it is the next" : "\(before) are before it"
            return "It waits for its turn: \(Limits.replaysRunningMax) replays of the broker run, and \(others)."
        }
        guard run == nil else { return nil }
        switch target {
        case .ready: return nil
        case .notReady(_, let message), .unknown(_, let message): return message
        }
    }
}

extension ReplayStatus {
    /// Without what the run does not know.
    init(_ progress: ReplayProgress) {
        self.init(
            state: progress.state, from: "\(Position(offset: progress.from))", until: "\(Position(offset: progress.until))",
            position: "\(Position(offset: progress.next))", scanned: Int64(progress.scanned),
            delivered: Int64(progress.delivered), failed: Int64(progress.failed), damaged: Int64(progress.damaged),
            message: progress.message ?? "", startedAt: progress.startedAt, completionTime: progress.endedAt)
    }
}
