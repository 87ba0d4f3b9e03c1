import NIOCore
import NIOPosix
import NIOSSL

/// The connections of one loop to one endpoint: does what the ``ConnectionPool`` decides. Used on its loop only.
final class EndpointConnections {
    let endpoint: HTTPEndpoint
    private let transport: HTTPTransport
    private var pool: ConnectionPool
    private var connections: [ConnectionPool.ConnectionID: ClientConnection] = [:]
    private var waiting: [ConnectionPool.ExchangeID: ClientExchange] = [:]
    private var connectionsMade: ConnectionPool.ConnectionID = 0

    init(_ endpoint: HTTPEndpoint, transport: HTTPTransport, bounds: ConnectionPool.Bounds) {
        self.endpoint = endpoint
        self.transport = transport
        pool = ConnectionPool(bounds: bounds)
    }

    var isEmpty: Bool { pool.isEmpty }

    /// Takes an exchange in: it goes out now, after dialling, or when a connection is free.
    func begin(_ exchange: ClientExchange) {
        switch pool.lease(exchange.id) {
        case .use(let id): carry(exchange, on: id)
        case .dial: dial(for: exchange)
        case .wait: waiting[exchange.id] = exchange
        case .refuse:
            transport.finish(exchange, .failure(HTTPFailure("too many requests wait for a connection to \(endpoint.name)")))
        }
    }

    func answered(_ connection: ClientConnection, _ exchange: ClientExchange, _ answer: HTTPAnswer, isReusable: Bool) {
        // The connection is given on first: whoever is told of the answer may have the next request at hand.
        if isReusable { release(connection) } else { drop(connection) }
        transport.finish(exchange, .success(answer))
    }

    /// A connection ended under an exchange.
    func broke(_ connection: ClientConnection, _ exchange: ClientExchange, failure: HTTPFailure, hasHeard: Bool) {
        // RFC 9112, section 9.3.1: a kept connection may be closed by the peer just as the next request goes out. Where nothing
        // of an answer came, the request goes out once more, on a connection of its own.
        if connection.isReused, !hasHeard, !exchange.isRepeated {
            exchange.isRepeated = true
            connections[connection.id] = nil
            dial(for: exchange)
            return
        }
        drop(connection)
        transport.finish(exchange, .failure(failure))
    }

    /// A connection ended that carried nothing.
    func ended(_ connection: ClientConnection) {
        if pool.lostIdle(connection.id) { connections[connection.id] = nil }
    }

    /// Leaves off: the exchange's time is over.
    func abandon(_ exchange: ClientExchange) {
        if let connection = exchange.connection {
            connection.close()
            drop(connection)
        } else if waiting.removeValue(forKey: exchange.id) != nil {
            pool.abandoned(exchange.id)
        }
        // Else it is being dialled for: the connection goes to whoever is next.
    }

    func closeExpired(now: NIODeadline) {
        close(pool.expired(now: Int64(clamping: now.uptimeNanoseconds)))
    }

    func closeIdle() { close(pool.drained()) }

    private func close(_ expired: [ConnectionPool.ConnectionID]) {
        for id in expired { connections.removeValue(forKey: id)?.close() }
    }

    private func carry(_ exchange: ClientExchange, on id: ConnectionPool.ConnectionID) {
        guard let connection = connections[id], connection.carry(exchange) else {
            connections[id] = nil
            dial(for: exchange)
            return
        }
    }

    private func release(_ connection: ClientConnection) {
        if transport.isClosing {
            connection.close()
            drop(connection)
        } else if let next = pool.released(connection.id, now: Int64(clamping: NIODeadline.now().uptimeNanoseconds)) {
            guard let exchange = waiting.removeValue(forKey: next) else { return release(connection) }
            carry(exchange, on: connection.id)
        }
    }

    private func drop(_ connection: ClientConnection) {
        connections[connection.id] = nil
        placeFreed()
    }

    private func placeFreed() {
        guard let next = pool.lost() else { return }
        guard let exchange = waiting.removeValue(forKey: next) else { return placeFreed() }
        dial(for: exchange)
    }
}

// Dialling: the place in the pool is taken already.
extension EndpointConnections {
    private func dial(for exchange: ClientExchange) {
        exchange.phase = .connecting
        connectionsMade += 1
        let connection = ClientConnection(id: connectionsMade, endpoint: self)
        let loop = transport.loop
        let connected: EventLoopFuture<Void>
        switch endpoint.scheme {
        case .http: connected = connect(connection, tls: nil, until: exchange.deadline)
        case .https:
            let deadline = exchange.deadline
            connected = transport.tls.context(trusting: endpoint.caCerts, on: loop).assumeIsolated()
                .flatMap { self.connect(connection, tls: $0, until: deadline) }.nonisolated()
        }
        connected.assumeIsolated().whenComplete { result in self.dialled(connection, exchange, result) }
    }

    private func dialled(_ connection: ClientConnection, _ exchange: ClientExchange, _ result: Result<Void, any Error>) {
        switch result {
        case .success:
            connections[connection.id] = connection
            if !exchange.isOpen {
                release(connection)
            } else if !connection.carry(exchange) {
                drop(connection)
                transport.finish(exchange, .failure(ClientFailure.closed(inAnswer: false)))
            }
        case .failure(let error):
            placeFreed()
            if case ChannelError.connectTimeout = error {
                transport.finish(exchange, .failure(exchange.timeoutFailure))
            } else {
                transport.finish(exchange, .failure(ClientFailure.connecting(to: endpoint, error)))
            }
        }
    }

    private func connect(
        _ connection: ClientConnection, tls: NIOSSLContext?, until deadline: NIODeadline
    ) -> EventLoopFuture<Void> {
        let host = endpoint.host
        let bootstrap = ClientBootstrap(group: transport.loop)
            .connectTimeout(max(deadline - .now(), .nanoseconds(1)))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        try channel.pipeline.syncOperations.addHandler(Self.tlsHandler(tls, host: host))
                    }
                    try channel.pipeline.syncOperations.addHandler(connection)
                }
            }
        // An address needs no resolver, and no thread for one.
        if let address = try? SocketAddress(ipAddress: endpoint.host, port: endpoint.port) {
            return bootstrap.connect(to: address).map { _ in }
        }
        return bootstrap.connect(host: endpoint.host, port: endpoint.port).map { _ in }
    }

    static func tlsHandler(_ context: NIOSSLContext, host: String) throws -> NIOSSLClientHandler {
        do {
            return try NIOSSLClientHandler(context: context, serverHostname: host)
        } catch let error as NIOSSLExtraError where error == .cannotUseIPAddressInSNI {
            // RFC 6066, section 3: an address is no server name. The certificate is held against the address itself.
            return try NIOSSLClientHandler(context: context, serverHostname: nil)
        }
    }
}
