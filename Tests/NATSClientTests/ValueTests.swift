import Testing

@testable import NATSClient

@Suite struct `A NATS subject` {
    @Test(arguments: ["a", "a.b", "$JS.API.INFO", "ä.b", "a.*.c", "a.>", "*", ">", "a*b", "a.b>"])
    func `may have tokens and wildcards`(subject: String) {
        #expect(NATSSubject.problem(in: subject, wildcards: true) == nil)
    }

    @Test(arguments: ["", ".", "a.", ".a", "a..b", "a b", "a\r\nPUB b 0", "a\tb", "a\u{0}", "a.>.b", "\u{7F}"])
    func `is refused where the protocol would break or nothing match`(subject: String) {
        #expect(NATSSubject.problem(in: subject, wildcards: true) != nil)
    }

    @Test(arguments: ["a.*", ">", "*.b"])
    func `has no wildcard where it is published to`(subject: String) {
        #expect(NATSSubject.problem(in: subject, wildcards: false)?.contains("wildcard") == true)
    }
}

@Suite struct `A configuration of NATS` {
    private let configuration: NATSConfiguration = {
        var configuration = NATSConfiguration(
            servers: ["nats://ada:lovelace@one:4222", "nats://two:4222"],
            credentials: .user("ada", password: NATSSecret("lovelace")))
        configuration.tls = .init(key: "key.pem")
        return configuration
    }()

    @Test func `shows no secret, however it is shown`() {
        var dumped = ""
        dump(configuration, to: &dumped)
        dump(configuration.credentials, to: &dumped)
        for text in ["\(configuration)", String(reflecting: configuration), "\(configuration.credentials)", dumped] {
            #expect(!text.contains("lovelace"))
            #expect(text.contains("ada") || text.contains("redacted"))
        }
        #expect("\(configuration)".contains("nats://<redacted>@one:4222, nats://two:4222"))
        #expect("\(NATSConfiguration.Credentials.token(NATSSecret("s3cret")))".contains("s3cret") == false)
    }
}

@Suite struct `An acknowledgement subject` {
    @Test func `names where the message stands`() throws {
        let short = try #require(JetStreamMessage.Metadata(ackSubject: "$JS.ACK.orders.worker.2.7.9.1700000000123456789.40"))
        #expect(
            short
                == .init(
                    domain: nil, stream: "orders", consumer: "worker", deliveredCount: 2, streamSequence: 7, consumerSequence: 9,
                    timestampNanoseconds: 1_700_000_000_123_456_789, pendingMessages: 40))
        var long = try #require(
            JetStreamMessage.Metadata(ackSubject: "$JS.ACK.hub.acchash.orders.worker.2.7.9.1700000000123456789.40.x"))
        #expect(long.domain == "hub")
        long.domain = nil
        #expect(long == short)
        #expect(JetStreamMessage.Metadata(ackSubject: "$JS.ACK._.acchash.orders.worker.1.1.1.1.0")?.domain == nil)
    }

    @Test(arguments: [
        "", "_INBOX.a.b", "$JS.ACK.orders.worker.2.7.9.1700000000123456789", "$JS.ACK.s.c.x.1.1.1.0", "$JS.NAK.s.c.1.1.1.1.0",
    ])
    func `of anything else is none`(subject: String) { #expect(JetStreamMessage.Metadata(ackSubject: subject) == nil) }
}

@Suite struct `An error of NATS` {
    @Test func `is retriable where the same may succeed later`() {
        for status in [NATSError.Status.noResponders, .timeout, .connectionDisconnected, .noServer] {
            #expect(NATSError(status, "").isRetriable)
        }
        for status in [NATSError.Status.authenticationFailed, .connectionClosed, .invalidSubject, .maxPayload, .jetStream] {
            #expect(!NATSError(status, "").isRetriable)
        }
        #expect(NATSError(.jetStream, "temporarily unavailable", jetStreamCode: 10008, isRetriable: true).isRetriable)
    }

    @Test func `says the words, and the name or the code`() {
        #expect(NATSError(.timeout, "no answer").description == "no answer (NATS_TIMEOUT)")
        #expect(
            NATSError(.jetStream, "stream not found", jetStreamCode: 10059).description == "stream not found (JetStream 10059)")
    }
}
