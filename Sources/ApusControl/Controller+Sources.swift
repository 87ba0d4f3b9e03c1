import ApusDispatch
import ApusIntake
import ApusPorts
package import ApusResources
import ApusTelemetry
import CloudEvents
import Logging

extension Controller {
    /// The kinds of sources that this node knows, for whatever reads documents.
    package nonisolated var catalog: SourceCatalog { SourceCatalog(sources?.kinds.map { $0.schema } ?? []) }

    /// Starts, stops and changes sources until those run that are wished for, are not paused, and have a sink.
    func reconcileSources() async {
        while true {
            let wanted = plannedSources()
            let isWanted = { (identity: ResourceIdentity, service: SourceService) in
                wanted[identity]?.fingerprint == service.fingerprint
            }
            guard sourceServices.allSatisfy(isWanted) else {
                // While they let go, the wishes may change: they are looked at anew.
                await stopSources { !isWanted($0, $1) }
                continue
            }
            guard !isEnding else { return }
            for (identity, planned) in wanted.sorted(by: { "\($0.key)" < "\($1.key)" })
            where sourceServices[identity] == nil && !leavingSources.contains(identity) { start(planned) }
            return
        }
    }

    private func plannedSources() -> [ResourceIdentity: PlannedSource] {
        let resolver = resolver
        var wanted: [ResourceIdentity: PlannedSource] = [:]
        for case .source(let source) in resources.values {
            let planned = PlannedSource(source, resolver: resolver)
            if planned.runs { wanted[source.identity] = planned }
        }
        return wanted
    }

    /// All at once: each may take its time to let go.
    func stopSources(where isUnwanted: (ResourceIdentity, SourceService) -> Bool) async {
        let leaving = sourceServices.filter(isUnwanted)
        for identity in leaving.keys { sourceServices[identity] = nil }
        leavingSources.formUnion(leaving.keys)
        let clock = sourceClock
        await withDiscardingTaskGroup { group in
            for service in leaving.values { group.addTask { await service.stop(clock: clock) } }
        }
        leavingSources.subtract(leaving.keys)
        for identity in leaving.keys {
            logger.notice(LogMessage.sourceStopped, metadata: [LogKey.resource: "\(identity)"])
            if resources[identity] == nil { SourceMeters.drop(meters, identity) }
        }
    }

    private var sourceClock: SourceClock { SourceClock(now: environment.now, sleep: environment.sleep) }

    private func start(_ planned: PlannedSource) {
        let identity = planned.source.identity
        guard let sources, let kind = sources.kinds.first(where: { $0.schema.kind.kind == identity.kind }),
            let sink = planned.destination
        else { return }
        let report = SourceReport(meters: SourceMeters(meters, identity))
        let uid = planned.source.metadata.uid
        let context = SourceContext(
            identity: identity, uid: uid,
            emitter: OverridingEmitter(
                sink: emitter(of: planned, sink, report), overrides: planned.source.overrides, meters: report.meters,
                keepsUnreadable: planned.broker != nil, resource: "\(identity)", logger: logger),
            progress: StoredProgress(sources.progress, uid: uid), reporter: report, clock: sourceClock,
            makeID: environment.makeUID, seed: environment.seed(), secrets: sources.secrets)
        sourceServices[identity] = SourceService(
            fingerprint: planned.fingerprint, kind: kind, resource: planned.source, context: context, report: report,
            logger: logger)
        logger.notice(LogMessage.sourceStarted, metadata: [LogKey.resource: "\(identity)"])
    }

    private func emitter(
        of planned: PlannedSource, _ sink: ResolvedDestination, _ report: SourceReport
    ) -> any EventEmitter {
        let source = planned.source
        if let broker = planned.broker {
            let owner = DoorEmitter.Owner(
                name: "\(source.identity.kind)/\(source.identity.name)",
                uri: source.schema.eventAttributes(source).first?.source ?? "/\(source.identity.name)")
            return DoorEmitter(
                intake: intake, namespace: broker.namespace, broker: broker.name, owner: owner, clock: sourceClock)
        }
        return SinkEmitter(
            destination: Destination(url: sink.url, caCerts: sink.caCerts), namespace: source.metadata.namespace,
            policy: DeliveryPolicy(source.effectiveDelivery, jitter: 0.1), sinks: sinks, clock: sourceClock,
            seed: environment.seed(), retrying: { report.note("sink-retry", $0) })
    }

    /// What is known of a source, for its status.
    func facts(of source: SourceResource, resolver: DestinationResolver) -> SourceFacts {
        let planned = PlannedSource(source, resolver: resolver)
        let readiness: Readiness
        if source.isPaused {
            readiness = .ready
        } else if let service = sourceServices[source.identity] {
            readiness = service.report.current.readiness
        } else {
            readiness = .unknown(reason: Reason.sourceStarting, message: "The source waits for its sink.")
        }
        return SourceFacts(sink: planned.sink, source: readiness, isPaused: source.isPaused)
    }
}

/// A source put together with what its sink resolves to. Pure.
struct PlannedSource: Sendable {
    let source: SourceResource
    let sink: Resolution
    /// The Broker of this node that is the sink, where one is: its events go through the door, and not over HTTP.
    let broker: ResourceIdentity?

    init(_ source: SourceResource, resolver: DestinationResolver) {
        self.source = source
        sink = resolver.resolve(source.sink, namespace: source.metadata.namespace)
        broker = resolver.broker(of: source.sink, namespace: source.metadata.namespace)
    }

    var destination: ResolvedDestination? { sink.destination }

    /// Whether it is to run.
    var runs: Bool { !source.isPaused && destination != nil }

    /// Equal text is an equal source: nothing is to be started anew.
    var fingerprint: String {
        let document = DesiredResource(resource: .source(source), file: "").document
        return "\(source.metadata.uid) \(document) \(sink) \(broker.map { "\($0)" } ?? "")"
    }
}
