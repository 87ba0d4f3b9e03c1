import ApusHTTP
import NIOPosix
import Testing

@Suite(.timeLimit(.minutes(1))) struct `An answer that is read as it comes` {
    private let client = HTTPClient(group: MultiThreadedEventLoopGroup.singleton, userAgent: "apus/test")

    private func read(_ server: ScriptedServer, idle: Duration = .seconds(20)) async throws -> (status: Int, body: String) {
        try await client.stream(server.url + "x?y", headers: [("Accept", "text/event-stream")], idleTimeout: idle) { stream in
            var body: [UInt8] = []
            while let part = try await stream.next() { body += part }
            return (stream.status, String(decoding: body, as: UTF8.self))
        }
    }

    private func answering(_ text: String, then steps: [ScriptedServer.Step] = []) async throws -> ScriptedServer {
        try await ScriptedServer { _ in [.send(Array(text.utf8))] + steps }
    }

    @Test func `has a body in chunks, of a length, or to the end of the connection`() async throws {
        let chunked = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        let server = try await answering(chunked + "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        #expect(try await read(server) == (200, "abcde"))
        #expect(
            server.received.first?.lines == [
                "GET /x?y HTTP/1.1", "Host: 127.0.0.1:\(server.port)", "User-Agent: apus/test", "Accept: text/event-stream",
            ])
        #expect(try await read(answering("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno")) == (404, "no"))
        #expect(try await read(answering("HTTP/1.1 200 OK\r\n\r\nall", then: [.close])) == (200, "all"))
    }

    @Test func `that is cut off is a failure, and not an end`() async throws {
        let cut = try await answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", then: [.close])
        await #expect(throws: HTTPFailure("the connection was closed in the middle of the answer")) {
            _ = try await self.read(cut)
        }
        let silent = try await answering("HTTP/1.1 200 OK\r\n", then: [.close])
        await #expect(throws: HTTPFailure("the connection was closed before an answer came")) { _ = try await self.read(silent) }
        let port = try await SilentServer.freePort()
        await #expect(throws: HTTPFailure("connection refused by 127.0.0.1:\(port)")) {
            try await self.client.stream("http://127.0.0.1:\(port)/", idleTimeout: .seconds(1)) { _ in }
        }
    }

    @Test func `is given up where nothing comes for too long`() async throws {
        let server = try await answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        await #expect(throws: HTTPFailure("nothing came for 200 ms")) {
            _ = try await self.read(server, idle: .milliseconds(200))
        }
    }

    @Test func `lets its connection go when its reader has had enough`() async throws {
        let server = try await answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        let part = try await client.stream(server.url, idleTimeout: .seconds(20)) { try await $0.next() }
        #expect(part == Array("abc".utf8))
    }
}
