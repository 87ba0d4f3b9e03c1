import ApusHTTP
import CloudEvents
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A subscriber that does what a script says, byte for byte, and keeps what it was sent.
final class ScriptedServer: Sendable {
    /// What came: one request.
    struct Received: Sendable {
        /// The lines of the head, the request line first, without the empty one.
        var lines: [String]
        var body: [UInt8]
        /// Which connection it came on, from 1.
        var connection: Int
        /// Which request of its connection it is, from 1.
        var number: Int

        func value(of name: String) -> String? { values(of: name).first }

        func values(of name: String) -> [String] {
            lines.dropFirst().filter { $0.lowercased().hasPrefix(name.lowercased() + ":") }
                .map { String($0.dropFirst(name.count + 1).drop { $0 == " " }) }
        }
    }

    /// What the server does once a request has come whole.
    enum Step: Sendable {
        case send([UInt8])
        case close
        case reset
        /// Closes the socket without the close_notify that TLS asks for.
        case cut
    }

    typealias Script = @Sendable (Received) -> [Step]

    private struct State {
        var received: [Received] = []
        var connections = 0
        var open = 0
        var openMost = 0
        var waiting: (count: Int, continuation: CheckedContinuation<Void, Never>)?
        var held: [any Channel] = []
    }

    private let state = Mutex(State())
    private let script: Script
    private let channel = Mutex<(any Channel)?>(nil)
    let port: Int

    init(certificate: String? = nil, key: String? = nil, script: @escaping Script) async throws {
        self.script = script
        var tls: NIOSSLContext?
        if let certificate, let key {
            let chain = try NIOSSLCertificate.fromPEMBytes(Array(certificate.utf8)).map(NIOSSLCertificateSource.certificate)
            tls = try NIOSSLContext(
                configuration: .makeServerConfiguration(
                    certificateChain: chain, privateKey: .privateKey(try NIOSSLPrivateKey(bytes: Array(key.utf8), format: .pem))))
        }
        let box = Box()
        let bound = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { [tls] child in
                child.eventLoop.makeCompletedFuture {
                    guard let server = box.server else { throw ChannelError.eof }
                    if let tls { try child.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls)) }
                    try child.pipeline.syncOperations.addHandler(ScriptHandler(server: server))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = try #require(bound.localAddress?.port)
        channel.withLock { $0 = bound }
        box.server = self
    }

    /// Answers with `answer` whatever comes.
    convenience init(always answer: String) async throws {
        try await self.init { _ in [.send(Array(answer.utf8))] }
    }

    // Sendable without the compiler's proof: written once, before any connection is made.
    private final class Box: @unchecked Sendable {
        weak var server: ScriptedServer?
    }

    var url: String { "http://127.0.0.1:\(port)/" }
    var received: [Received] { state.withLock { $0.received } }
    var connections: Int { state.withLock { $0.connections } }
    /// The most connections that were open at once.
    var openMost: Int { state.withLock { $0.openMost } }

    /// Returns once that many requests have come.
    func waitForRequests(_ count: Int) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.received.count >= count { return true }
                state.waiting = (count, continuation)
                return false
            }
            if isThere { continuation.resume() }
        }
    }

    /// Sends bytes on every connection that is open: answers to requests that the script left without one.
    func sendOnAll(_ text: String) {
        for channel in state.withLock({ $0.held }) { channel.writeAndFlush(ByteBuffer(string: text), promise: nil) }
    }

    /// Closes every connection that is open, and returns when they are.
    func closeAll() async throws {
        for channel in state.withLock({ $0.held }) { try? await channel.close() }
    }

    /// Stops listening: nobody can connect any more.
    func stopListening() async throws { try await channel.withLock { $0 }?.close() }

    fileprivate func opened(_ channel: any Channel) -> Int {
        state.withLock { state in
            state.connections += 1
            state.open += 1
            state.openMost = max(state.openMost, state.open)
            state.held.append(channel)
            return state.connections
        }
    }

    fileprivate func closed(_ channel: any Channel) {
        state.withLock { state in
            state.open -= 1
            state.held.removeAll { $0 === channel }
        }
    }

    fileprivate func take(_ request: Received) -> [Step] {
        let continuation: CheckedContinuation<Void, Never>? = state.withLock { state in
            state.received.append(request)
            guard let waiting = state.waiting, state.received.count >= waiting.count else { return nil }
            state.waiting = nil
            return waiting.continuation
        }
        continuation?.resume()
        return script(request)
    }

    deinit { channel.withLock { $0 }?.close(promise: nil) }
}

/// Reads requests, and runs the script's steps.
private final class ScriptHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let server: ScriptedServer
    private var buffer = ByteBuffer()
    private var scanner = RequestHeadScanner()
    private var head: RequestHead?
    private var reader: BodyReader?
    private var body: [UInt8] = []
    private var connection = 0
    private var number = 0

    init(server: ScriptedServer) { self.server = server }

    func channelActive(context: ChannelHandlerContext) {
        connection = server.opened(context.channel)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) { server.closed(context.channel) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var incoming = unwrapInboundIn(data)
        buffer.writeBuffer(&incoming)
        do {
            while try readOne(context) {}
        } catch {
            Issue.record("the client sent what is no request: \(error)")
            context.close(promise: nil)
        }
    }

    private func readOne(_ context: ChannelHandlerContext) throws -> Bool {
        if head == nil {
            guard let scanned = try scanner.scan(&buffer) else { return false }
            head = scanned
            var limits = HTTPLimits()
            limits.bodyBytesMax = 1 << 30
            reader = try BodyReader(scanned.framing, limits: limits)
            body = []
        }
        guard let head, try reader?.read(&buffer, into: &body) == true else { return false }
        self.head = nil
        number += 1
        let lines = String(decoding: head.headers.bytes, as: UTF8.self).split(separator: "\r\n").map(String.init)
        let received = ScriptedServer.Received(lines: lines, body: body, connection: connection, number: number)
        for step in server.take(received) {
            switch step {
            case .send(let bytes): context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
            case .close: context.close(promise: nil)
            case .cut: try context.pipeline.syncOperations.context(handlerType: NIOSSLServerHandler.self).close(promise: nil)
            case .reset:
                let provider = context.channel as? any SocketOptionProvider
                provider?.setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenComplete { _ in }
                context.close(promise: nil)
            }
        }
        return true
    }
}
