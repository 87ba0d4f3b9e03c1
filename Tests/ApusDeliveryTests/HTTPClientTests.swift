import ApusHTTP
import NIOPosix
import Testing

@Suite struct `A client` {
    private let client = HTTPClient(group: MultiThreadedEventLoopGroup.singleton, userAgent: "apus/test")

    @Test func `sends the method, the fields and the body that it is given, and gives the whole answer`() async throws {
        let server = try await ScriptedServer { request in
            let text = "HTTP/1.1 404 Not Found\r\nX-A: b\r\nContent-Length: \(request.body.count)\r\n\r\n"
            return [.send(Array(text.utf8) + request.body)]
        }
        let body = Array(String(repeating: "x", count: 100_000).utf8)
        let answer = try await client.request("PUT", server.url + "a?b", headers: [("X-Y", "z")], body: body)
        #expect(answer.status == 404)
        #expect(answer.headers.text(of: "x-a") == "b")
        #expect(answer.body == body)
        let request = try #require(server.received.first)
        #expect(
            request.lines == [
                "PUT /a?b HTTP/1.1", "Host: 127.0.0.1:\(server.port)", "User-Agent: apus/test", "X-Y: z",
                "Content-Length: 100000",
            ])
    }

    @Test(arguments: [("GET", false), ("HEAD", false), ("DELETE", false), ("POST", true), ("PUT", true)])
    func `says that there is no body only where the method would have one`(method: String, says: Bool) async throws {
        let server = try await ScriptedServer(always: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        _ = try await client.request(method, server.url)
        #expect(server.received.first?.values(of: "content-length") == (says ? ["0"] : []))
    }

    @Test func `throws the sentence of a failure`() async throws {
        let port = try await SilentServer.freePort()
        await #expect(throws: HTTPFailure("connection refused by 127.0.0.1:\(port)")) {
            try await self.client.request("GET", "http://127.0.0.1:\(port)/")
        }
        await #expect(throws: HTTPFailure("the URL is not absolute: it starts with http:// or https://")) {
            try await self.client.request("GET", "/")
        }
    }

    @Test func `cuts off an answer that is larger than it asked for`() async throws {
        let server = try await ScriptedServer(
            always: "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + String(repeating: "x", count: 5000))
        let answer = try await client.request("GET", server.url, bodyBytesMax: 100)
        #expect(answer.isTruncated)
        #expect(answer.body.count == 100)
    }

    @Test func `that was closed keeps no connections`() async throws {
        let server = try await ScriptedServer(always: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        let client = HTTPClient(group: MultiThreadedEventLoopGroup.singleton)
        _ = try await client.request("GET", server.url)
        client.close()
        _ = try await client.request("GET", server.url)
        _ = try await client.request("GET", server.url)
        #expect(server.connections == 3)
    }
}
