package import NIOCore
import NIOPosix

/// HTTP/1.1 exchanges from one event loop: connections that are kept and shared by endpoint, one timer for all deadlines.
///
/// No pipelining, no redirects. Used on its loop only; completions come there, exactly once, never before
/// ``exchange(_:with:timeout:completion:)`` has returned.
// Sendable without the compiler's proof: every member is touched on `loop` only; `close()` goes there.
package final class HTTPTransport: @unchecked Sendable {
    /// Deadlines are kept to this, and never fire early.
    private static let tickNanoseconds: Int64 = 10_000_000
    private static let wheelSlots = 512
    private static let idleSweep = TimeAmount.seconds(5)

    package let loop: any EventLoop
    let tls: TLSContexts
    private let bounds: ConnectionPool.Bounds
    private var endpoints: [HTTPEndpoint: EndpointConnections] = [:]
    private var wheel: DeadlineWheel<ClientExchange>
    private var isTicking = false
    private var isSweeping = false
    private var exchanges: ConnectionPool.ExchangeID = 0
    /// Calls of `exchange` that have not returned: what they finish is told later.
    private var calls = 0
    private(set) var isClosing = false

    package init(loop: any EventLoop, tls: TLSContexts, bounds: ConnectionPool.Bounds = .init()) {
        self.loop = loop
        self.tls = tls
        self.bounds = bounds
        wheel = DeadlineWheel(slots: Self.wheelSlots, tick: Self.tick(.now()))
    }

    /// Sends a request and reads its answer. `timeout` covers all of it, from waiting for a connection to the last byte.
    package func exchange(
        _ request: HTTPRequest, with endpoint: HTTPEndpoint, timeout: Duration,
        completion: @escaping (Result<HTTPAnswer, HTTPFailure>) -> Void
    ) {
        calls += 1
        defer { calls -= 1 }
        exchanges += 1
        let deadline = NIODeadline.now() + .nanoseconds(max(timeout.clampedNanoseconds, 0))
        let exchange = ClientExchange(
            id: exchanges, endpoint: connections(to: endpoint), request: request, timeout: timeout, deadline: deadline,
            deadlineTick: Self.tick(deadline) + 1, completion: completion)
        wheel.add(exchange)
        if !isTicking { scheduleTick() }
        exchange.endpoint.begin(exchange)
    }

    /// Closes the connections that are idle, and each other one when its exchange is done. Comes from any thread.
    package func close() {
        loop.execute {
            self.isClosing = true
            for endpoint in self.endpoints.values { endpoint.closeIdle() }
        }
    }

    func finish(_ exchange: ClientExchange, _ result: Result<HTTPAnswer, HTTPFailure>) {
        wheel.remove(exchange)
        guard let completion = exchange.takeCompletion() else { return }
        guard calls == 0 else {
            loop.assumeIsolated().execute { completion(result) }
            return
        }
        completion(result)
    }

    /// Closes what was idle for too long, and forgets endpoints that have nothing left.
    private func sweep() {
        isSweeping = false
        let now = NIODeadline.now()
        for endpoint in endpoints.values { endpoint.closeExpired(now: now) }
        endpoints = endpoints.filter { !$0.value.isEmpty }
        if !endpoints.isEmpty { scheduleSweep() }
    }

    private func scheduleSweep() {
        isSweeping = true
        loop.assumeIsolated().scheduleTask(in: Self.idleSweep) { self.sweep() }
    }

    private func connections(to endpoint: HTTPEndpoint) -> EndpointConnections {
        if let connections = endpoints[endpoint] { return connections }
        let connections = EndpointConnections(endpoint, transport: self, bounds: bounds)
        endpoints[endpoint] = connections
        if !isSweeping { scheduleSweep() }
        return connections
    }

    private static func tick(_ deadline: NIODeadline) -> Int64 {
        Int64(clamping: deadline.uptimeNanoseconds) / tickNanoseconds
    }

    private func scheduleTick() {
        isTicking = true
        loop.assumeIsolated().scheduleTask(in: .nanoseconds(Self.tickNanoseconds)) { self.turn() }
    }

    private func turn() {
        isTicking = false
        for exchange in wheel.turn(to: Self.tick(.now())) {
            let failure = exchange.timeoutFailure
            exchange.endpoint.abandon(exchange)
            finish(exchange, .failure(failure))
        }
        if wheel.count > 0 { scheduleTick() }
    }
}
