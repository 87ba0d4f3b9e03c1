import NIOCore
import NIOTLS

/// One connection as a channel handler: writes a request, reads its answer, one after the other and never two at once.
// Sendable without the compiler's proof: every member is touched on the channel's event loop only.
final class ClientConnection: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// A body beyond this may still be on its way out when the answer comes: then the connection is not used again.
    private static let watchedBodyBytesMin = 16_384

    let id: ConnectionPool.ConnectionID
    private let endpoint: EndpointConnections
    private var context: ChannelHandlerContext?
    private var exchange: ClientExchange?
    private var reader = AnswerReader(AnswerBounds())
    /// What came and is not yet read: the beginning of a head, as a rule nothing.
    private var pending: ByteBuffer?
    /// Its storage is used again once the socket has taken the bytes.
    private var output = ByteBuffer()
    private var exchangesCarried = 0
    private var isSecured: Bool
    private var isWritten = true
    private var failure: (any Error)?

    init(id: ConnectionPool.ConnectionID, endpoint: EndpointConnections) {
        self.id = id
        self.endpoint = endpoint
        isSecured = endpoint.endpoint.scheme == .http
    }

    /// Whether the peer has been heard, or at least spoken to, before the exchange that it carries now.
    var isReused: Bool { exchangesCarried > 1 }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    /// Sends the request of an exchange. False where the connection is gone already.
    func carry(_ exchange: ClientExchange) -> Bool {
        guard let context, context.channel.isActive else { return false }
        precondition(self.exchange == nil, "a connection was given an exchange while it carried another")
        let request = exchange.request
        self.exchange = exchange
        exchange.connection = self
        exchange.phase = isSecured ? .sent : .connecting
        exchangesCarried += 1
        reader = AnswerReader(request.reading, isHead: request.isHead)
        output.clear()
        output.writeBytes(request.head)
        output.writeBytes(request.body)
        guard request.body.count >= Self.watchedBodyBytesMin else {
            context.writeAndFlush(wrapOutboundOut(output), promise: nil)
            return true
        }
        isWritten = false
        context.writeAndFlush(wrapOutboundOut(output)).assumeIsolated().whenSuccess { self.isWritten = true }
        return true
    }

    /// Closes the connection; whatever it carries is not told.
    func close() {
        exchange?.connection = nil
        exchange = nil
        context?.close(promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case TLSUserEvent.handshakeCompleted = event {
            isSecured = true
            if let exchange, exchange.phase == .connecting { exchange.phase = .sent }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        guard let exchange else {
            // Nothing was asked: an answer to nobody, as a rule a 408 before the end.
            context.close(promise: nil)
            return
        }
        exchange.phase = .reading
        if var waiting = pending {
            pending = nil
            waiting.writeBuffer(&buffer)
            buffer = waiting
        }
        do {
            if let answer = try reader.read(&buffer) {
                finish(exchange, answer, isClean: buffer.readableBytes == 0)
            } else if buffer.readableBytes > 0 {
                pending = buffer
            }
        } catch {
            failure = error
            context.close(promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if failure == nil { failure = error }
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        if let exchange {
            if failure == nil, let answer = reader.ended() {
                finish(exchange, answer, isClean: false)
            } else {
                let hasHeard = exchange.phase == .reading
                self.exchange = nil
                exchange.connection = nil
                endpoint.broke(self, exchange, failure: sentence(hasHeard), hasHeard: hasHeard)
            }
        } else {
            endpoint.ended(self)
        }
        context.fireChannelInactive()
    }

    private func finish(_ exchange: ClientExchange, _ answer: HTTPAnswer, isClean: Bool) {
        self.exchange = nil
        exchange.connection = nil
        let isReusable = isClean && isWritten && answer.keepsConnection && context?.channel.isActive == true
        if !isReusable { context?.close(promise: nil) }
        endpoint.answered(self, exchange, answer, isReusable: isReusable)
    }

    private func sentence(_ hasHeard: Bool) -> HTTPFailure {
        guard let failure else { return ClientFailure.closed(inAnswer: hasHeard) }
        return isSecured
            ? ClientFailure.carrying(from: endpoint.endpoint, failure, inAnswer: hasHeard)
            : ClientFailure.connecting(to: endpoint.endpoint, failure)
    }
}
