import ApusDispatch
import ApusPorts
package import ApusResources
import CloudEvents

extension Controller {
    /// Writes what is known into every resource's status. Brokers first: a trigger's readiness follows from its broker's.
    func updateStatus() {
        let now = environment.now(), resolver = resolver
        for broker in brokers {
            var broker = broker
            broker.status = BrokerStatus.make(broker, facts: facts(of: broker, resolver: resolver), now: now)
            resources[broker.identity] = .broker(broker)
        }
        for trigger in triggers {
            var trigger = trigger
            trigger.status = TriggerStatus.make(trigger, facts: facts(of: trigger, resolver: resolver), now: now)
            resources[trigger.identity] = .trigger(trigger)
        }
        for case .source(var source) in resources.values {
            source.status = SourceStatus.make(source, facts: facts(of: source, resolver: resolver), now: now)
            resources[source.identity] = .source(source)
        }
        for var replay in replayResources {
            replay.status = ReplayStatus.make(replay, facts: facts(of: replay), now: now)
            resources[replay.identity] = .replay(replay)
        }
    }

    private func facts(of broker: Broker, resolver: DestinationResolver) -> BrokerFacts {
        let identity = broker.identity
        var log = failures[identity]?.readiness ?? .ready
        if services[identity] == nil, failures[identity] == nil {
            log = .unknown(reason: Reason.logUnavailable, message: "The log is being opened.")
        }
        if let problem = services[identity]?.log.health {
            log = .notReady(reason: Reason.logUnavailable, message: problem.sentence)
        }
        var informational: [Condition] = []
        if let backend = backends.first(where: { $0.brokerClass == broker.effectiveClass }) {
            informational.append(
                Condition("Durability", .yes, severity: .info, reason: backend.brokerClass, message: backend.durability))
        }
        return BrokerFacts(
            url: ingressURL.map { "\($0)/\(identity.namespace)/\(identity.name)" }, log: log,
            deadLetterSink: resolver.resolve(broker.spec.delivery?.deadLetterSink, namespace: identity.namespace),
            informational: informational)
    }

    private func facts(of trigger: Trigger, resolver: DestinationResolver) -> TriggerFacts {
        let broker = self.broker(of: trigger)
        let planned = PlannedTrigger(trigger, broker: broker, resolver: resolver)
        var subscription = Readiness.ready
        if let problem = triggerFailures[trigger.identity] {
            subscription = .notReady(reason: Reason.notSubscribed, message: problem)
        } else if broker.flatMap({ services[$0.identity]?.applied[trigger.metadata.name] }) == nil {
            subscription = .unknown(
                reason: Reason.subscriptionNotConfigured, message: "The trigger waits for its broker's log.")
        }
        return TriggerFacts(
            broker: TriggerStatus.readiness(of: broker, named: trigger.brokerName), subscriber: planned.subscriber,
            deadLetterSink: planned.deadLetterSink, subscription: subscription)
    }

    private func broker(of trigger: Trigger) -> Broker? {
        let identity = ResourceIdentity(
            kind: Broker.kind, namespace: trigger.metadata.namespace, name: trigger.brokerName)
        guard case .broker(let broker)? = resources[identity] else { return nil }
        return broker
    }

    /// A kind's resources as a Kubernetes list, `status` as of now; all namespaces where `namespace` is nil.
    package func list(kind: ResourceKind, namespace: String?) async -> DocumentNode {
        if kind.kind == Replay.kind { await refreshReplays() }
        updateStatus()
        var items: [DocumentNode] = []
        for identity in resources.keys.sorted(by: { "\($0)" < "\($1)" })
        where identity.kind == kind.kind && (namespace == nil || identity.namespace == namespace) {
            if let document = await document(identity) { items.append(document.inVersion(kind.apiVersion)) }
        }
        let version = stored.values.map(\.resourceVersion).max() ?? 0
        return .mapping([
            ("apiVersion", .string(kind.apiVersion)), ("kind", .string("\(kind.kind)List")),
            ("metadata", .mapping([("resourceVersion", .string(String(version)))])), ("items", .sequence(items)),
        ])
    }

    /// One resource with its status as of now; nil where there is none.
    package func document(kind: ResourceKind, namespace: String, name: String) async -> DocumentNode? {
        if kind.kind == Replay.kind { await refreshReplays() }
        updateStatus()
        return await document(ResourceIdentity(kind: kind.kind, namespace: namespace, name: name))?.inVersion(kind.apiVersion)
    }

    private func document(_ identity: ResourceIdentity) async -> DocumentNode? {
        guard let resource = resources[identity] else { return nil }
        var annotations: [String: String] = [:]
        if let file = stored[identity]?.file { annotations["apus.dev/file"] = file }
        switch resource {
        case .broker(var broker):
            broker.status.annotations = annotations
            return Resource.broker(broker).document()
        case .trigger(var trigger):
            if let broker = broker(of: trigger), let service = services[broker.identity] {
                annotations.merge(await service.dispatcher.progress().annotations(of: identity.name)) { $1 }
            }
            trigger.status.annotations = annotations
            return Resource.trigger(trigger).document()
        case .source(var source):
            if let report = sourceServices[identity]?.report { annotations.merge(report.annotations) { $1 } }
            source.status.annotations = annotations
            return Resource.source(source).document()
        case .replay(var replay):
            replay.status.annotations = annotations
            return Resource.replay(replay).document()
        case .configMap: return resource.document()
        }
    }

    /// Why the node cannot do its work; empty where it can. A node without brokers is ready.
    package func problems() -> [String] {
        brokers.compactMap { broker in
            let place = "broker \(broker.metadata.namespace)/\(broker.metadata.name)"
            if let problem = services[broker.identity]?.log.health { return "\(place): \(problem.sentence)" }
            if case .notReady(_, let message)? = failures[broker.identity]?.readiness { return "\(place): \(message)" }
            return services[broker.identity] == nil ? "\(place): The log is being opened." : nil
        }
    }

    /// Sets the gauges that are only worth computing when someone looks: asking for a trigger's progress does.
    package func refreshMeters() async {
        for service in services.values { _ = await service.dispatcher.progress() }
        await refreshReplays()
        refreshReplayMeters()
    }
}

extension DocumentNode {
    /// As another version of its group, which has the same fields.
    fileprivate func inVersion(_ apiVersion: String) -> DocumentNode {
        guard case .mapping(var members) = content, let index = members.firstIndex(where: { $0.name == "apiVersion" }) else {
            return self
        }
        members[index].value = .string(apiVersion)
        return DocumentNode(.mapping(members), line: line)
    }
}
