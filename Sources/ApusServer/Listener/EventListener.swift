package import CloudEvents
import HTTPTypes
import Hummingbird
package import Logging
import NIOCore
import Synchronization

/// A subscriber for trying things out: takes events at any path, shows them to a closure, and fails on demand.
///
/// What `apus listen` runs. It is a good citizen: 200 for an event, 400 with a sentence for what is none.
package final class EventListener: Sendable {
    /// What a request held: one event, or why there was none.
    package struct Arrival: Sendable {
        package var path: String
        package var events: [CloudEvent]
        package var problem: String?
        /// How many requests with this event's `source` and `id` have come to this path so far, this one included.
        package var attempt: Int
        /// What is answered.
        package var status: Int
    }

    /// How answers are made to fail: `status` for the first `times` deliveries of each event, or for all where that is nil.
    package struct Failure: Sendable {
        package var status: Int
        package var times: Int?

        package init(status: Int, times: Int?) {
            self.status = status
            self.times = times
        }
    }

    /// Events whose attempts are counted; beyond it the oldest are forgotten, all at once.
    private static let countedEventsMax = 100_000

    private let failure: Failure?
    private let show: @Sendable (Arrival) -> Void
    private let attempts = Mutex<[String: Int]>([:])

    package init(failure: Failure?, show: @escaping @Sendable (Arrival) -> Void) {
        self.failure = failure
        self.show = show
    }

    /// Serves until the task is cancelled. `running` is told the port.
    package func run(
        host: String, port: Int, logger: Logger, running: @escaping @Sendable (Int) -> Void
    ) async throws {
        let router = Router()
        router.add(middleware: AnyPath { request in try await self.answer(to: request) })
        let application = Application(
            router: router, configuration: .init(address: .hostname(host, port: port)),
            onServerRunning: { channel in running(channel.localAddress?.port ?? port) }, logger: logger)
        try await application.run()
    }

    private func answer(to request: Request) async throws -> Response {
        var body: [UInt8] = []
        for try await part in request.body {
            body.append(contentsOf: part.readableBytesView)
            guard body.count <= 16 * 1_048_576 else { return Response(status: .contentTooLarge) }
        }
        let arrival = arrival(of: body, headers: request.headers, path: request.uri.path)
        show(arrival)
        guard arrival.status >= 300 else { return Response(status: .init(code: arrival.status)) }
        return Response.text(
            (arrival.problem ?? "apus listen was told to answer \(arrival.status)") + "\n", status: .init(code: arrival.status))
    }

    private func arrival(of body: [UInt8], headers: HTTPFields, path: String) -> Arrival {
        let block = HeaderBlock(headers.map { (name: $0.name.rawName, value: $0.value) })
        do throws(CloudEventError) {
            let events = try HTTPBinding.events(headers: block, body: body)
            let attempt = count(events, at: path)
            return Arrival(
                path: path, events: events, problem: nil, attempt: attempt, status: status(ofAttempt: attempt))
        } catch {
            return Arrival(path: path, events: [], problem: error.message, attempt: 1, status: 400)
        }
    }

    private func status(ofAttempt attempt: Int) -> Int {
        guard let failure else { return 200 }
        guard let times = failure.times else { return failure.status }
        return attempt <= times ? failure.status : 200
    }

    private func count(_ events: [CloudEvent], at path: String) -> Int {
        guard let first = events.first else { return 1 }
        return attempts.withLock { attempts in
            if attempts.count > Self.countedEventsMax { attempts.removeAll() }
            attempts["\(path)\u{0}\(first.source)\u{0}\(first.id)", default: 0] += 1
            return attempts["\(path)\u{0}\(first.source)\u{0}\(first.id)", default: 0]
        }
    }
}

/// Answers every method and path with one closure; Hummingbird's router has no route of that kind.
private struct AnyPath: RouterMiddleware {
    let answer: @Sendable (Request) async throws -> Response

    @concurrent
    func handle(
        _ request: Request, context: BasicRequestContext,
        next: @concurrent (Request, BasicRequestContext) async throws -> Response
    ) async throws -> Response {
        try await answer(request)
    }
}
