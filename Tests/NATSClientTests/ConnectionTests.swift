import NATSClient
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2))) struct `A connection to NATS` {
    /// From the documentation of NATS; it opens nothing.
    private static let seed = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY"
    private static let publicKey = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"

    @Test(arguments: NATSServer.Release.allCases)
    func `comes back after the server was killed, with its subscriptions`(release: NATSServer.Release) async throws {
        let server = try await NATSServer.start(release)
        defer { server.stop() }
        let connection = try await NATSConnection.connect(server.url)
        let subscription = try await connection.subscribe("a")
        try await connection.flush()
        #expect(await connection.event { _ in true } == .connected(server: server.url))
        let mute = try await connection.subscribe("mute")
        let asking = Task {
            await failure { () throws(NATSError) in try await connection.request([], to: "mute", timeoutMilliseconds: 60_000) }
        }
        #expect(await mute.next()?.count == 1)
        await server.kill()
        #expect(await connection.event { _ in true } == .disconnected)
        #expect(await asking.value?.status == .connectionDisconnected)
        try await connection.publish(bytes("while it was down"), to: "a")
        try await server.restart()
        #expect(await connection.event { _ in true } == .reconnected(server: server.url))
        try await connection.publish(bytes("after"), to: "a")
        #expect(await subscription.messages(2).map(\.text) == ["while it was down", "after"])
        await connection.close()
        #expect(await connection.event { if case .closed = $0 { true } else { false } } == .closed(nil))
        #expect(await connection.event { _ in true } == nil)
    }

    @Test(arguments: NATSServer.Release.allCases)
    func `takes the next server where the first is down`(release: NATSServer.Release) async throws {
        let server = try await NATSServer.start(release)
        defer { server.stop() }
        let gone = try await NATSServer.start(release)
        defer { gone.stop() }
        await gone.kill()
        let connection = try await NATSConnection.connect(NATSConfiguration(servers: [gone.url, server.url]))
        #expect(await connection.event { _ in true } == .connected(server: server.url))
        try await gone.restart()
        await server.kill()
        #expect(await connection.event { if case .reconnected = $0 { true } else { false } } == .reconnected(server: gone.url))
    }

    @Test func `says which servers it tried where none answers`() async throws {
        let server = try await NATSServer.start(.debian)
        defer { server.stop() }
        await server.kill()
        let error = await failure { () throws(NATSError) in
            try await NATSConnection.connect("nats://ada:lovelace@127.0.0.1:\(server.port)")
        }
        #expect(error?.status == .noServer)
        #expect(error?.isRetriable == true)
        #expect(error?.text.contains("127.0.0.1:\(server.port)") == true)
        #expect(error?.description.contains("lovelace") == false)
    }

    @Test func `refuses servers that are no URLs, one by one`() async {
        for servers in [[], [""], ["nats://a:4222,nats://b:4222"], ["nats://a b"]] {
            let error = await failure { () throws(NATSError) in
                try await NATSConnection.connect(NATSConfiguration(servers: servers))
            }
            #expect(error?.status == .invalidArgument, "\(servers)")
        }
    }

    @Test(arguments: NATSServer.Release.allCases)
    func `enters with a user's password, and says the server's words where it is wrong`(
        release: NATSServer.Release
    ) async throws {
        let server = try await NATSServer.start(
            release, configuration: "authorization { user: ada, password: lovelace }")
        defer { server.stop() }
        func enter(_ password: String) async throws(NATSError) -> NATSConnection {
            try await NATSConnection.connect(
                NATSConfiguration(servers: [server.url], credentials: .user("ada", password: NATSSecret(password))))
        }
        try await enter("lovelace").flush()
        let wrong = await failure { () throws(NATSError) in try await enter("wrong") }
        #expect(wrong?.status == .authenticationFailed)
        #expect(wrong?.text == "Authorization Violation")
        #expect(wrong?.isRetriable == false)
        let none = await failure { () throws(NATSError) in try await NATSConnection.connect(server.url) }
        #expect(none?.status == .authenticationFailed)
    }

    @Test(arguments: NATSServer.Release.allCases)
    func `enters with a token and with an NKey`(release: NATSServer.Release) async throws {
        let tokens = try await NATSServer.start(release, configuration: "authorization { token: s3cret }")
        defer { tokens.stop() }
        try await NATSConnection.connect(
            NATSConfiguration(servers: [tokens.url], credentials: .token(NATSSecret("s3cret")))
        ).flush()
        let keys = try await NATSServer.start(
            release, configuration: "authorization { users: [{ nkey: \(Self.publicKey) }] }", files: ["seed.nk": Self.seed])
        defer { keys.stop() }
        try await NATSConnection.connect(
            NATSConfiguration(
                servers: [keys.url], credentials: .nkey(publicKey: Self.publicKey, seedFile: keys.path(of: "seed.nk")))
        ).flush()
        let missing = await failure { () throws(NATSError) in
            try await NATSConnection.connect(
                NATSConfiguration(servers: [keys.url], credentials: .credentialsFile(path: keys.path(of: "none.creds"))))
        }
        #expect(missing?.status == .invalidArgument)
        #expect(missing?.text.contains("none.creds cannot be read") == true)
    }

    @Test(arguments: NATSServer.Release.allCases)
    func `says what the server does not permit`(release: NATSServer.Release) async throws {
        let server = try await NATSServer.start(
            release,
            configuration:
                "authorization { users: [{ user: ada, password: p, permissions: { subscribe: \"open.>\" } }] }"
        )
        defer { server.stop() }
        let connection = try await NATSConnection.connect(
            NATSConfiguration(servers: [server.url], credentials: .user("ada", password: NATSSecret("p"))))
        _ = try await connection.subscribe("secret.>")
        let event = await connection.event { if case .error = $0 { true } else { false } }
        guard case .error(let error) = event else { return }
        #expect(error.status == .notPermitted)
        #expect(error.text.contains("secret.>"))
    }

    @Test func `does not go in the clear where its URL says tls`() async throws {
        let server = try await NATSServer.start(.pypi)
        defer { server.stop() }
        let configuration = NATSConfiguration(servers: ["tls://127.0.0.1:\(server.port)"])
        let error = await failure { () throws(NATSError) in try await NATSConnection.connect(configuration) }
        #expect(error?.status == .secureConnectionWanted, "\(error.map(\.description) ?? "no error")")
    }

    @Test(arguments: NATSServer.Release.allCases)
    func `goes through TLS, with the authority and the client's certificate that it is given`(
        release: NATSServer.Release
    ) async throws {
        let files = ["cert.pem": TestPEM.localhost, "key.pem": TestPEM.localhostKey, "other.pem": TestPEM.other]
        let server = try await NATSServer.start(
            release,
            configuration:
                "tls { cert_file: \"FOLDER/cert.pem\", key_file: \"FOLDER/key.pem\", ca_file: \"FOLDER/cert.pem\", verify: true }",
            files: files)
        defer { server.stop() }
        let url = "tls://localhost:\(server.port)"
        func enter(_ tls: NATSConfiguration.TLS) async throws(NATSError) -> NATSConnection {
            try await NATSConnection.connect(NATSConfiguration(servers: [url], tls: tls))
        }
        let (certificate, key) = (server.path(of: "cert.pem"), server.path(of: "key.pem"))
        let tls = NATSConfiguration.TLS(certificateAuthority: certificate, certificate: certificate, key: key)
        try await enter(tls).flush()
        var stranger = tls
        stranger.certificateAuthority = server.path(of: "other.pem")
        #expect(await failure { () throws(NATSError) in try await enter(stranger) }?.status == .tlsError)
        var elsewhere = tls
        elsewhere.serverName = "elsewhere.test"
        #expect(await failure { () throws(NATSError) in try await enter(elsewhere) }?.status == .tlsError)
        var half = tls
        half.key = nil
        #expect(await failure { () throws(NATSError) in try await enter(half) }?.status == .invalidArgument)
        let anonymous = NATSConfiguration.TLS(certificateAuthority: certificate)
        #expect(await failure { () throws(NATSError) in try await enter(anonymous) } != nil)
    }

    @Test(arguments: NATSServer.Release.allCases)
    func `hears that the server shuts down`(release: NATSServer.Release) async throws {
        let server = try await NATSServer.start(release)
        defer { server.stop() }
        let connection = try await NATSConnection.connect(server.url)
        try await connection.flush()
        server.enterLameDuckMode()
        #expect(await connection.event { $0 == .lameDuck } == .lameDuck)
    }

    @Test func `is given up after its attempts, and says why`() async throws {
        let server = try await NATSServer.start(.debian)
        defer { server.stop() }
        var configuration = NATSConfiguration(servers: [server.url])
        configuration.reconnectAttemptsMax = 2
        configuration.reconnectWaitMilliseconds = 10
        let connection = try await NATSConnection.connect(configuration)
        let subscription = try await connection.subscribe("a")
        await server.kill()
        let event = await connection.event { if case .closed = $0 { true } else { false } }
        guard case .closed(let error?) = event else {
            Issue.record("\(String(describing: event))")
            return
        }
        #expect(error.isRetriable)
        #expect(await subscription.next() == nil)
        #expect(await failure { () throws(NATSError) in try await connection.publish([], to: "a") }?.status == .connectionClosed)
        await connection.close()
    }

    @Test func `is closed when nobody holds it any more`() async throws {
        let server = try await NATSServer.start(.debian)
        defer { server.stop() }
        let subscription: NATSSubscription
        do {
            let connection = try await NATSConnection.connect(server.url)
            subscription = try await connection.subscribe("a")
        }
        #expect(await subscription.next() == nil)
    }
}
