import ApusPorts
import ApusResources
import ApusTesting
import CloudEvents
import NATSClient
import SourceNATS
import TestSupport
import Testing

/// The clauses of the contract suite, which has no server and no real time, on a source that needs both.
@Suite(.timeLimit(.minutes(2))) struct `A NatsSource by the contract` {
    /// How this source shows each clause; the suite's own words name them.
    private static let shows: [String: @Sendable (Scene) async throws -> Void] = [
        "emits valid events, each with an id of its own": { scene in
            let events = try await scene.run(events: 5).emitter.events
            for event in events { try CloudEvent(attributes: event.attributes, data: event.body).validate() }
            #expect(Set(events.map { $0.attributes.text(of: "id") }).count == 5)
        },
        "emits what its schema says that it emits": { scene in
            // A stream's messages bear the subjects that they came by; a subject without wildcards is known before.
            let text = scene.manifest(#""subject": "plain""#)
            let running = try Running(text)
            try await running.whenReady()
            try await scene.connection.publish([1], to: "plain")
            await running.taken(1)
            #expect(await running.stop() == nil)
            let said = NatsSource.schema.eventAttributes(try SourceHarness(NatsSource.self).resource(text))
            let event = try #require(running.emitter.events.first)
            #expect(said.map(\.type) == [event.attributes.text(of: "type")])
            #expect(said.map(\.source) == [event.attributes.text(of: "source")])
        },
        "says that it is ready": { scene in
            let running = try await scene.run(events: 5)
            #expect(running.reporter.readiness.last == .ready)
        },
        "ends when it is cancelled, and not before": { scene in
            let running = try await scene.run(events: 5)
            _ = try await scene.publish("late")
            #expect(running.emitter.events.count == 5)
        },
        "ends when it is cancelled while its sink takes nothing": { scene in
            let running = try Running(scene.stream) { _, _ in EmitFailure(.unavailable, message: "The sink is away.") }
            try await Patience.wait(for: "two calls") { running.emitter.calls > 1 }
            #expect(await running.stop() == nil)
            #expect(running.emitter.events.isEmpty)
        },
        "says why its sink takes nothing, and goes on when that is over": { scene in
            let running = try await scene.run(events: 5) { call, _ in
                call == 1 ? EmitFailure(.unavailable, message: "The sink is away.") : nil
            }
            #expect(running.reporter.readiness.contains(.notReady(reason: "SinkUnavailable", message: "The sink is away.")))
            #expect(running.reporter.readiness.last == .ready)
        },
        "does not lose the event that its sink did not take": { scene in
            let running = try await scene.run(events: 5) { call, _ in
                call == 1 ? EmitFailure(.unavailable, message: "The sink is away.") : nil
            }
            #expect(Set(running.emitter.events.map(\.body)) == Set((0..<5).map { Array("\($0)".utf8) }))
        },
        "buries what its sink refuses for good, and goes on": { scene in
            let running = try await scene.run(events: 4) { call, _ in
                call == 1 ? EmitFailure(.refused(index: 0), message: "Too large.") : nil
            }
            #expect(running.emitter.buried.map(\.reason) == ["Too large."])
            #expect(running.emitter.buried.map(\.bytes) == [Array("0".utf8)])
            #expect(running.emitter.events.map(\.body) == (1..<5).map { Array("\($0)".utf8) })
        },
        "emits nothing a second time when it is started anew": { scene in
            _ = try await scene.run(events: 5)
            _ = try await scene.publish("new")
            let again = try await scene.run(events: 1)
            #expect(again.emitter.events.map(\.body) == [Array("new".utf8)])
        },
    ]

    @Test(arguments: SourceContract.clauses)
    func `is kept`(clause: SourceContract.Clause) async throws {
        guard NatsSource.waivers[clause.sentence] == nil else { return }
        let show = try #require(Self.shows[clause.sentence], "nothing shows that it \(clause.sentence)")
        let scene = try await Scene()
        defer { scene.server.stop() }
        try await show(scene)
    }

    @Test func `is shown in sentences that it has`() {
        let sentences = Set(SourceContract.clauses.map(\.sentence))
        #expect(Set(Self.shows.keys).union(NatsSource.waivers.keys) == sentences)
    }
}

/// A server with five messages in a stream.
private struct Scene {
    let server: NATSServer
    let connection: NATSConnection

    init() async throws {
        server = try await NATSServer.start(.pypi)
        connection = try await NATSConnection.connect(NATSConfiguration(servers: [server.url]))
        try await connection.jetStream.createStream(StreamConfiguration(name: "orders", subjects: ["orders.>"]))
        for number in 0..<5 { _ = try await publish("\(number)") }
    }

    func publish(_ text: String) async throws -> PublishAck {
        try await connection.jetStream.publish(Array(text.utf8), to: "orders.new")
    }

    func manifest(_ spec: String) -> String {
        SourceNATSTests.manifest(#""servers": ["\#(server.url)"], \#(spec)"#)
    }

    var stream: String { manifest(#""stream": "orders", "durable": "apus""#) }

    /// Runs a source until its sink has so many events and the server knows it; stopped when this returns.
    func run(
        events: Int, script: @escaping RecordingEmitter.Script = { _, _ in nil }
    ) async throws -> Running {
        let running = try Running(stream, script: script)
        try await Patience.wait(for: "\(events) events") { running.emitter.events.count >= events }
        try await connection.jetStream.acknowledged("orders", "apus")
        #expect(await running.stop() == nil)
        return running
    }
}
