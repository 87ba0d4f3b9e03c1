import ApusDispatch
import ApusHistory
import ApusIntake
import ApusPorts
import ApusResources
import ApusTelemetry
import CloudEvents
import EventFilters
import Logging

extension Controller {
    /// Makes what runs equal to what is desired. Safe to call at any time; what is as it should be costs nothing.
    func reconcile() async {
        for identity in services.keys.sorted(by: { "\($0)" < "\($1)" }) where !isWanted(identity) { await stopBroker(identity) }
        failures = failures.filter { resources[$0.key] != nil }
        triggerFailures = triggerFailures.filter { resources[$0.key] != nil }
        for broker in brokers where services[broker.identity] == nil { await startBroker(broker) }
        for broker in brokers { await reconcileTriggers(of: broker) }
        await reconcileSources()
        await reconcileReplays()
        updateStatus()
    }

    var brokers: [Broker] {
        resources.values.compactMap { if case .broker(let broker) = $0 { broker } else { nil } }
            .sorted { "\($0.identity)" < "\($1.identity)" }
    }

    var triggers: [Trigger] {
        resources.values.compactMap { if case .trigger(let trigger) = $0 { trigger } else { nil } }
            .sorted { "\($0.identity)" < "\($1.identity)" }
    }

    func triggers(of broker: Broker) -> [Trigger] {
        triggers.filter { $0.metadata.namespace == broker.metadata.namespace && $0.brokerName == broker.metadata.name }
    }

    /// Finds where references point: `--resolve`, ConfigMaps named `apus-names`, and this node's own brokers.
    var resolver: DestinationResolver {
        var names = settings.names
        for case .configMap(let map) in resources.values where map.holdsNames { names.add(map) }
        let ingress = ingressURL
        let known = Set(brokers.map(\.identity))
        return DestinationResolver(names: names) { namespace, name in
            let identity = ResourceIdentity(kind: Broker.kind, namespace: namespace, name: name)
            guard let ingress, known.contains(identity) else { return nil }
            return "\(ingress)/\(namespace)/\(name)"
        }
    }

    private func isWanted(_ identity: ResourceIdentity) -> Bool {
        guard let service = services[identity], case .broker(let broker)? = resources[identity] else { return false }
        return service.uid == broker.metadata.uid && service.brokerClass == broker.effectiveClass
    }

    private func startBroker(_ broker: Broker) async {
        let identity = broker.identity
        guard let backend = backends.first(where: { $0.brokerClass == broker.effectiveClass }) else {
            let readiness = BrokerStatus.unknownClass(broker.effectiveClass, known: backends.map { $0.brokerClass })
            fail(identity, BrokerFailure(readiness: readiness, isTransient: false))
            return
        }
        do {
            services[identity] = try await open(broker, with: backend)
            failures[identity] = nil
            logger.notice(
                LogMessage.brokerOpened, metadata: [LogKey.namespace: "\(identity.namespace)", LogKey.broker: "\(identity.name)"])
        } catch {
            let readiness = Readiness.notReady(
                reason: Reason.logUnavailable, message: "The log cannot be opened: \(error)")
            fail(identity, BrokerFailure(readiness: readiness, isTransient: true))
        }
    }

    /// Keeps why a broker does not run, and says it once.
    private func fail(_ identity: ResourceIdentity, _ failure: BrokerFailure) {
        defer { failures[identity] = failure }
        guard failures[identity] != failure, case .notReady(_, let message) = failure.readiness else { return }
        logger.error(
            LogMessage.brokerNotOpened,
            metadata: [
                LogKey.namespace: "\(identity.namespace)", LogKey.broker: "\(identity.name)", LogKey.error: "\(message)",
            ])
    }

    private func open(_ broker: Broker, with backend: any LogBackend.Type) async throws -> BrokerService {
        let identity = broker.identity
        let opened = try await backend.open(context(of: broker))
        let door = intake.makeDoor(namespace: identity.namespace, broker: identity.name, log: opened.log)
        let dispatcher = BrokerDispatcher(
            namespace: identity.namespace, broker: identity.name, log: opened.log, cursors: opened.cursors, door: door,
            sinks: sinks, executor: sinks.makeExecutor(), meters: meters, logger: logger, seed: environment.seed(),
            bounds: settings.dispatch)
        try await dispatcher.start()
        return BrokerService(
            key: identity, uid: broker.metadata.uid, brokerClass: broker.effectiveClass, log: opened.log,
            cursors: opened.cursors, door: door, dispatcher: dispatcher,
            history: BrokerHistory(
                namespace: identity.namespace, broker: identity.name, log: opened.log, cursors: opened.cursors))
    }

    func context(of broker: Broker) -> BackendContext {
        BackendContext(
            namespace: broker.metadata.namespace, broker: broker.metadata.name, uid: broker.metadata.uid,
            dataDirectory: settings.dataDirectory, clock: environment.now)
    }

    /// Closes the doors first, then lets go of the log; its file stays (promise 23).
    private func stopBroker(_ identity: ResourceIdentity) async {
        guard let service = services.removeValue(forKey: identity) else { return }
        intake.close(namespace: identity.namespace, broker: identity.name)
        await stopReplays(of: identity)
        service.history.close()
        await service.dispatcher.drain(within: .seconds(5))
        await service.log.close()
        logger.notice(
            LogMessage.brokerClosed, metadata: [LogKey.namespace: "\(identity.namespace)", LogKey.broker: "\(identity.name)"])
    }

    private func reconcileTriggers(of broker: Broker) async {
        guard var service = services[broker.identity] else { return }
        let wanted = triggers(of: broker), resolver = resolver
        do {
            try await service.dispatcher.removeAll(except: Set(wanted.map(\.metadata.name)))
        } catch {
            logger.error(
                LogMessage.triggersNotRetired, metadata: [LogKey.broker: "\(broker.identity)", LogKey.error: "\(error)"])
        }
        service.applied = service.applied.filter { name, _ in wanted.contains { $0.metadata.name == name } }
        for trigger in wanted {
            let plan = PlannedTrigger(trigger, broker: broker, resolver: resolver)
            guard service.applied[trigger.metadata.name] != plan.fingerprint else { continue }
            await report(Trigger.kind, broker.metadata.namespace, trigger.metadata.name) {
                try await service.dispatcher.apply(try plan.make())
                service.applied[trigger.metadata.name] = plan.fingerprint
            }
        }
        services[broker.identity] = service
        await openDoor(of: broker, service: service, triggers: wanted)
    }

    private func report(_ kind: String, _ namespace: String, _ name: String, _ change: () async throws -> Void) async {
        let identity = ResourceIdentity(kind: kind, namespace: namespace, name: name)
        do {
            try await change()
            triggerFailures[identity] = nil
        } catch {
            triggerFailures[identity] = "\(error)"
            logger.error(LogMessage.triggerNotApplied, metadata: [LogKey.resource: "\(identity)", LogKey.error: "\(error)"])
        }
    }

    /// The door opens once every trigger's cursor is durable: no event slips by a trigger that was there before it.
    private func openDoor(of broker: Broker, service: BrokerService, triggers: [Trigger]) async {
        var filters: [(id: Int, filter: CompiledFilter)] = []
        for (id, trigger) in triggers.enumerated() {
            guard let filter = try? trigger.compiledFilter() else { continue }
            filters.append((id, filter))
        }
        service.door.update(filters: FilterIndex(filters))
        do {
            try await service.door.update(deduplicationWindow: broker.options.deduplicationWindow)
        } catch {
            logger.error(LogMessage.windowNotFilled, metadata: [LogKey.broker: "\(broker.identity)", LogKey.error: "\(error)"])
        }
        intake.open(service.door)
    }
}
