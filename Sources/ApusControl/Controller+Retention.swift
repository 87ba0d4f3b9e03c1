import ApusDispatch
import ApusPorts
import ApusResources
import ApusTelemetry
import CloudEvents
import Logging

extension Controller {
    /// Trims every broker's streams by their retention (promise 21). Nothing ahead of a live cursor or parked goes, unless
    /// forced.
    func trim() async {
        for broker in brokers {
            guard let service = services[broker.identity] else { continue }
            let options = broker.options
            let events = TrimPolicy(
                keepFrom: options.retentionForce ? .max : await keepFrom(.events, of: service),
                appendedBefore: before(options.retentionAge ?? .seconds(Limits.retentionDaysDefault * 86_400)),
                bytesMax: options.retentionBytes ?? Limits.retentionBytesDefault, recordsMax: options.retentionCount)
            let dead = TrimPolicy(
                keepFrom: await keepFrom(.dead, of: service),
                appendedBefore: before(.seconds(Limits.deadRetentionDaysDefault * 86_400)))
            for (stream, policy) in [(Stream.events, events), (.dead, dead)] {
                do {
                    let result = try await service.log.trim(stream, policy)
                    guard result.removed > 0 else { continue }
                    logger.info(
                        LogMessage.logTrimmed,
                        metadata: [
                            LogKey.broker: "\(broker.identity)", LogKey.stream: "\(stream.rawValue)",
                            LogKey.removed: "\(result.removed)",
                            LogKey.oldest: "\(result.oldest)",
                        ])
                } catch {
                    logger.error(
                        LogMessage.logNotTrimmed, metadata: [LogKey.broker: "\(broker.identity)", LogKey.error: "\(error)"])
                }
            }
        }
    }

    /// What triggers and replays still need of a stream.
    private func keepFrom(_ stream: Stream, of service: BrokerService) async -> Int64 {
        min(await service.dispatcher.keepFrom(stream), await replaysKeepFrom(stream, of: service))
    }

    private func before(_ age: Duration) -> Timestamp {
        let (seconds, attoseconds) = age.components
        let nanoseconds = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !nanoseconds.overflow else { return Timestamp(nanoseconds: .min) }
        let (result, overflow) = environment.now().nanoseconds.subtractingReportingOverflow(
            nanoseconds.partialValue + attoseconds / 1_000_000_000)
        return Timestamp(nanoseconds: overflow ? .min : result)
    }

    /// Forgets what was removed a day ago: rows, logs, cursors (promise 23).
    func forgetExpired() async {
        for service in services.values {
            do {
                try await service.dispatcher.forgetExpired()
            } catch {
                logger.error(
                    LogMessage.resourceNotForgotten, metadata: [LogKey.resource: "\(service.key)", LogKey.error: "\(error)"])
            }
        }
        for row in FilePlan.expired(stored.values, now: environment.now()) {
            do {
                try await forget(row)
                try await store.write([], forget: [row.key])
                stored[row.key] = nil
                logger.notice(LogMessage.resourceForgotten, metadata: [LogKey.resource: "\(row.key)"])
            } catch {
                logger.error(
                    LogMessage.resourceNotForgotten, metadata: [LogKey.resource: "\(row.key)", LogKey.error: "\(error)"])
            }
        }
    }

    private func forget(_ row: StoredResource) async throws {
        guard let resource = try? Resource(json: Array(row.document.utf8), catalog: catalog) else { return }
        switch resource {
        case .broker(var broker):
            broker.metadata.uid = row.uid
            guard let backend = backends.first(where: { $0.brokerClass == broker.effectiveClass }) else { return }
            try await removeReplays(of: row.key)
            try await backend.remove(context(of: broker))
        case .trigger(let trigger):
            let broker = ResourceIdentity(
                kind: Broker.kind, namespace: trigger.metadata.namespace, name: trigger.brokerName)
            try await services[broker]?.dispatcher.forget(trigger.metadata.name)
        case .configMap: break
        case .replay(let replay):
            if let cursors = services[replay.broker]?.cursors { try await ReplayRun.forget(replay.metadata.name, in: cursors) }
        case .source: try await sources?.progress.forgetProgress(of: row.uid)
        }
    }
}
