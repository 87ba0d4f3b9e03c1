import ApusControl
import ApusDelivery
import ApusIntake
import ApusPorts
import ApusRegistry
import ApusResources
import ApusServer
import ApusTelemetry
import Foundation
import Logging
import NIOCore
import NIOPosix

/// The composition root: makes the rooms, starts them in order, and ends them in the other order.
///
///     lock → store → brokers, triggers → data plane → control plane → ready
///     data plane → dispatchers, cursors, logs → control plane → store → lock
struct Node: Sendable {
    struct Settings: Sendable {
        var files: [String]
        var dataDirectory: String
        /// Where Secrets are; nil in a node without.
        var secrets: String?
        var listen: ListenAddress
        var admin: ListenAddress
        /// What references resolve to.
        var names: NameTable
        var limits: LimitSettings
        var logFormat: LogFormat
        var drain: Duration
    }

    private let settings: Settings
    private let logger: Logger

    init(_ settings: Settings) {
        self.settings = settings
        NodeLog.bootstrap(format: settings.logFormat)
        logger = Logger(label: "apus")
    }

    func run() async throws {
        let signals = Signals()
        let store = try await NodeStore.open(dataDirectory: settings.dataDirectory)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: System.coreCount)
        let meters = Meters()
        ProcessMetrics.register(in: meters, version: Version.text)
        let intake = Intake(limits: settings.limits.intake, meters: IntakeMeters(meters), clock: WallClock.now)
        let sinks = HTTPSinkFactory(group: group, userAgent: "apus/\(Version.text)", seed: .random(in: .min ... .max))
        let dataPlane = DataPlaneServer(
            intake: intake, group: group, limits: settings.limits.dataPlane, logger: logger, isReady: { intake.isHealthy })
        let controller = Controller(
            settings: Controller.Settings(
                dataDirectory: store.path, names: settings.names,
                files: settings.files.isEmpty ? nil : ManifestFiles(settings.files), dispatch: settings.limits.dispatch),
            environment: .system, store: store.resources, backends: Registry.backends,
            sources: SourceSupport(
                kinds: Registry.sources, progress: store.progress,
                secrets: settings.secrets.map(SecretFolder.lookup) ?? .none), intake: intake, sinks: sinks,
            meters: meters,
            logger: logger)
        try await controller.start()
        try await serve(controller, dataPlane, group: group, meters: meters, until: signals)
        sinks.close()
        await store.resources.close()
        try await group.shutdownGracefully()
        withExtendedLifetime(store) {}
    }

    private func serve(
        _ controller: Controller, _ dataPlane: DataPlaneServer, group: MultiThreadedEventLoopGroup, meters: Meters,
        until signals: Signals
    ) async throws {
        let control = ControlPlane(
            controller: controller, meters: meters, version: Version.text, logger: logger,
            seed: { .random(in: .min ... .max) })
        let admin = settings.admin, logger = logger
        let bound = try await openingDoor("--listen", at: settings.listen.text) {
            try await dataPlane.start(host: settings.listen.host, port: settings.listen.port)
        }
        let address = settings.listen.with(port: bound.port ?? settings.listen.port)
        await controller.listening(at: "http://\(address)")
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await controller.run() }
            tasks.addTask {
                try await openingDoor("--admin", at: admin.text) {
                    try await control.run(host: admin.host, port: admin.port, group: group) { port in
                        let places: Logger.Metadata = [LogKey.data: "\(address)", LogKey.admin: "\(admin.with(port: port))"]
                        logger.notice(LogMessage.ready, metadata: places)
                    }
                }
            }
            tasks.addTask {
                guard let signal = await signals.first() else { return }
                logger.notice(LogMessage.ending, metadata: [LogKey.signal: "\(signal)"])
            }
            // Whatever ends first ends the node: a signal, or a door that cannot be opened.
            let first = await tasks.nextResult()
            try await dataPlane.stop(grace: settings.drain)
            await controller.shutdown(within: settings.drain)
            tasks.cancelAll()
            try first?.get()
        }
        logger.notice(LogMessage.ended)
    }
}

extension Controller.Environment {
    /// The machine's clock and randomness.
    static let system = Controller.Environment(
        now: WallClock.now, makeUID: { UUID().uuidString.lowercased() }, seed: { .random(in: .min ... .max) },
        sleep: { duration in try? await Task.sleep(for: duration) })
}
