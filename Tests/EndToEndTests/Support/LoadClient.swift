import NIOCore
import NIOHTTP1
import NIOPosix

/// An event that a load client sent, and what became of it.
struct LoadAnswer: Sendable {
    var id: String
    /// The answer's status, or nil where the connection ended before it came: the event may be on the log or not.
    var status: Int?
    /// The answer's `Apus-Position`.
    var position: String?
    var sentAt: ContinuousClock.Instant
    var answeredAt: ContinuousClock.Instant?

    var latency: Duration? { answeredAt.map { $0 - sentAt } }
}

/// Sends many events over keep-alive connections, each event once and with an id of its own.
struct LoadClient: Sendable {
    var port: Int
    var path = "/default/default"
    var connections = 1
    /// Requests that a connection may have open; 1 waits for each answer.
    var pipelining = 1
    var type = "com.example.load"
    var source = "/load"
    /// Bytes of data; each event carries as many `x`.
    var dataBytes = 1024
    /// More headers of each event, by its id, e.g. extensions.
    var headers: @Sendable (_ id: String) -> [(String, String)] = { _ in [] }

    /// Sends `count` events with the ids `PREFIX-CONNECTION-NUMBER`, spread evenly. A connection that fails is not opened again:
    /// what it had open comes back without a status, and what it had not sent does not come back at all.
    func send(_ count: Int, ids prefix: String) async throws -> [LoadAnswer] {
        let group = MultiThreadedEventLoopGroup.singleton
        let shares = (0..<connections).map { count / connections + ($0 < count % connections ? 1 : 0) }
        let runs = shares.enumerated().map { connection, share in
            run(share, idPrefix: "\(prefix)-\(connection)", on: group.next())
        }
        return try await EventLoopFuture.whenAllSucceed(runs, on: group.next()).get().flatMap { $0 }
    }

    private func run(_ share: Int, idPrefix: String, on loop: any EventLoop) -> EventLoopFuture<[LoadAnswer]> {
        let promise = loop.makePromise(of: [LoadAnswer].self)
        let client = self
        ClientBootstrap(group: loop)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    try channel.pipeline.syncOperations.addHandler(LoadConnection(client, share, idPrefix, promise))
                }
            }
            .connect(host: "127.0.0.1", port: port)
            .whenFailure { _ in promise.succeed([]) }
        return promise.futureResult
    }
}

/// One connection's share of the load.
private final class LoadConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let client: LoadClient
    private let share: Int
    private let idPrefix: String
    private let promise: EventLoopPromise<[LoadAnswer]>
    private let data: ByteBuffer
    private var answers: [LoadAnswer] = []
    /// Index in `answers` of the oldest that has none.
    private var oldest = 0

    init(_ client: LoadClient, _ share: Int, _ idPrefix: String, _ promise: EventLoopPromise<[LoadAnswer]>) {
        self.client = client
        self.share = share
        self.idPrefix = idPrefix
        self.promise = promise
        data = ByteBuffer(repeating: UInt8(ascii: "x"), count: client.dataBytes)
    }

    func channelActive(context: ChannelHandlerContext) {
        fill(context)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            guard oldest < answers.count else { return }
            answers[oldest].status = Int(head.status.code)
            answers[oldest].position = head.headers.first(name: "apus-position")
        case .body: break
        case .end:
            guard oldest < answers.count else { return }
            answers[oldest].answeredAt = ContinuousClock.now
            oldest += 1
            fill(context)
        }
    }

    private func fill(_ context: ChannelHandlerContext) {
        guard answers.count < share || oldest < answers.count else { return context.close(promise: nil) }
        while answers.count < share, answers.count - oldest < client.pipelining { sendNext(context) }
        context.flush()
    }

    private func sendNext(_ context: ChannelHandlerContext) {
        let id = "\(idPrefix)-\(answers.count)"
        var head = HTTPRequestHead(version: .http1_1, method: .POST, uri: client.path)
        head.headers.add(contentsOf: [
            ("host", "127.0.0.1:\(client.port)"), ("ce-specversion", "1.0"), ("ce-id", id), ("ce-type", client.type),
            ("ce-source", client.source), ("content-type", "text/plain"), ("content-length", String(data.readableBytes)),
        ])
        head.headers.add(contentsOf: client.headers(id))
        answers.append(LoadAnswer(id: id, sentAt: ContinuousClock.now))
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(data))), promise: nil)
        context.write(wrapOutboundOut(.end(nil)), promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        // An answer whose head came and whose end did not is still an answer: the status was said.
        promise.succeed(answers)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
