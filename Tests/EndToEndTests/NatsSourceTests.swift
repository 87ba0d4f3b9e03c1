import ApusPorts
import CloudEvents
import Foundation
import NATSClient
import Specs
import TestSupport
import Testing

/// NatsSources in the real process, with real servers and the clients that others use.
@Suite(.timeLimit(.minutes(4)), .serialized) struct `A NatsSource in a node` {
    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test(arguments: NATSServer.Release.allCases)
    func `shares a queue group with another, and comes back with its server`(release: NATSServer.Release) async throws {
        let server = try await NATSServer.start(release)
        defer { server.stop() }
        let folder = try TemporaryFolder()
        let names = ["one", "two"]
        let sources = names.map { Manifest.natsSource($0, servers: [server.url], spec: "subject: orders.*.new\nqueue: apus") }
        let manifest = try folder.write(Manifest.broker() + sources.joined(), to: "all.yaml")
        let first = try await ApusProcess.serve(data: "\(folder.path)/data", manifests: [manifest])
        for name in names { try await first.untilReady(name) }
        let connection = try await NATSConnection.connect(NATSConfiguration(servers: [server.url]))
        for number in 0..<200 { try await connection.publish(bytes("\(number)"), to: "orders.eu.new") }
        try await connection.publish(bytes("not matched"), to: "orders.eu.old")
        try await first.untilEmitted(200, by: names)

        await server.kill()
        for name in names { try await first.until(name, says: "The connection was lost") }
        try await server.restart()
        for name in names { try await first.untilReady(name) }
        try await connection.flush(timeoutMilliseconds: 20_000)
        for number in 200..<250 { try await connection.publish(bytes("\(number)"), to: "orders.eu.new") }
        try await first.untilEmitted(250, by: names)
        try await first.stop()

        // Core NATS keeps nothing: what comes while nobody is subscribed is nowhere.
        try await connection.publish(bytes("lost"), to: "orders.eu.new")
        try await connection.flush()
        let second = try await ApusProcess.serve(data: "\(folder.path)/data", manifests: [manifest])
        for name in names { try await second.untilReady(name) }
        try await connection.publish(bytes("250"), to: "orders.eu.new")
        try await second.untilEmitted(1, by: names)
        try await second.stop()
        let events = try await LogFiles.events(dataDirectory: "\(folder.path)/data", broker: "default").map(\.event)
        #expect(Set(events.map(\.body)) == Set((0...250).map { bytes("\($0)") }))
        #expect(events.count == 251)
        let shares = names.map { name in
            events.count { $0.attributes.text(of: "source")?.contains("/natssources/\(name)#orders.eu.new") == true }
        }
        #expect(shares.reduce(0, +) == 251 && shares.allSatisfy { $0 > 50 }, "\(shares)")
    }

    @Test(arguments: NATSServer.Release.allCases)
    func `says in the server's words why it may not enter, and enters when it may`(release: NATSServer.Release) async throws {
        let files = ["cert.pem": TestPEM.localhost, "key.pem": TestPEM.localhostKey, "other.pem": TestPEM.other]
        let server = try await NATSServer.start(
            release,
            configuration: """
                tls { cert_file: "FOLDER/cert.pem", key_file: "FOLDER/key.pem" }
                authorization { user: ada, password: lovelace }
                """, files: files)
        defer { server.stop() }
        let folder = try TemporaryFolder()
        let wrong = try folder.write("babbage\n", to: "wrong"), right = try folder.write("lovelace\n", to: "right")
        func source(_ name: String, password: String, authority: String) -> String {
            Manifest.natsSource(
                name, servers: ["tls://localhost:\(server.port)"],
                spec: """
                    subject: orders
                    auth: {user: ada, passwordFile: "\(password)"}
                    tls: {caFile: "\(server.path(of: authority))"}
                    """)
        }
        let manifest = try folder.write(
            Manifest.broker() + source("good", password: right, authority: "cert.pem")
                + source("stranger", password: wrong, authority: "cert.pem")
                + source("distrust", password: right, authority: "other.pem"),
            to: "all.yaml")
        let apus = try await ApusProcess.serve(data: "\(folder.path)/data", manifests: [manifest])
        try await apus.until("stranger", says: "Authorization Violation")
        try await apus.until("distrust", says: "self-signed certificate")
        try await apus.untilReady("good")
        #expect(!apus.log.contains { $0.contains("lovelace") || $0.contains("babbage") })
        try folder.write("lovelace\n", to: "wrong")
        try await apus.untilReady("stranger")
        #expect(try await apus.stop() == .exit(0))
    }

    /// nats-py, and the CloudEvents SDK's messages carried by it. The stream is not there when the source starts.
    @Test(arguments: NATSServer.Release.allCases)
    func `takes what nats-py and the CloudEvents SDK publish`(release: NATSServer.Release) async throws {
        let server = try await NATSServer.start(release)
        defer { server.stop() }
        let folder = try TemporaryFolder()
        let manifest = try folder.write(
            Manifest.broker() + Manifest.natsSource("core", servers: [server.url], spec: "subject: \"core.>\"")
                + Manifest.natsSource("stream", servers: [server.url], spec: "stream: later"),
            to: "all.yaml")
        let apus = try await ApusProcess.serve(data: "\(folder.path)/data", manifests: [manifest])
        try await apus.untilReady("core")
        try await apus.until("stream", says: "stream not found (JetStream 10059)")
        let program = Specs.directory.deletingLastPathComponent().appendingPathComponent("Tests/EndToEndTests/natspublish.py")
            .path
        let python = try ChildProcess(SetupCache.python, [program, server.url, "core.new", "later"])
        #expect(try await python.waitForEnd() == .exit(0), "\(python.lines.joined(separator: "\n"))")
        try await apus.untilEmitted(10, by: ["core", "stream"])
        try await apus.untilReady("stream")
        try await apus.stop()
        let events = try await LogFiles.events(dataDirectory: "\(folder.path)/data", broker: "default").map(\.event)
        #expect(events.count == 10)
        for (prefix, subject) in [("core", "core.new"), ("stream", "later.new")] {
            func event(_ id: String) throws -> EventRecord {
                try #require(events.first { $0.attributes.text(of: "id") == "\(prefix)-\(id)" })
            }
            let headers = try event("headers"), structured = try event("structured")
            #expect(headers.mode == .binary && headers.body == bytes("plain") && headers.contentType == "text/plain")
            #expect(headers.attributes.text(of: "subject") == "grün 5%")
            #expect(structured.mode == .structured && structured.attributes.text(of: "type") == "com.example.nats")
            let binary = try event("sdk-binary")
            #expect(binary.mode == .binary && binary.contentType == "application/json" && binary.body == bytes(#"{"n": 2}"#))
            #expect(binary.attributes.text(of: "subject") == "grün 5%" && binary.attributes.text(of: "time") != nil)
            let last = try event("sdk-structured")
            #expect(last.mode == .structured)
            let raw = try #require(
                events.first { $0.attributes.text(of: "source")?.hasSuffix("/natssources/\(prefix)#\(subject)") == true })
            #expect(raw.body == [0x00, 0xFF] + bytes("raw"))
            #expect(raw.attributes.text(of: "type") == "dev.apus.nats.message")
            #expect(raw.attributes.text(of: "natsheaderxshop") == "eu")
        }
    }
}
