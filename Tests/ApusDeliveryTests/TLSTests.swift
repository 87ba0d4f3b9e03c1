import ApusHTTP
import Testing

@Suite struct `TLS` {
    private func server(
        _ certificate: String = TestCertificate.localhost, _ key: String = TestCertificate.localhostKey
    ) async throws -> ScriptedServer {
        try await ScriptedServer(certificate: certificate, key: key) { _ in
            [.send(Array("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".utf8))]
        }
    }

    @Test(arguments: ["localhost", "127.0.0.1"])
    func `carries requests where the destination's certificates vouch for the name or the address`(host: String) async throws {
        let server = try await server()
        let client = TestClient(caCerts: TestCertificate.localhost)
        for _ in 0..<3 {
            let answer = try await client.post("https://\(host):\(server.port)/a", body: "x")
            #expect(answer.body == Array("ok".utf8))
        }
        #expect(server.connections == 1)
        #expect(server.received.map(\.body) == Array(repeating: Array("x".utf8), count: 3))
    }

    @Test func `refuses a certificate that nobody vouches for`() async throws {
        let server = try await server()
        let failure = await TestClient().failure("https://localhost:\(server.port)/")
        #expect(
            failure
                == "the certificate of localhost:\(server.port) does not verify: no trusted certificate vouches for it")
        #expect(server.received.isEmpty)
    }

    @Test(arguments: ["localhost", "127.0.0.1"])
    func `refuses a trusted certificate that is for somebody else`(host: String) async throws {
        let server = try await server(TestCertificate.other, TestCertificate.otherKey)
        let failure = await TestClient(caCerts: TestCertificate.other).failure("https://\(host):\(server.port)/")
        #expect(failure == "the certificate of \(host):\(server.port) does not verify: it is not for \(host)")
        #expect(server.received.isEmpty)
    }

    @Test func `says that certificates cannot be read`() async throws {
        let client = TestClient(caCerts: "no PEM at all")
        let failure = await client.failure("https://localhost:1/")
        #expect(failure == "the CA certificates of the destination cannot be read: PEM certificates are expected")
    }

    @Test func `is not spoken by a server that speaks plain HTTP`() async throws {
        let silent = try await SilentServer(greeting: "HTTP/1.1 400 Bad Request\r\n\r\n")
        let failure = await TestClient().failure("https://127.0.0.1:\(silent.port)/")
        #expect(failure?.hasPrefix("the TLS handshake with 127.0.0.1:\(silent.port) failed: ") == true, "\(failure ?? "")")
    }

    @Test func `that ends an answer without close_notify is a failure, for the answer may be cut off`() async throws {
        let server = try await ScriptedServer(certificate: TestCertificate.localhost, key: TestCertificate.localhostKey) { _ in
            [.send(Array("HTTP/1.1 200 OK\r\n\r\nhalf".utf8)), .cut]
        }
        let failure = await TestClient(caCerts: TestCertificate.localhost).failure("https://localhost:\(server.port)/")
        #expect(failure == "the connection was closed in the middle of the answer without the end that TLS asks for")
    }
}
