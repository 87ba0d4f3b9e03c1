package import CloudEvents
import NIOCore
import NIOPosix

/// An answer whose body is read as it comes: for bodies that have no end.
package struct HTTPStream {
    package let status: Int
    package let headers: HeaderBlock
    private var parts: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
    private var buffer: ByteBuffer
    private var reader: BodyReader
    private let framing: BodyFraming
    private let endpoint: HTTPEndpoint
    private var isWhole = false

    /// Reads the head of the answer. Interim answers are passed over.
    fileprivate init(
        _ parts: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator, from endpoint: HTTPEndpoint
    ) async throws(HTTPFailure) {
        var parts = parts, buffer = ByteBuffer(), scanner = ResponseHeadScanner(), interimAnswers = 0
        var limits = HTTPLimits()
        limits.bodyBytesMax = .max
        while true {
            do {
                if let head = try scanner.scan(&buffer) {
                    guard head.status < 200, head.status != 101 else {
                        (status, headers, framing) = (head.status, head.headers, head.framing)
                        reader = try BodyReader(head.framing, limits: limits)
                        break
                    }
                    interimAnswers += 1
                    guard interimAnswers <= AnswerReader.interimAnswersMax else {
                        throw HTTPError(.headTooLarge, "More than \(AnswerReader.interimAnswersMax) interim answers came.")
                    }
                    continue
                }
                guard var part = try await parts.next(isolation: #isolation) else { throw ClientFailure.closed(inAnswer: false) }
                buffer.writeBuffer(&part)
            } catch {
                throw Self.failure(error, endpoint, inAnswer: false)
            }
        }
        self.parts = parts
        self.buffer = buffer
        self.endpoint = endpoint
    }

    /// The next bytes of the body; nil at its end. The peer is held up while they are not asked for.
    package mutating func next() async throws(HTTPFailure) -> [UInt8]? {
        var bytes: [UInt8] = []
        while !isWhole {
            do {
                isWhole = try reader.read(&buffer, into: &bytes)
                if !bytes.isEmpty { return bytes }
                guard !isWhole else { break }
                guard let part = try await parts.next(isolation: #isolation) else {
                    guard framing == .untilClose else { throw ClientFailure.closed(inAnswer: true) }
                    isWhole = true
                    break
                }
                buffer = part
            } catch {
                throw Self.failure(error, endpoint, inAnswer: true)
            }
        }
        return nil
    }

    private static func failure(_ error: any Error, _ endpoint: HTTPEndpoint, inAnswer: Bool) -> HTTPFailure {
        error as? HTTPFailure ?? ClientFailure.carrying(from: endpoint, error, inAnswer: inAnswer)
    }
}

extension HTTPClient {
    /// Sends a GET on a connection of its own and hands its answer to `body` once the head is there; the connection is closed
    /// when `body` returns.
    ///
    /// - Parameters:
    ///   - connectTimeout: For the connection to be made.
    ///   - idleTimeout: How long nothing may come before the connection counts as lost.
    package func stream<Value>(
        _ url: String, headers: [(name: String, value: String)] = [], connectTimeout: Duration = .seconds(10),
        idleTimeout: Duration, _ body: (inout HTTPStream) async throws -> Value
    ) async throws -> Value {
        let target: HTTPURL
        do {
            target = try HTTPURL(url)
        } catch {
            throw HTTPFailure(error.message)
        }
        let endpoint = HTTPEndpoint(target, caCerts: caCerts)
        let channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>
        do {
            channel = try await connect(to: endpoint, connectTimeout, idleTimeout)
        } catch ChannelError.connectTimeout {
            throw HTTPFailure("\(endpoint.name) does not take a connection within \(connectTimeout.sentence)")
        } catch {
            throw ClientFailure.connecting(to: endpoint, error)
        }
        let request = head("GET", target, headers, length: 0)
        return try await channel.executeThenClose { inbound, outbound in
            do {
                try await outbound.write(ByteBuffer(bytes: request))
            } catch {
                throw ClientFailure.carrying(from: endpoint, error, inAnswer: false)
            }
            var stream = try await HTTPStream(inbound.makeAsyncIterator(), from: endpoint)
            return try await body(&stream)
        }
    }

    private func connect(
        to endpoint: HTTPEndpoint, _ connectTimeout: Duration, _ idleTimeout: Duration
    ) async throws -> NIOAsyncChannel<ByteBuffer, ByteBuffer> {
        let loop = transport.loop, host = endpoint.host
        let tls = endpoint.scheme == .https ? try await transport.tls.context(trusting: endpoint.caCerts, on: loop).get() : nil
        let bootstrap = ClientBootstrap(group: loop).connectTimeout(.nanoseconds(connectTimeout.clampedNanoseconds))
        return try await bootstrap.connect(host: host, port: endpoint.port) { channel in
            channel.eventLoop.makeCompletedFuture {
                if let tls { try channel.pipeline.syncOperations.addHandler(EndpointConnections.tlsHandler(tls, host: host)) }
                let idle = TimeAmount.nanoseconds(idleTimeout.clampedNanoseconds)
                try channel.pipeline.syncOperations.addHandlers(IdleStateHandler(readTimeout: idle), SilenceGuard(idleTimeout))
                return try NIOAsyncChannel(wrappingChannelSynchronously: channel)
            }
        }
    }
}

/// Gives a connection up on which nothing has come for too long: a peer that is gone without a word.
private final class SilenceGuard: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let limit: Duration

    init(_ limit: Duration) { self.limit = limit }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event is IdleStateHandler.IdleStateEvent else { return context.fireUserInboundEventTriggered(event) }
        context.fireErrorCaught(HTTPFailure("nothing came for \(limit.sentence)"))
        context.close(promise: nil)
    }
}
