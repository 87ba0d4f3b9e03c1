import ApusPorts
import ApusRegistry
import ApusResources
import ApusTelemetry
import ApusTesting
import CloudEvents
import Logging
import Synchronization
import Testing

@testable import ApusControl

/// A kind whose sources fail as often as their name says, and then run until they are cancelled.
private struct FlakySource: SourceKind {
    static let schema = SourceSchema(
        kind: ResourceKind(group: "sources.test", version: "v1", kind: "Flaky", plural: "flakies", singular: "flaky"),
        origin: "A test", condition: "Deployed", fields: [], columns: [.ready], check: { _, _ in }, eventAttributes: { _ in [] })

    static let runs = Mutex<[String: Int]>([:])

    static func make(_ resource: SourceResource) throws(SourceFailure) -> any EventSource { Source(name: resource.metadata.name) }

    struct Source: EventSource {
        let name: String

        func run(_ context: SourceContext) async throws(SourceFailure) {
            let run = FlakySource.runs.withLock { runs in
                runs[name, default: 0] += 1
                return runs[name] ?? 0
            }
            guard run > 3 else { throw SourceFailure(reason: "ConnectionFailed", message: "no route to host, try \(run)") }
            context.reporter.report(.ready)
            while !Task.isCancelled { await Task.yield() }
        }
    }
}

@Suite struct `A source that runs` {
    private func resource(_ name: String, annotations: String = "{}") throws -> SourceResource {
        let text = """
            {"apiVersion": "sources.test/v1", "kind": "Flaky", "metadata": {"name": "\(name)", "annotations": \(annotations)},
             "spec": {"sink": {"uri": "http://localhost/"}}}
            """
        let resource = try Resource(json: Array(text.utf8), catalog: SourceCatalog([FlakySource.schema]))
        guard case .source(let source) = resource else { throw FieldErrors([]) }
        return source
    }

    private func service(_ source: SourceResource, waits: @escaping @Sendable (Duration) -> Void) -> SourceService {
        let report = SourceReport(meters: SourceMeters(Meters(), source.identity))
        let clock = SourceClock(
            now: { Timestamp(nanoseconds: 0) },
            sleep: { duration in
                waits(duration)
                await Task.yield()
            })
        let context = SourceContext(
            identity: source.identity, uid: "u", emitter: RecordingEmitter(),
            progress: StoredProgress(MemoryProgress(), uid: "u"),
            reporter: report, clock: clock, makeID: { "id" }, seed: 1)
        return SourceService(
            fingerprint: "f", kind: FlakySource.self, resource: source, context: context, report: report,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    @Test func `is started again after each failure, with waits that grow, until it is ready`() async throws {
        let waits = Mutex<[Duration]>([])
        let service = service(try resource("again")) { duration in waits.withLock { $0.append(duration) } }
        while service.report.current.readiness != .ready { await Task.yield() }
        #expect(waits.withLock { $0 } == [.seconds(1), .seconds(2), .seconds(4)])
        #expect(service.report.meters.failures.value == 3)
        await service.stop(clock: SourceClock(now: { Timestamp(nanoseconds: 0) }, sleep: { _ in await Task.yield() }))
    }

    @Test func `waits no longer than half a minute between two starts`() {
        #expect((1...8).map(SourceService.wait(afterFailures:)) == [1, 2, 4, 8, 16, 30, 30, 30].map(Duration.seconds))
    }

    @Test func `has conditions in its own words`() throws {
        let source = try resource("words")
        let resolved = Resolution.resolved(ResolvedDestination(url: "http://localhost/"))
        func conditions(_ facts: SourceFacts) -> Conditions {
            SourceStatus.make(source, facts: facts, now: Timestamp(nanoseconds: 0)).conditions
        }
        let failed = conditions(
            SourceFacts(sink: resolved, source: .notReady(reason: "ConnectionFailed", message: "no route to host")))
        #expect(failed["Deployed"]?.message == "no route to host")
        #expect(failed[Conditions.ready]?.reason == "ConnectionFailed")
        let lost = conditions(SourceFacts(sink: .failed("Broker \"b\" not found"), source: .ready))
        #expect(lost["SinkProvided"]?.status == .no)
        #expect(lost.isReady == false)
        let paused = conditions(SourceFacts(sink: resolved, source: .ready, isPaused: true))
        #expect(paused["Paused"]?.status == .yes)
        #expect(paused.isReady)
    }

    @Test func `is another one where its spec, its sink or its UID is another, and runs where it is not paused`() throws {
        let here = DestinationResolver(names: NameTable()) { _, _ in nil }
        let source = try resource("same")
        var other = source
        other.metadata.uid = "another"
        var labelled = source
        labelled.metadata.generation = 9
        let print = { (source: SourceResource) in PlannedSource(source, resolver: here).fingerprint }
        #expect(print(source) != print(other))
        #expect(print(source) == print(labelled))
        #expect(PlannedSource(source, resolver: here).runs)
        #expect(!PlannedSource(try resource("same", annotations: #"{"apus.dev/paused": "true"}"#), resolver: here).runs)
    }
}

@Suite struct `What a source's events are given` {
    private func emitter(_ sink: RecordingEmitter, keeps: Bool = true) -> OverridingEmitter {
        let identity = ResourceIdentity(kind: "Flaky", namespace: "default", name: "n")
        return OverridingEmitter(
            sink: sink, overrides: [Attribute(name: "colour", value: .string("red"))], meters: SourceMeters(Meters(), identity),
            keepsUnreadable: keeps, resource: "\(identity)", logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    @Test func `is the extensions of ceOverrides, in both modes, over what they had`() async throws {
        let sink = RecordingEmitter()
        let binary = SourceEvent(
            try CloudEvent(id: "1", source: "/s", type: "t", extensions: [Attribute(name: "colour", value: .string("blue"))]))
        let json = #"{"specversion":"1.0","id":"2","source":"/s","type":"t","colour":"blue", "data": 1}"#
        try await emitter(sink).emit([binary, try SourceEvent(structured: Array(json.utf8))])
        #expect(sink.events.map { $0.attributes.text(of: "colour") } == ["red", "red"])
        let body = sink.events[1].body
        #expect(try JSONFormat.decode(body).attributes.text(of: "colour") == "red")
        #expect(try JSONFormat.decode(body).data == Array("1".utf8))
    }

    @Test func `is counted: what was emitted, what failed, what could be no event`() async throws {
        let sink = RecordingEmitter()
        let emitter = emitter(sink, keeps: false)
        let event = SourceEvent(try CloudEvent(id: "1", source: "/s", type: "t"))
        try await emitter.emit([event, event])
        sink.setScript { _, _ in EmitFailure(.unavailable, kept: 1, message: "away") }
        await #expect(throws: EmitFailure.self) { try await emitter.emit([event, event]) }
        try await emitter.bury(RawRecord(bytes: [], origin: "o", reason: "r"))
        #expect(emitter.meters.emitted.value == 3)
        #expect(emitter.meters.failures.value == 1)
        #expect(emitter.meters.unreadable.value == 1)
    }
}

@Suite struct `Records that are brought` {
    private let sink = RecordingEmitter()

    private func event(_ id: String) throws -> SourceEvent { SourceEvent(try CloudEvent(id: id, source: "/s", type: "t")) }

    private func item(_ id: String) throws -> SourceItem {
        SourceItem(.success(try event(id)), raw: Array(id.utf8), origin: "at \(id)")
    }

    private func broken(_ id: String) -> SourceItem {
        SourceItem(.failure(.init("no event")), raw: Array(id.utf8), origin: "at \(id)")
    }

    private var ids: [String?] { sink.events.map { $0.attributes.text(of: "id") } }

    @Test func `are one batch where all are events`() async throws {
        #expect(try await sink.bring([try item("1"), try item("2")]) == [nil, nil])
        #expect(sink.batches.count == 1)
    }

    @Test func `are buried where they are none, and the others are emitted in order`() async throws {
        let outcomes = try await sink.bring([broken("0"), try item("1"), broken("2"), broken("3"), try item("4")])
        #expect(outcomes == ["no event", nil, "no event", "no event", nil])
        #expect(ids == ["1", "4"])
        #expect(sink.buried.map(\.origin) == ["at 0", "at 2", "at 3"])
        #expect(sink.buried.map(\.bytes) == [[0x30], [0x32], [0x33]])
    }

    /// A broker's log takes all of a batch or nothing; a uri has what came before.
    @Test(arguments: [true, false])
    func `are buried where the sink refuses them for good`(isAllOrNothing: Bool) async throws {
        sink.setScript { _, events in
            events.firstIndex { $0.attributes.text(of: "id") == "bad" }
                .map { EmitFailure(.refused(index: $0), kept: isAllOrNothing ? 0 : $0, message: "too large") }
        }
        let outcomes = try await sink.bring([try item("1"), try item("bad"), try item("2"), try item("bad"), try item("3")])
        #expect(outcomes == [nil, "too large", nil, "too large", nil])
        #expect(ids == ["1", "2", "3"])
        #expect(sink.buried.count == 2)
    }

    @Test func `say how many are durable where the sink goes away between them`() async throws {
        sink.setScript { call, _ in call == 2 ? EmitFailure(.unavailable, kept: 1, message: "away") : nil }
        let items = [try item("1"), broken("2"), try item("3"), try item("4")]
        let failure = await #expect(throws: EmitFailure.self) { try await sink.bring(items) }
        #expect(failure == EmitFailure(.unavailable, kept: 3, message: "away"))
        #expect(try await sink.bring(Array(items.dropFirst(3))) == [nil])
        #expect(ids == ["1", "3", "4"])
    }

    @Test func `may be none`() async throws {
        #expect(try await sink.bring([]).isEmpty)
        #expect(sink.calls == 0)
    }
}
