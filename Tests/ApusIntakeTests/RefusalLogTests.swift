import ApusPorts
import CloudEvents
import Synchronization
import Testing

@testable import ApusIntake

@Suite struct `The refusals that are remembered` {
    private final class Clock: Sendable {
        let now = Mutex(Timestamp(nanoseconds: 1_000_000_000))
        func pass(_ duration: Duration) { now.withLock { $0 = $0 + duration } }
    }

    private func event(_ id: String) -> RefusedMessage.Event { RefusedMessage.Event(id: id, source: "/s", type: "t") }

    private let refusal = IntakeRefusal(.missingAttribute, "source is needed", field: "source")

    @Test func `are found by id, of one namespace or one broker where those are asked for, the oldest first`() {
        let clock = Clock()
        let log = RefusalLog { clock.now.withLock { $0 } }
        log.add(refusal, namespace: "a", broker: "x", events: [event("e1")])
        clock.pass(.seconds(1))
        log.add(refusal, namespace: "b", broker: "y", events: [event("e2"), event("e1")])
        #expect(log.refusals(ofID: "e1").map(\.namespace) == ["a", "b"])
        #expect(log.refusals(ofID: "e1", namespace: "b").map(\.broker) == ["y"])
        #expect(log.refusals(ofID: "e1", broker: "x").map(\.namespace) == ["a"])
        #expect(log.refusals(ofID: "e2").first?.events.count == 2)
        #expect(log.refusals(ofID: "e3").isEmpty)
        #expect(log.refusals(ofID: "e1").first?.refusal == refusal)
    }

    @Test func `are bounded by count, bytes and age, and say since when they are whole`() {
        let clock = Clock()
        let log = RefusalLog(entriesMax: 3, bytesMax: 2000, age: .seconds(10)) { clock.now.withLock { $0 } }
        let began = log.since
        for index in 0..<5 {
            log.add(refusal, namespace: "a", broker: "x", events: [event("e\(index)")])
            clock.pass(.seconds(1))
        }
        #expect((0..<5).map { log.refusals(ofID: "e\($0)").count } == [0, 0, 1, 1, 1])
        #expect(log.since == began + .seconds(1))
        // Longer texts push out more than one.
        log.add(
            refusal, namespace: "a", broker: "x",
            events: (0..<8).map { _ in event(String(repeating: "l", count: Limits.refusalTextBytesMax)) })
        #expect((0..<5).allSatisfy { log.refusals(ofID: "e\($0)").isEmpty })
        clock.pass(.seconds(11))
        #expect(log.refusals(ofID: String(repeating: "l", count: Limits.refusalTextBytesMax)).isEmpty)
    }

    @Test func `keep no more of a stranger's texts than is named, and nothing of what nobody can ask for`() {
        let log = RefusalLog { Timestamp(nanoseconds: 0) }
        log.add(refusal, namespace: "a", broker: "x", events: [RefusedMessage.Event(id: nil, source: "/s", type: "t")])
        #expect(log.refusals(ofID: "").isEmpty)
        let long = String(repeating: "x", count: 1_000_000)
        log.add(
            IntakeRefusal(.invalidJSON, long, field: long), namespace: "a", broker: "x",
            events: (0..<5000).map { _ in RefusedMessage.Event(id: long, source: long, type: long) })
        let kept = log.refusals(ofID: long)
        #expect(kept.count == 1)
        #expect(kept.first?.events.count == Limits.refusalEventsMax)
        #expect((kept.first?.sizeBytes ?? .max) < 100_000)
    }

    @Test func `stay in their bounds however many there are`() {
        let log = RefusalLog(entriesMax: 100) { Timestamp(nanoseconds: 0) }
        for index in 0..<10_000 { log.add(refusal, namespace: "a", broker: "x", events: [event("e\(index)")]) }
        #expect((0..<10_000).count { !log.refusals(ofID: "e\($0)").isEmpty } == 100)
    }
}
