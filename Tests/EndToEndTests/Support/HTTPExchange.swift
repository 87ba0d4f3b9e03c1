import NIOCore
import NIOHTTP1
import NIOPosix

/// What came back for one request.
struct HTTPReply: Sendable {
    var status: Int
    var headers: [(name: String, value: String)]
    var body: [UInt8]

    var bodyText: String { String(decoding: body, as: UTF8.self) }

    func header(_ name: String) -> String? { headers.first { $0.name.lowercased() == name.lowercased() }?.value }
}

/// One request on a connection of its own, with NIO's HTTP and none of ours, so that both cannot be wrong alike.
enum HTTPExchange {
    struct NoAnswer: Error {}

    /// Fails where the connection is refused or ends before a whole answer, or after `limit`.
    static func send(
        port: Int, method: String = "GET", path: String, headers: [(String, String)] = [], body: [UInt8] = [],
        upTo limit: Duration = .seconds(10)
    ) async throws -> HTTPReply {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let promise = loop.makePromise(of: HTTPReply.self)
        let timeout = loop.scheduleTask(in: TimeAmount(limit)) { promise.fail(NoAnswer()) }
        let bootstrap = ClientBootstrap(group: loop).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHTTPClientHandlers()
                try channel.pipeline.syncOperations.addHandler(ReplyCollector(promise))
            }
        }
        let channel: any Channel
        do {
            channel = try await bootstrap.connect(host: "127.0.0.1", port: port).get()
        } catch {
            promise.fail(error)
            timeout.cancel()
            return try await promise.futureResult.get()
        }
        var head = HTTPRequestHead(version: .http1_1, method: HTTPMethod(rawValue: method), uri: path)
        head.headers.add(name: "host", value: "127.0.0.1:\(port)")
        for (name, value) in headers { head.headers.add(name: name, value: value) }
        if method != "GET" || !body.isEmpty { head.headers.add(name: "content-length", value: String(body.count)) }
        channel.write(HTTPClientRequestPart.head(head), promise: nil)
        channel.write(HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(bytes: body))), promise: nil)
        channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
        let reply = promise.futureResult
        reply.whenComplete { _ in
            timeout.cancel()
            channel.close(promise: nil)
        }
        return try await reply.get()
    }
}

/// Collects one answer and gives it to the promise.
private final class ReplyCollector: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    private let promise: EventLoopPromise<HTTPReply>
    private var reply = HTTPReply(status: 0, headers: [], body: [])

    init(_ promise: EventLoopPromise<HTTPReply>) { self.promise = promise }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            reply.status = Int(head.status.code)
            reply.headers = head.headers.map { ($0.name, $0.value) }
        case .body(let part): reply.body += part.readableBytesView
        case .end: promise.succeed(reply)
        }
    }

    func channelInactive(context: ChannelHandlerContext) { promise.fail(HTTPExchange.NoAnswer()) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        promise.fail(error)
        context.close(promise: nil)
    }
}
