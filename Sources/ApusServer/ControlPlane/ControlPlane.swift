package import ApusControl
import ApusResources
package import ApusTelemetry
import HTTPTypes
import Hummingbird
package import Logging
import NIOCore
package import NIOPosix

/// The control plane's HTTP server: resources as Kubernetes serves them, metrics, health (promises, "Doors").
///
///     GET /healthz  /readyz  /metrics  /version
///     GET /apis  /apis/{group}/{version}
///     GET /apis/{group}/{version}/{plural}
///     GET /apis/{group}/{version}/namespaces/{namespace}/{plural}[/{name}]
///     POST, PUT, PATCH, DELETE /apis/apus.dev/v1alpha1/namespaces/{namespace}/replays[/{name}]
///     GET /v1/namespaces/{namespace}/brokers/{name}/events…     see EventRoutes
///     GET /v1/why?id=…  …/events/{position}/passport            see PassportRoutes
package struct ControlPlane: Sendable {
    let controller: Controller
    private let meters: Meters
    private let version: String
    private let logger: Logger
    /// Randomness, for names that the node makes.
    private let seed: @Sendable () -> UInt64

    package init(
        controller: Controller, meters: Meters, version: String, logger: Logger, seed: @escaping @Sendable () -> UInt64
    ) {
        self.seed = seed
        self.controller = controller
        self.meters = meters
        self.version = version
        self.logger = logger
    }

    /// Serves until the task is cancelled. `running` is told the port once the server listens.
    package func run(
        host: String, port: Int, group: MultiThreadedEventLoopGroup, running: @escaping @Sendable (Int) -> Void
    ) async throws {
        // Its own lines are about connections that come and go; what a person should see, this room says.
        var quiet = logger
        quiet.logLevel = .critical
        let router = Router()
        addHealth(to: router)
        addResources(to: router)
        addDeadLetters(to: router)
        addEvents(to: router, group: group)
        ReplayRoutes(kinds: controller.catalog.served, writer: ReplayWriter(controller, seed: seed)).add(to: router)
        addPassports(to: router)
        router.add(middleware: NotFound())
        let application = Application(
            router: router, configuration: .init(address: .hostname(host, port: port)),
            onServerRunning: { channel in running(channel.localAddress?.port ?? port) },
            eventLoopGroupProvider: .shared(group), logger: quiet)
        try await application.run()
    }

    private func addHealth(to router: Router<BasicRequestContext>) {
        let controller = self.controller, meters = self.meters, version = self.version
        router.get("healthz") { _, _ in Response.text("ok\n") }
        router.get("readyz") { _, _ in
            let problems = await controller.problems()
            guard problems.isEmpty else {
                return Response.text(problems.map { $0 + "\n" }.joined(), status: .serviceUnavailable)
            }
            return Response.text("ready\n")
        }
        router.get("metrics") { _, _ in
            await controller.refreshMeters()
            return Response.text(meters.prometheusText(), type: "text/plain; version=0.0.4; charset=utf-8")
        }
        router.get("version") { _, _ in Response.json(#"{"gitVersion":"\#(version)","platform":"apus"}"#) }
    }
}

extension Response {
    static func text(
        _ text: String, status: HTTPResponse.Status = .ok, type: String = "text/plain; charset=utf-8"
    ) -> Response {
        Response(
            status: status, headers: [.contentType: type], body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }

    static func json(_ text: String, status: HTTPResponse.Status = .ok) -> Response {
        self.text(text + "\n", status: status, type: "application/json")
    }
}

/// Kubernetes' `Status` object for paths that nothing serves.
private struct NotFound: RouterMiddleware {
    @concurrent
    func handle(
        _ request: Request, context: BasicRequestContext,
        next: @concurrent (Request, BasicRequestContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as HTTPError where error.status == .notFound {
            let message = "there is nothing at \(request.uri.path); see GET /apis for the resources"
            return ControlPlane.failure(code: 404, reason: "NotFound", message: message)
        }
    }
}
