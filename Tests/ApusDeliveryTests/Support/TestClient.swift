import ApusHTTP
import NIOCore
import NIOPosix
import Testing

/// Exchanges from a loop of its own turn, awaited.
struct TestClient: Sendable {
    private let transport: HTTPTransport
    private let caCerts: String?

    init(bounds: ConnectionPool.Bounds = ConnectionPool.Bounds(), caCerts: String? = nil) {
        transport = HTTPTransport(loop: MultiThreadedEventLoopGroup.singleton.next(), tls: TLSContexts(), bounds: bounds)
        self.caCerts = caCerts
    }

    func post(_ url: String, body: String = "", timeout: Duration = .seconds(10)) async throws -> HTTPAnswer {
        let url = try HTTPURL(url)
        let head = "POST \(url.target) HTTP/1.1\r\nHost: \(url.hostField)\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
        let request = HTTPRequest(head: Array(head.utf8), body: Array(body.utf8))
        let endpoint = HTTPEndpoint(url, caCerts: caCerts)
        let result = await withCheckedContinuation { continuation in
            transport.loop.execute {
                transport.exchange(request, with: endpoint, timeout: timeout) { continuation.resume(returning: $0) }
            }
        }
        return try result.get()
    }

    /// The sentence of a failure; nil where an answer came.
    func failure(_ url: String, timeout: Duration = .seconds(10)) async -> String? {
        do {
            _ = try await post(url, timeout: timeout)
            return nil
        } catch let failure as HTTPFailure {
            return failure.message
        } catch {
            return "\(error)"
        }
    }
}

/// A server that takes connections and says nothing, or one thing at once.
final class SilentServer: Sendable {
    private let channel: any Channel
    let port: Int

    init(greeting: String = "") async throws {
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { child in
                if !greeting.isEmpty { child.writeAndFlush(ByteBuffer(string: greeting), promise: nil) }
                return child.eventLoop.makeSucceededVoidFuture()
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = try #require(channel.localAddress?.port)
    }

    /// A port on which nobody listens.
    static func freePort() async throws -> Int {
        let server = try await SilentServer()
        try await server.channel.close()
        return server.port
    }

    deinit { channel.close(promise: nil) }
}
