import ApusHTTP
import NIOCore
import NIOPosix
import Testing

@Suite struct `A connection` {
    private let answer = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"

    private func steps(_ text: String) -> [ScriptedServer.Step] { [.send(Array(text.utf8))] }

    @Test func `is used again for the next request`() async throws {
        let server = try await ScriptedServer(always: answer)
        let client = TestClient()
        for _ in 0..<20 { #expect(try await client.post(server.url).status == 202) }
        #expect(server.connections == 1)
        #expect(server.received.map(\.number) == Array(1...20))
    }

    @Test func `is shared by URLs of one host and port, and by no others`() async throws {
        let (first, second) = (try await ScriptedServer(always: answer), try await ScriptedServer(always: answer))
        let client = TestClient()
        for url in [first.url + "a", first.url + "b?c", second.url + "a", first.url] {
            #expect(try await client.post(url).status == 202)
        }
        #expect(first.connections == 1)
        #expect(second.connections == 1)
        #expect(first.received.map { $0.lines[0] } == ["POST /a HTTP/1.1", "POST /b?c HTTP/1.1", "POST / HTTP/1.1"])
    }

    @Test(arguments: [
        "HTTP/1.1 202 Accepted\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.0 202 Accepted\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\nand more",
    ]) func `is not used again where the answer says so`(answer: String) async throws {
        let server = try await ScriptedServer(always: answer)
        let client = TestClient()
        for _ in 0..<3 { #expect(try await client.post(server.url).status == 202) }
        #expect(server.connections == 3)
    }

    @Test func `that its peer closed while it was idle is replaced, and nobody notices`() async throws {
        let server = try await ScriptedServer { _ in [.send(Array("HTTP/1.1 202 A\r\nContent-Length: 0\r\n\r\n".utf8))] }
        let client = TestClient()
        for _ in 0..<5 {
            #expect(try await client.post(server.url).status == 202)
            try await server.closeAll()
        }
        #expect(server.connections == 5)
        #expect(server.received.count == 5)
    }

    @Test(arguments: [false, true])
    func `that breaks under a second request before any byte of the answer sends it again on a fresh one`(resets: Bool)
        async throws
    {
        let server = try await ScriptedServer { request in
            request.number == 1 ? self.steps(self.answer) : [resets ? .reset : .close]
        }
        let client = TestClient()
        for _ in 0..<3 { #expect(try await client.post(server.url, body: "x").status == 202) }
        #expect(server.connections == 3)
        #expect(server.received.map(\.number) == [1, 2, 1, 2, 1])
        #expect(server.received.allSatisfy { $0.body == Array("x".utf8) })
    }

    @Test func `that breaks under its first request is a failure`() async throws {
        let server = try await ScriptedServer { _ in [.close] }
        let client = TestClient()
        #expect(await client.failure(server.url) == "the connection was closed before an answer came")
        #expect(server.received.count == 1)
    }

    @Test func `that is reset under its first request is a failure`() async throws {
        let server = try await ScriptedServer { _ in [.reset] }
        #expect(await TestClient().failure(server.url) == "the connection was reset before an answer came")
    }

    @Test func `that breaks within an answer is a failure, be it fresh or not`() async throws {
        let server = try await ScriptedServer { request in
            request.number == 1 ? self.steps(self.answer) : self.steps("HTTP/1.1 200 OK\r\nContent-Le") + [.close]
        }
        let client = TestClient()
        #expect(try await client.post(server.url).status == 202)
        #expect(await client.failure(server.url) == "the connection was closed in the middle of the answer")
        #expect(server.received.count == 2)
    }

    @Test func `sends a request again once only`() async throws {
        let server = try await ScriptedServer { request in
            request.connection == 1 && request.number == 1 ? self.steps(self.answer) : [.close]
        }
        let client = TestClient()
        #expect(try await client.post(server.url).status == 202)
        #expect(await client.failure(server.url) == "the connection was closed before an answer came")
        #expect(server.received.count == 3)
    }

    @Test func `carries answers and requests that are far larger than a read`() async throws {
        let large = String(repeating: "0123456789abcdef", count: 40_000)
        let server = try await ScriptedServer { request in
            self.steps("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                + stride(from: 0, to: 4, by: 1).flatMap { _ in self.steps("2710\r\n\(large.prefix(10_000))\r\n") }
                + self.steps("0\r\n\r\n")
        }
        let client = TestClient()
        for _ in 0..<3 {
            let answer = try await client.post(server.url, body: large)
            #expect(answer.body.count == 40_000)
        }
        #expect(server.received.allSatisfy { $0.body == Array(large.utf8) })
    }
}

@Suite struct `The connections to an endpoint` {
    @Test func `are no more than the bound, and further requests wait in order`() async throws {
        let server = try await ScriptedServer { request in
            request.lines[0].contains("hold") ? [] : [.send(Array("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".utf8))]
        }
        var bounds = ConnectionPool.Bounds()
        bounds.connectionsMax = 4
        let client = TestClient(bounds: bounds)
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<4 { group.addTask { try await client.post(server.url + "hold").status } }
            await server.waitForRequests(4)
            for _ in 0..<60 { group.addTask { try await client.post(server.url).status } }
            // All of the 60 wait now, or will: none can get through until the held ones are answered.
            server.sendOnAll("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            var statuses = 0
            for try await status in group where status == 200 { statuses += 1 }
            #expect(statuses == 64)
        }
        #expect(server.connections == 4)
        #expect(server.openMost == 4)
    }

    @Test func `refuse what the queue cannot hold`() async throws {
        let server = try await ScriptedServer { _ in [] }
        var bounds = ConnectionPool.Bounds()
        bounds.connectionsMax = 1
        bounds.waitingExchangesMax = 0
        let client = TestClient(bounds: bounds)
        async let held = client.failure(server.url)
        await server.waitForRequests(1)
        let refused = await client.failure(server.url)
        #expect(refused == "too many requests wait for a connection to 127.0.0.1:\(server.port)")
        try await server.closeAll()
        #expect(await held == "the connection was closed before an answer came")
    }

    @Test func `go to the next request when one that holds them times out`() async throws {
        let server = try await ScriptedServer { request in
            request.lines[0].contains("hold") ? [] : [.send(Array("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".utf8))]
        }
        var bounds = ConnectionPool.Bounds()
        bounds.connectionsMax = 1
        let client = TestClient(bounds: bounds)
        // The first request makes the connection, so that the second is on its way before its time is over.
        #expect(try await client.post(server.url).status == 200)
        async let held = client.failure(server.url + "hold", timeout: .milliseconds(50))
        await server.waitForRequests(2)
        #expect(try await client.post(server.url).status == 200)
        #expect(await held == "timed out after 50 ms (waiting for the answer)")
        #expect(server.connections == 2)
    }
}

@Suite struct `A timeout` {
    /// A server that answers the first request of a connection, and the second one with `second` only. The first makes the
    /// connection, so that none of the second one's time goes into that.
    private func server(second: String) async throws -> ScriptedServer {
        try await ScriptedServer { request in
            let first = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
            return [.send(Array((request.number == 1 ? first : second).utf8))]
        }
    }

    @Test func `covers the wait for an answer`() async throws {
        let server = try await server(second: "")
        let client = TestClient()
        _ = try await client.post(server.url)
        let clock = ContinuousClock()
        let start = clock.now
        let failure = await client.failure(server.url, timeout: .milliseconds(60))
        #expect(failure == "timed out after 60 ms (waiting for the answer)")
        #expect(clock.now - start >= .milliseconds(60))
    }

    @Test func `covers the reading of the answer`() async throws {
        let server = try await server(second: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        let client = TestClient()
        _ = try await client.post(server.url)
        let failure = await client.failure(server.url, timeout: .seconds(1))
        #expect(failure == "timed out after 1 s (reading the answer)")
    }

    @Test func `covers the wait for a connection`() async throws {
        let server = try await ScriptedServer { _ in [] }
        var bounds = ConnectionPool.Bounds()
        bounds.connectionsMax = 1
        let client = TestClient(bounds: bounds)
        async let held = client.failure(server.url)
        await server.waitForRequests(1)
        let failure = await client.failure(server.url, timeout: .milliseconds(50))
        #expect(failure == "timed out after 50 ms (waiting for a connection)")
        try await server.closeAll()
        _ = await held
    }

    @Test func `covers the TLS handshake`() async throws {
        let silent = try await SilentServer()
        let failure = await TestClient().failure("https://127.0.0.1:\(silent.port)/", timeout: .milliseconds(80))
        #expect(failure == "timed out after 80 ms (connecting)")
    }

    @Test func `of no time at all is over at once`() async throws {
        let server = try await ScriptedServer { _ in [] }
        let failure = await TestClient().failure(server.url, timeout: .zero)
        #expect(failure?.hasPrefix("timed out after 0 s (") == true)
    }
}

@Suite struct `A failure to connect` {
    @Test func `names who refused`() async throws {
        let port = try await SilentServer.freePort()
        #expect(await TestClient().failure("http://127.0.0.1:\(port)/") == "connection refused by 127.0.0.1:\(port)")
        #expect(await TestClient().failure("http://localhost:\(port)/") == "connection refused by localhost:\(port)")
    }

    @Test func `names a host that does not exist`() async throws {
        // RFC 6761, section 6.4: no name below `invalid` ever exists.
        #expect(await TestClient().failure("http://nowhere.invalid/") == "no such host: nowhere.invalid")
    }

    @Test(arguments: [
        ("SSH-2.0-OpenSSH_9.2\r\n\r\n", "the answer is no HTTP/1.1: The answer does not begin with an HTTP/1.1 status line."),
        ("HTTP/2.0 200 OK\r\n\r\n", "the answer is no HTTP/1.1: The answer is neither HTTP/1.1 nor HTTP/1.0."),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "the answer is no HTTP/1.1: Content-Length stands more than once."
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz",
            "the answer is no HTTP/1.1: A chunk's size is not hexadecimal digits with an extension or CR LF behind them."
        ),
    ]) func `in HTTP itself says what came instead`(answer: String, sentence: String) async throws {
        let server = try await ScriptedServer(always: answer)
        #expect(await TestClient().failure(server.url) == sentence)
    }

    @Test func `is told of a head that is too large`() async throws {
        let head = "HTTP/1.1 200 OK\r\n" + String(repeating: "X-Long: \(String(repeating: "x", count: 1000))\r\n", count: 200)
        let server = try await ScriptedServer(always: head)
        let failure = await TestClient().failure(server.url)
        #expect(failure == "the answer is no HTTP/1.1: The head is larger than 131072 bytes.")
    }
}
