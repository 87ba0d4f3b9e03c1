import ApusControl
import ApusDelivery
import ApusIntake
import ApusRegistry
import ApusServer
import ApusTelemetry
import BrokerSQLite
import Dispatch
import Logging
import NIOPosix
import Synchronization

/// The composition root: makes the rooms, starts them in order, and ends them in the other order.
///
///     lock → store → controller → brokers → data plane → control plane → files      start
///     data plane → dispatchers → cursors → logs → control plane → store → lock      end
struct Node: Sendable {
    struct Settings: Sendable {
        var files: [String]
        var dataDirectory: String
        var listen: ListenAddress
        var admin: ListenAddress
        /// What references resolve to: `namespace/Kind/name` → URL.
        var names: [String: String]
        var logFormat: LogFormat
        var drain: Duration
    }

    private let settings: Settings
    private let logger: Logger
    private let lock: DataDirectory

    init(_ settings: Settings) throws {
        self.settings = settings
        LogFormat.bootstrap(settings.logFormat)
        logger = Logger(label: "apus")
        lock = try DataDirectory(settings.dataDirectory)
    }

    func run() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: System.coreCount)
        let meters = Meters()
        let intake = Intake(meters: meters)
        let store = try await SQLiteResourceStore.open(dataDirectory: settings.dataDirectory)
        let dataPlane = DataPlaneServer(intake: intake, group: group, meters: meters, logger: logger)
        let address = try await dataPlane.bind(host: settings.listen.host, port: settings.listen.port)
        let controller = Controller(
            settings: Controller.Settings(
                dataDirectory: settings.dataDirectory, names: settings.names, ingressURL: "http://\(address)",
                files: settings.files),
            store: store, backends: Registry.backends, intake: intake, sinks: HTTPSinkFactory(group: group), meters: meters,
            logger: logger)
        await controller.start()
        try await dataPlane.serve()
        try await withThrowingDiscardingTaskGroup { tasks in
            tasks.addTask { await controller.run() }
            let control = ControlPlane(
                controller: controller, meters: meters, version: Version.text, logger: logger,
                readiness: { await controller.readiness() })
            let port = AsyncStream<Int>.makeStream()
            tasks.addTask {
                try await control.run(host: settings.admin.host, port: settings.admin.port, group: group) { bound in
                    port.continuation.yield(bound)
                }
            }
            for await bound in port.stream {
                logger.notice("apus is ready", metadata: ["data": "\(address)", "admin": "\(settings.admin.host):\(bound)"])
                break
            }
            let signal = await Signals.first()
            logger.notice("apus is ending", metadata: ["signal": "\(signal)"])
            await dataPlane.shutdown(within: settings.drain)
            await controller.shutdown(within: settings.drain)
            tasks.cancelAll()
        }
        await store.close()
        try await group.shutdownGracefully()
    }
}

/// SIGTERM and SIGINT as something to wait for.
enum Signals {
    static func first() async -> String {
        let arrivals = AsyncStream<String>.makeStream()
        let sources = [(SIGTERM, "SIGTERM"), (SIGINT, "SIGINT")].map { number, name in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number)
            source.setEventHandler { arrivals.continuation.yield(name) }
            source.resume()
            return source
        }
        defer { sources.forEach { $0.cancel() } }
        for await name in arrivals.stream { return name }
        return "none"
    }
}
