import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization
import TestSupport

/// A request that a subscriber got, and when its last byte came.
struct SubscriberRequest: Sendable {
    var method: String
    var path: String
    var headers: [(name: String, value: String)]
    var body: [UInt8]
    var at: ContinuousClock.Instant

    func header(_ name: String) -> String? { headers.first { $0.name.lowercased() == name.lowercased() }?.value }

    /// The event's id where it came in binary mode.
    var id: String? { header("ce-id") }
}

/// What a subscriber does with a request.
enum SubscriberAnswer: Sendable {
    case status(Int, headers: [(String, String)] = [], body: [UInt8] = [], after: Duration = .zero)
    /// Reads the request and never answers.
    case hang
    /// Reads the request and closes the connection.
    case close

    static let accepted = SubscriberAnswer.status(202)

    /// Answers with an event in binary mode: a reply.
    static func reply(id: String, type: String, source: String = "/subscriber", extensions: [String: String] = [:])
        -> SubscriberAnswer
    {
        var headers = [("ce-specversion", "1.0"), ("ce-id", id), ("ce-type", type), ("ce-source", source)]
        for (name, value) in extensions.sorted(by: { $0.key < $1.key }) { headers.append(("ce-\(name)", value)) }
        return .status(200, headers: headers + [("content-type", "application/json")], body: Array("{}".utf8))
    }
}

/// A subscriber on a real socket that answers as the test's closure says, and keeps what came.
final class Subscriber: Sendable {
    /// Decides on the answer; `attempt` counts from 1 the requests that carried the same `ce-id`. Called on an event loop.
    typealias Script = @Sendable (_ request: SubscriberRequest, _ attempt: Int) -> SubscriberAnswer

    let port: Int
    private let channel: any Channel
    private let records: Records

    fileprivate final class Records: Sendable {
        struct State {
            var requests: [SubscriberRequest] = []
            var attempts: [String: Int] = [:]
            var channels: [ObjectIdentifier: any Channel] = [:]
        }
        let state = Mutex(State())
    }

    var url: String { "http://127.0.0.1:\(port)/" }

    /// Everything that came, in the order in which it came.
    var requests: [SubscriberRequest] { records.state.withLock { $0.requests } }

    /// How often each `ce-id` came.
    var attempts: [String: Int] { records.state.withLock { $0.attempts } }

    private init(channel: any Channel, port: Int, records: Records) {
        self.channel = channel
        self.port = port
        self.records = records
    }

    /// Listens on 127.0.0.1; port 0 lets the kernel choose.
    static func start(port: Int = 0, script: @escaping Script = { _, _ in .accepted }) async throws -> Subscriber {
        let records = Records()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: true)
                    try channel.pipeline.syncOperations.addHandler(SubscriberHandler(records, script))
                }
            }
            .bind(host: "127.0.0.1", port: port).get()
        return Subscriber(channel: channel, port: channel.localAddress?.port ?? port, records: records)
    }

    /// Waits until `count` requests came.
    func waitForRequests(_ count: Int, upTo limit: Duration = .seconds(30)) async throws {
        try await Patience.wait(for: "\(count) requests at port \(port)", upTo: limit) { requests.count >= count }
    }

    /// Stops listening and closes every connection, hung ones too.
    func stop() async throws {
        try await channel.close()
        let open = records.state.withLock { Array($0.channels.values) }
        for channel in open { channel.close(promise: nil) }
    }

    deinit { channel.close(promise: nil) }
}

/// Reads whole requests and plays the script.
private final class SubscriberHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let records: Subscriber.Records
    private let script: Subscriber.Script
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []

    init(_ records: Subscriber.Records, _ script: @escaping Subscriber.Script) {
        self.records = records
        self.script = script
    }

    func channelActive(context: ChannelHandlerContext) {
        let channel = context.channel
        records.state.withLock { $0.channels[ObjectIdentifier(channel)] = channel }
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        let channel = context.channel
        _ = records.state.withLock { $0.channels.removeValue(forKey: ObjectIdentifier(channel)) }
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body = []
        case .body(let part): body += part.readableBytesView
        case .end:
            guard let head else { return }
            play(head, context)
        }
    }

    private func play(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let request = SubscriberRequest(
            method: head.method.rawValue, path: head.uri, headers: head.headers.map { ($0.name, $0.value) }, body: body,
            at: ContinuousClock.now)
        let attempt = records.state.withLock { state in
            state.requests.append(request)
            guard let id = request.id else { return 1 }
            state.attempts[id, default: 0] += 1
            return state.attempts[id] ?? 1
        }
        switch script(request, attempt) {
        case .hang: break
        case .close: context.close(promise: nil)
        case .status(let status, let headers, let answerBody, let delay):
            guard delay > .zero else { return answer(status, headers, answerBody, context) }
            let handler = NIOLoopBound(self, eventLoop: context.eventLoop)
            let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
            context.eventLoop.scheduleTask(in: TimeAmount(delay)) {
                handler.value.answer(status, headers, answerBody, bound.value)
            }
        }
    }

    private func answer(_ status: Int, _ headers: [(String, String)], _ body: [UInt8], _ context: ChannelHandlerContext) {
        var head = HTTPResponseHead(version: .http1_1, status: HTTPResponseStatus(statusCode: status))
        for (name, value) in headers { head.headers.add(name: name, value: value) }
        if status != 204, status != 304 { head.headers.replaceOrAdd(name: "content-length", value: String(body.count)) }
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if !body.isEmpty { context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: body)))), promise: nil) }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
