import ApusPorts
import ApusTesting
import CloudEvents
import EventFilters
import Synchronization
import Testing

@testable import ApusIntake

@Suite struct `The door` {
    @Test func `tells nothing before the log has spoken`() async throws {
        let scene = Scene()
        try await scene.open()
        #expect(try scene.send(binary("1"), token: 7) == nil)
        #expect(scene.listener.callCount == 0)
        scene.log.commit()
        #expect(try scene.listener.result(7)?.get() == Accepted(position: Position(offset: 0), matched: 0))
    }

    @Test func `tells a receiver once for all of one commit`() async throws {
        let scene = Scene()
        try await scene.open()
        for token in 0..<5 { try scene.send(binary("\(token)"), token: UInt64(token)) }
        scene.log.commit()
        #expect(scene.listener.callCount == 1)
        #expect((0..<5).map { scene.listener.offset($0) } == [0, 1, 2, 3, 4])
    }

    @Test func `is not there for a broker that is not open`() async throws {
        let scene = Scene()
        #expect(throws: IntakeRefusal.self) { try scene.send(binary("1")) }
        try await scene.open()
        try scene.send(binary("1"), token: 1)
        scene.intake.close(namespace: "default", broker: "default")
        let refusal = #expect(throws: IntakeRefusal.self) { try scene.send(binary("2")) }
        #expect(refusal?.code == .unknownBroker)
        scene.log.commit()
        #expect(scene.listener.offset(1) == 0)
    }

    @Test func `keeps what came`() async throws {
        let scene = Scene()
        try await scene.open()
        let body = Array(#"{"specversion":"1.0"}"#.utf8)
        let event = DecodedMessage.Event(attributes: attributes("1"), range: 0..<body.count)
        let message = DecodedMessage(mode: .structured, contentType: "Application/CloudEvents+JSON", events: [event])
        let header = ForwardedHeader(name: "x-request-id", value: "r")
        _ = try scene.intake.accept(
            message, body: body, headers: [header], namespace: "default", broker: "default", receiver: scene.listener, token: 0)
        scene.log.commit()
        let expected = EventRecord(
            attributes: attributes("1"), mode: .structured, contentType: "Application/CloudEvents+JSON", body: body,
            headers: [header], hops: 255)
        #expect(scene.log.records().map(\.event) == [expected])
    }

    @Test func `makes each event of a batch a structured one with its own bytes`() async throws {
        let scene = Scene()
        try await scene.open()
        try scene.send(batch(["1", "2"], size: 3), body: Array("aaabbb".utf8))
        #expect(scene.log.held.count == 1)
        scene.log.commit()
        let events = scene.log.records().map(\.event)
        #expect(events.map(\.mode) == [.structured, .structured])
        #expect(events.map { String(decoding: $0.body, as: UTF8.self) } == ["aaa", "bbb"])
        #expect(events[0].contentType == "application/cloudevents+json; charset=utf-8")
        #expect(scene.listener.offset(0) == 0)
    }

    @Test func `takes an empty batch and appends nothing`() async throws {
        let scene = Scene()
        try await scene.open()
        #expect(try scene.send(batch([])) == Accepted(position: nil, matched: 0))
        #expect(scene.log.held.isEmpty)
    }

    @Test func `counts the triggers that would take an event, or the events of a batch that any would`() async throws {
        let scene = Scene()
        let door = try await scene.open(filters: [
            [.exact([AttributePredicate(name: "id", value: "1")])], [.exact([AttributePredicate(name: "type", value: "t")])],
        ])
        try scene.send(binary("1"), token: 1)
        try scene.send(batch(["1", "2"]), token: 2)
        door.update(filters: try Scene.index([[.exact([AttributePredicate(name: "id", value: "1")])]]))
        try scene.send(batch(["1", "2"]), token: 3)
        try scene.send(batch(["1"]), token: 4)
        scene.log.commit()
        let counts = (1...4).map { try? scene.listener.result($0)?.get().matched }
        #expect(counts == [2, 2, 1, 1])
    }

    @Test func `refuses an event that is too large, and says which of a batch`() async throws {
        let scene = Scene { $0.eventBytesMax = 100 }
        try await scene.open()
        try scene.send(binary("1", bytes: 60), body: Array(repeating: 0, count: 60))
        let refusal = #expect(throws: IntakeRefusal.self) {
            try scene.send(binary("1", bytes: 100), body: Array(repeating: 0, count: 100))
        }
        #expect(refusal?.code == .eventTooLarge)
        var message = batch(["1", "2"], size: 0)
        message.events[1].range = 0..<101
        let inBatch = #expect(throws: IntakeRefusal.self) { try scene.send(message, body: Array(repeating: 0, count: 101)) }
        #expect(inBatch?.code == .eventTooLarge)
        #expect(inBatch?.index == 1)
        #expect(scene.log.held.count == 1)
    }

    @Test func `answers a full queue with 429 until there is room`() async throws {
        let scene = Scene { $0.queueEventsMax = 2 }
        try await scene.open()
        try scene.send(batch(["1", "2"]))
        let refusal = #expect(throws: IntakeRefusal.self) { try scene.send(binary("3")) }
        #expect(refusal?.code == .queueFull)
        #expect(refusal?.retryAfterSeconds == 1)
        scene.log.commit()
        try scene.send(binary("3"))
        scene.log.setDepth(QueueDepth(events: 0, bytes: Limits.appendQueueBytesMax))
        #expect(throws: IntakeRefusal.self) { try scene.send(binary("4")) }
    }

    @Test(arguments: [
        (LogError.unavailable(reason: "/disk is full"), ErrorCode.logUnavailable), (.closed, .logUnavailable),
        (.tooLarge(limit: 5), .eventTooLarge),
    ])
    func `says what a failed append means to the producer`(_ error: LogError, _ code: ErrorCode) async throws {
        let scene = Scene()
        try await scene.open()
        try scene.send(binary("1"), token: 1)
        scene.log.fail(error)
        let refusal = try #require(scene.listener.refusal(1))
        #expect(refusal.code == code)
        #expect((refusal.retryAfterSeconds != nil) == (code.status == 503))
        #expect(!refusal.message.contains("/disk"))
    }
}

@Suite struct `The hops of an event` {
    private func hops(_ value: AttributeValue?) async throws -> UInt8? {
        let scene = Scene()
        try await scene.open()
        try scene.send(binary("1", hops: value))
        let record = scene.log.held.first?.records.first
        #expect(record?.attributes.text(of: "knativebrokerttl") == nil)
        return record?.hops
    }

    @Test func `begin at the most where it has none, or no number`() async throws {
        for value in [nil, .string("many"), .string(""), .string("1.5"), .string("99999999999999999999")] as [AttributeValue?] {
            #expect(try await hops(value) == 255, "\(String(describing: value))")
        }
    }

    @Test func `are counted down by the broker`() async throws {
        for (value, left) in [(AttributeValue.string("2"), 1), (.integer(2), 1), (.string("255"), 254), (.integer(1000), 255)] {
            #expect(try await hops(value) == UInt8(left), "\(value)")
        }
    }

    @Test(arguments: [AttributeValue.string("1"), .integer(1), .string("0"), .integer(-5)])
    func `are exhausted at one or less`(_ value: AttributeValue) async throws {
        let scene = Scene()
        try await scene.open()
        let refusal = #expect(throws: IntakeRefusal.self) { try scene.send(binary("1", hops: value)) }
        #expect(refusal?.code == .hopsExhausted)
        #expect(refusal?.field == "knativebrokerttl")
        #expect(scene.log.held.isEmpty)
    }

    @Test func `refuse a whole batch with the index of the event`() async throws {
        let scene = Scene()
        try await scene.open()
        var message = batch(["1", "2"])
        message.events[1].attributes.append("knativebrokerttl", .integer(1))
        let refusal = #expect(throws: IntakeRefusal.self) { try scene.send(message) }
        #expect(refusal?.index == 1)
        #expect(scene.log.held.isEmpty)
    }
}

@Suite struct `A reply` {
    private let record = EventRecord(attributes: attributes("r"), mode: .binary, hops: 3)

    private func reply(_ door: BrokerDoor, _ inbox: ReplyInbox, changes: CursorChange? = nil) {
        door.accept(reply: record, changes: changes) { inbox.add($0) }
    }

    @Test func `goes in with the hops and the changes that it brings`() async throws {
        let scene = Scene()
        let door = try await scene.open()
        let inbox = ReplyInbox()
        var change = CursorChange(stream: .events)
        change.shared = 5
        reply(door, inbox, changes: change)
        #expect(scene.log.held.first?.changes == change)
        #expect(inbox.results.isEmpty)
        scene.log.commit()
        #expect(scene.log.records().map(\.event) == [record])
        #expect(inbox.results == [.success(Position(offset: 0))])
    }

    @Test func `waits where the queue is full, and goes in when there is room`() async throws {
        let scene = Scene { $0.queueEventsMax = 1 }
        let door = try await scene.open()
        let inbox = ReplyInbox()
        try scene.send(binary("1"))
        for _ in 0..<3 { reply(door, inbox) }
        #expect(scene.log.held.count == 1)
        scene.log.commit()
        #expect(scene.log.held.count == 3)
        scene.log.commit()
        #expect(inbox.results.count == 3)
    }

    @Test func `goes in when room comes from the dead stream`() async throws {
        let scene = Scene { $0.queueEventsMax = 1 }
        let door = try await scene.open()
        let inbox = ReplyInbox()
        scene.log.append(AppendBatch(stream: .dead, records: [record], receiver: door, token: 999))
        reply(door, inbox)
        #expect(scene.log.held.count == 1)
        scene.log.commit()
        #expect(scene.log.held.map(\.stream) == [.events])
    }

    @Test func `is told what the log says when it fails`() async throws {
        let scene = Scene()
        let door = try await scene.open()
        let inbox = ReplyInbox()
        reply(door, inbox)
        scene.log.fail(.closed)
        #expect(inbox.results == [.failure(.closed)])
    }
}

/// Remembers what came of replies.
final class ReplyInbox: Sendable {
    private let told = Mutex<[Result<Position, LogError>]>([])
    func add(_ result: Result<Position, LogError>) { told.withLock { $0.append(result) } }
    var results: [Result<Position, LogError>] { told.withLock { $0 } }
}
