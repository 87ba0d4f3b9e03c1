import NIOCore
import NIOHTTP1
import NIOPosix

/// The ceiling: a bare SwiftNIO HTTP/1 server that answers 202 to every request and does nothing else. Neither NIO's validation
/// nor its pipelining handler is in the way: it is as fast as NIO's HTTP/1 goes on one event loop.
///
/// Usage: `CeilingServer PORT`
@main
struct CeilingServer {
    static func main() throws {
        guard CommandLine.arguments.count == 2, let port = Int(CommandLine.arguments[1]) else {
            print("usage: CeilingServer PORT")
            return
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let server = try ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(HTTPResponseEncoder())
                    try pipeline.addHandler(ByteToMessageHandler(HTTPRequestDecoder()))
                    try pipeline.addHandler(Accepting())
                }
            }
            .bind(host: "127.0.0.1", port: port).wait()
        print("ready on \(port)")
        try server.closeFuture.wait()
    }
}

/// Answers each whole request; what came in one read is flushed together, so that pipelining costs it no more writes than it
/// must.
private final class Accepting: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let head = HTTPResponseHead(version: .http1_1, status: .accepted, headers: ["content-length": "0"])

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .end = unwrapInboundIn(data) else { return }
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.end(nil)), promise: nil)
    }

    func channelReadComplete(context: ChannelHandlerContext) { context.flush() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
