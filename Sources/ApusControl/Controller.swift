package import ApusDispatch
import ApusHistory
package import ApusIntake
package import ApusPorts
package import ApusResources
package import ApusTelemetry
package import CloudEvents
package import Logging

/// Turns desired resources into running brokers and triggers, and writes down how they are.
///
/// One loop calls it (``run()``): it looks at the files, tries again what failed, and trims. Nothing here is on an event's way.
package actor Controller {
    package struct Settings: Sendable {
        package var dataDirectory: String
        /// What `--resolve` gave.
        package var names: NameTable
        package var files: ManifestFiles?
        package var dispatch: DispatchBounds

        package init(dataDirectory: String, names: NameTable, files: ManifestFiles?, dispatch: DispatchBounds = DispatchBounds())
        {
            self.dataDirectory = dataDirectory
            self.names = names
            self.files = files
            self.dispatch = dispatch
        }
    }

    /// What the controller needs from outside: time, randomness, identities.
    package struct Environment: Sendable {
        package var now: @Sendable () -> Timestamp
        package var makeUID: @Sendable () -> String
        package var seed: @Sendable () -> UInt64
        package var sleep: @Sendable (Duration) async -> Void

        package init(
            now: @escaping @Sendable () -> Timestamp, makeUID: @escaping @Sendable () -> String,
            seed: @escaping @Sendable () -> UInt64,
            sleep: @escaping @Sendable (Duration) async -> Void
        ) {
            self.now = now
            self.makeUID = makeUID
            self.seed = seed
            self.sleep = sleep
        }
    }

    let settings: Settings
    let environment: Environment
    let store: any ResourceStore
    let backends: [any LogBackend.Type]
    /// nil in a node without sources.
    let sources: SourceSupport?
    let intake: Intake
    let sinks: any EventSinkFactory
    let meters: Meters
    let logger: Logger

    /// The data plane's base, e.g. `http://127.0.0.1:8080`; nil until it listens.
    var ingressURL: String?
    /// Everything that is stored, removed resources included.
    var stored: [ResourceIdentity: StoredResource] = [:]
    /// What is desired now, with its status.
    var resources: [ResourceIdentity: Resource] = [:]
    /// The files as they were when they were last read: what changes from then on, before ``run()`` too, is applied.
    private var read: ManifestFiles.Fingerprint?
    var services: [ResourceIdentity: BrokerService] = [:]
    var failures: [ResourceIdentity: BrokerFailure] = [:]
    /// Why a trigger is not subscribed, by its identity.
    var triggerFailures: [ResourceIdentity: String] = [:]
    var sourceServices: [ResourceIdentity: SourceService] = [:]
    /// Sources that have been cancelled and have not let go yet: another of the same name has to wait.
    var leavingSources: Set<ResourceIdentity> = []
    var replays: [ResourceIdentity: ReplayService] = [:]
    /// Who changes what replays there are and what they do, or edits a dead letter.
    let replayTurn = Turnstile()
    /// The count that was begun last: one waits for another.
    var lastCount: Task<Void, Never>?
    /// The node ends: logs are being closed, and nothing may open or trim one, or start a source.
    private(set) var isEnding = false

    package init(
        settings: Settings, environment: Environment, store: any ResourceStore, backends: [any LogBackend.Type],
        sources: SourceSupport? = nil, intake: Intake, sinks: any EventSinkFactory, meters: Meters, logger: Logger
    ) {
        self.settings = settings
        self.environment = environment
        self.store = store
        self.backends = backends
        self.sources = sources
        self.intake = intake
        self.sinks = sinks
        self.meters = meters
        self.logger = logger
    }

    /// Takes up what is stored, then what the files say, and starts it all.
    package func start() async throws {
        for resource in try await store.loadAll() { stored[resource.key] = resource }
        for resource in stored.values where resource.removedAt == nil && resource.key.kind != ReplayOverride.kind {
            adopt(resource)
        }
        await applyFiles()
        await reconcile()
    }

    /// The data plane listens there: brokers are addressable from now on.
    package func listening(at url: String) async {
        ingressURL = url
        await reconcile()
    }

    /// Looks at the files five times a second, tries failed brokers again, and trims, until the task is cancelled.
    package func run() async {
        var debounce = settings.files.map { ManifestDebounce(applied: read ?? $0.fingerprint()) }
        var turn = 0
        while !Task.isCancelled {
            await environment.sleep(.milliseconds(200))
            guard !isEnding else { return }
            turn += 1
            if let files = settings.files, debounce?.looked(at: files.fingerprint(), nowMilliseconds: turn * 200) == true {
                await applyFiles()
                await reconcile()
            }
            if turn.isMultiple(of: 10), failures.values.contains(where: \.isTransient) || !triggerFailures.isEmpty {
                await reconcile()
            }
            await pollReplays(isLongTurn: turn.isMultiple(of: 10))
            if turn.isMultiple(of: 300) {
                await forgetExpired()
                await forgetEndedReplays()
                await trim()
            }
        }
    }

    /// Stops dispatching in order: what is in flight finishes within `limit`, cursors are committed, logs are closed.
    package func shutdown(within limit: Duration) async {
        isEnding = true
        // Before the logs: what a source has in hand becomes durable.
        await stopSources { _, _ in true }
        let running = Array(services.values)
        for service in running { service.history.close() }
        await withDiscardingTaskGroup { group in
            group.addTask { await self.stopReplays(within: limit) }
            for service in running {
                service.history.close()
                group.addTask { await service.dispatcher.drain(within: limit) }
            }
        }
        await withDiscardingTaskGroup { group in
            for service in running { group.addTask { await service.log.close() } }
        }
        services.removeAll()
    }

    /// Applies all manifest files together, or none of them (promise 23).
    func applyFiles() async {
        guard let files = settings.files else {
            await apply(Manifests(), covers: { _ in false })
            return
        }
        read = files.fingerprint()
        do {
            let sources = try files.read().map { Manifests.Source(file: $0.path, text: $0.text) }
            await apply(try Manifests.load(sources, catalog: catalog), covers: files.covers)
        } catch {
            logger.error(LogMessage.manifestsRefused, metadata: [LogKey.error: "\(error)", LogKey.changed: "nothing"])
        }
    }

    private func apply(_ manifests: Manifests, covers: (String) -> Bool) async {
        let refusals = manifests.entries.flatMap { entry -> [FieldError] in
            guard let old = resources[entry.resource.identity] else { return [] }
            return Resource.validateUpdate(old: old, new: entry.resource).map { error in
                var placed = error
                placed.file = entry.file
                placed.line = entry.line
                return placed
            }
        }
        guard refusals.isEmpty else {
            logger.error(
                LogMessage.manifestsRefused, metadata: [LogKey.error: "\(FieldErrors(refusals))", LogKey.changed: "nothing"])
            return
        }
        let desired = manifests.entries.map { entry in
            DesiredResource(resource: entry.resource, file: entry.file ?? "")
        }
        let plan = FilePlan(
            desired: desired, stored: stored, covers: covers, now: environment.now(),
            nextVersion: nextVersion, makeUID: environment.makeUID)
        guard !plan.writes.isEmpty else { return }
        let dropped = ReplayOverride.dropped(by: plan.writes, stored: stored)
        do {
            try await store.write(plan.writes, forget: dropped)
        } catch {
            logger.error(LogMessage.manifestsNotStored, metadata: [LogKey.error: "\(error)", LogKey.changed: "nothing"])
            return
        }
        for key in dropped { stored[key] = nil }
        for resource in plan.writes {
            stored[resource.key] = resource
            if resource.removedAt == nil { adopt(resource) } else { resources[resource.key] = nil }
            logger.notice(
                resource.removedAt == nil ? LogMessage.resourceApplied : LogMessage.resourceRemoved,
                metadata: [LogKey.resource: "\(resource.key)"])
        }
    }

    var nextVersion: Int64 { (stored.values.map(\.resourceVersion).max() ?? 0) + 1 }

    /// Takes a stored document as desired; keeps the status that is known.
    func adopt(_ row: StoredResource) {
        do {
            var resource = try Resource(json: Array(row.document.utf8), catalog: catalog)
            resource.metadata.uid = row.uid
            resource.metadata.generation = row.generation
            resource.metadata.resourceVersion = row.resourceVersion
            resource.metadata.creationTimestamp = row.createdAt
            if case .replay(let replay) = resource, let over = stored[ReplayOverride.key(of: row.key)] {
                resource = .replay(ReplayOverride(over.document)?.applied(to: replay) ?? replay)
                resource.metadata.resourceVersion = max(row.resourceVersion, over.resourceVersion)
            }
            if let known = resources[row.key] { resource.takeStatus(from: known) }
            resources[row.key] = resource
        } catch {
            logger.error(LogMessage.resourceUnreadable, metadata: [LogKey.resource: "\(row.key)", LogKey.error: "\(error)"])
        }
    }
}

extension DesiredResource {
    /// The wish that a manifest makes: spec and given metadata, none of what the control plane adds.
    init(resource: Resource, file: String) {
        var bare = resource
        let metadata = resource.metadata
        bare.metadata = ObjectMeta(
            name: metadata.name, namespace: metadata.namespace, labels: metadata.labels, annotations: metadata.annotations)
        self.init(key: resource.identity, document: bare.document(withStatus: false).json(), file: file)
    }
}

extension Resource {
    fileprivate mutating func takeStatus(from other: Resource) {
        switch (self, other) {
        case (.broker(var new), .broker(let old)):
            new.status = old.status
            self = .broker(new)
        case (.trigger(var new), .trigger(let old)):
            new.status = old.status
            self = .trigger(new)
        case (.source(var new), .source(let old)):
            new.status = old.status
            self = .source(new)
        case (.replay(var new), .replay(let old)):
            new.status = old.status
            self = .replay(new)
        default: break
        }
    }
}
