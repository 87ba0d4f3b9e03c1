import ApusPorts
import ApusResources
import ApusTesting
import CloudEvents
import Testing

@testable import SourcePing

@Suite struct `A PingSource` {
    private let harness = SourceHarness(PingSource.self)

    private func resource(_ spec: String, annotations: String = "{}") throws -> SourceResource {
        try harness.resource(
            """
            {"apiVersion": "sources.knative.dev/v1", "kind": "PingSource",
             "metadata": {"name": "tick", "namespace": "shop", "annotations": \(annotations)},
             "spec": {"sink": {"uri": "http://localhost/"}, \(spec)}}
            """)
    }

    private func times() -> [String] { harness.emitter.events.map { $0.attributes.text(of: "time") ?? "" } }

    @Test func `emits Knative's event at each tick`() throws {
        try harness.run(
            resource(#""schedule": "*/20 * * * *", "contentType": "application/json", "data": "{\"a\":1}""#), for: .seconds(3601))
        #expect(times() == ["2026-01-01T00:20:00Z", "2026-01-01T00:40:00Z", "2026-01-01T01:00:00Z"])
        let event = try #require(harness.emitter.events.first)
        #expect(event.attributes.text(of: "type") == "dev.knative.sources.ping")
        #expect(event.attributes.text(of: "source") == "/apis/v1/namespaces/shop/pingsources/tick")
        #expect(event.attributes.text(of: "specversion") == "1.0")
        #expect(event.contentType == "application/json")
        #expect(event.body == Array(#"{"a":1}"#.utf8))
    }

    @Test func `decodes dataBase64, and has no content type that nobody gave`() throws {
        try harness.run(resource(#""schedule": "* * * * *", "dataBase64": "AAEC""#), for: .seconds(61))
        let event = try #require(harness.emitter.events.first)
        #expect(event.body == [0, 1, 2])
        #expect(event.contentType == nil)
        #expect(event.attributes.text(of: "datacontenttype") == nil)
    }

    @Test func `without data emits an event without data`() throws {
        try harness.run(resource(#""schedule": "* * * * *""#), for: .seconds(61))
        #expect(harness.emitter.events.map(\.body) == [[]])
    }

    @Test func `is due every minute where it has no schedule`() throws {
        try harness.run(resource(#""timezone": "Europe/Berlin""#), for: .seconds(121))
        #expect(times().count == 2)
    }

    @Test func `counts what fell due while it was away as missed`() throws {
        let resource = try resource(#""schedule": "*/10 * * * *""#)
        try harness.run(resource, for: .seconds(601))
        harness.executor.run(for: .seconds(3600))
        try harness.run(resource, for: .seconds(601))
        #expect(harness.reporter.missedCount == 6)
        #expect(times() == ["2026-01-01T00:10:00Z", "2026-01-01T01:20:00Z"])
    }

    @Test func `with catch-up fires once for all that fell due while it was away`() throws {
        let resource = try resource(#""schedule": "*/10 * * * *""#, annotations: #"{"apus.dev/catch-up": "true"}"#)
        try harness.run(resource, for: .seconds(601))
        harness.executor.run(for: .seconds(3600))
        try harness.run(resource, for: .seconds(601))
        #expect(harness.reporter.missedCount == 5)
        #expect(times() == ["2026-01-01T00:10:00Z", "2026-01-01T01:10:00Z", "2026-01-01T01:20:00Z"])
    }

    @Test func `that is stopped while its sink is away keeps its tick due`() throws {
        let resource = try resource(#""schedule": "*/10 * * * *""#, annotations: #"{"apus.dev/catch-up": "true"}"#)
        harness.emitter.setScript { _, _ in EmitFailure(.unavailable, message: "The sink is away.") }
        try harness.run(resource, for: .seconds(700))
        harness.emitter.setScript { _, _ in nil }
        try harness.run(resource, for: .seconds(1))
        #expect(times() == ["2026-01-01T00:10:00Z"])
        #expect(harness.reporter.missedCount == 0)
    }

    @Test func `goes on with the tick that it waited for when it was stopped`() throws {
        let resource = try resource(#""schedule": "@every 10m""#)
        try harness.run(resource, for: .seconds(400))
        try harness.run(resource, for: .seconds(400))
        #expect(times() == ["2026-01-01T00:10:00Z"])
        #expect(harness.reporter.missedCount == 0)
    }

    @Test func `begins anew with another schedule or zone, and misses nothing`() throws {
        try harness.run(resource(#""schedule": "0 * * * *""#), for: .seconds(60))
        harness.executor.run(for: .seconds(7200))
        try harness.run(resource(#""schedule": "30 * * * *""#), for: .seconds(1800))
        try harness.run(resource(#""schedule": "30 * * * *", "timezone": "Asia/Kolkata""#), for: .seconds(1801))
        #expect(harness.reporter.missedCount == 0)
        #expect(times() == ["2026-01-01T02:30:00Z", "2026-01-01T03:00:00Z"])
    }

    @Test func `holds its tick until the sink is back, and passes what fell due meanwhile`() throws {
        harness.emitter.setScript { call, _ in call <= 8 ? EmitFailure(.unavailable, message: "The sink is away.") : nil }
        try harness.run(resource(#""schedule": "* * * * *""#), for: .seconds(359))
        // 1 + 2 + 4 + 8 + 16 + 30 + 30 + 30 seconds after the first tick; those of the next two minutes are over.
        #expect(
            times() == [
                "2026-01-01T00:01:00Z", "2026-01-01T00:03:00Z", "2026-01-01T00:04:00Z", "2026-01-01T00:05:00Z",
            ])
        #expect(harness.reporter.missedCount == 1)
        #expect(harness.reporter.readiness.contains(.notReady(reason: "SinkUnavailable", message: "The sink is away.")))
        #expect(harness.reporter.readiness.last == .ready)
    }

    @Test func `gives a tick the same id however often it is emitted`() throws {
        let resource = try resource(#""schedule": "* * * * *""#)
        try harness.run(resource, for: .seconds(61))
        let other = SourceHarness(PingSource.self)
        try other.run(resource, for: .seconds(61))
        #expect(harness.emitter.events == other.emitter.events)
    }

    @Test func `that never falls due says so`() throws {
        let failure = try harness.run(resource(#""schedule": "0 0 31 2 *""#), for: .seconds(60))
        #expect(failure?.reason == "NeverDue")
    }

    @Test func `tells people its last tick and its next`() throws {
        try harness.run(resource(#""schedule": "*/5 * * * *""#), for: .seconds(301))
        #expect(harness.reporter.notes == ["last-tick": "2026-01-01T00:05:00Z", "next-tick": "2026-01-01T00:10:00Z"])
    }
}

@Suite struct `What is decided of ticks` {
    private func moment(_ text: String) throws -> Timestamp { try #require(Timestamp(rfc3339: "2026-01-01T\(text)Z")) }

    private func plan(_ schedule: String = "* * * * *", catchesUp: Bool = false) throws -> TickPlan {
        TickPlan(cron: try Cron(schedule), catchesUp: catchesUp)
    }

    @Test func `is nothing before the tick is due`() throws {
        let due = try moment("00:01:00")
        for decision in [
            try plan().woke(due: due, now: try moment("00:00:59.999999999")),
            try plan(catchesUp: true).started(due: due, now: try moment("00:00:59")),
        ] { #expect(decision == TickPlan.Decision(fire: nil, missed: 0, next: due)) }
    }

    @Test func `is to fire at the very moment`() throws {
        let due = try moment("00:01:00")
        #expect(try plan().woke(due: due, now: due) == TickPlan.Decision(fire: due, missed: 0, next: try moment("00:02:00")))
    }

    @Test func `is to fire the last of several, and to count the others`() throws {
        let decision = try plan("* * * * * *").woke(due: try moment("00:00:01"), now: try moment("00:00:04.5"))
        #expect(decision == TickPlan.Decision(fire: try moment("00:00:04"), missed: 3, next: try moment("00:00:05")))
    }

    @Test func `is to pass a tick whose time is over by more than a minute`() throws {
        let due = try moment("03:00:00")
        let hourly = try plan("0 * * * *")
        #expect(try hourly.woke(due: due, now: moment("03:01:00")).fire == due)
        #expect(
            try hourly.woke(due: due, now: moment("03:01:01"))
                == TickPlan.Decision(fire: nil, missed: 1, next: moment("04:00:00")))
        #expect(try plan("0 * * * *", catchesUp: true).woke(due: due, now: try moment("03:30:00")).fire == due)
    }

    @Test func `counts no further than its bound, and still waits for a tick to come`() throws {
        let now = Timestamp(nanoseconds: try moment("00:00:00").nanoseconds + 10 * 86_400_000_000_000)
        let decision = try plan("* * * * * *").started(due: try moment("00:00:00"), now: now)
        #expect(decision.missed == Limits.countedTicksMax)
        #expect(decision.next == now + .seconds(1))
    }

    @Test func `is kept as text, and what is no such text is nothing`() throws {
        let due = DueTick(at: try moment("00:01:00"), schedule: "CRON_TZ=Europe/Berlin 0 3 * * *")
        #expect(DueTick(due.bytes) == due)
        for text in ["", "2026", "2026-01-01T00:00:00Z", "x y"] { #expect(DueTick(Array(text.utf8)) == nil) }
    }
}
