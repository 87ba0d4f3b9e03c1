import ApusPorts
import ApusTesting
import CloudEvents
import Testing

@testable import ApusIntake

@Suite struct `A duplicate` {
    private let window = Duration.seconds(600)

    @Test func `is appended again where the broker has no window`() async throws {
        let scene = Scene()
        try await scene.open()
        for token in 1...2 { try scene.send(binary("1"), token: UInt64(token)) }
        scene.log.commit()
        #expect([scene.listener.offset(1), scene.listener.offset(2)] == [0, 1])
    }

    @Test func `gets the position of the first, and appends nothing`() async throws {
        let scene = Scene()
        try await scene.open(window: window)
        try scene.send(binary("0"))
        try scene.send(binary("1"))
        scene.log.commit()
        #expect(try scene.send(binary("1"))?.position == Position(offset: 1))
        #expect(scene.log.held.isEmpty)
        #expect(try scene.send(binary("1", source: "/other")) == nil)
    }

    @Test func `is an event of the same bytes, not of the same look`() async throws {
        let scene = Scene()
        try await scene.open(window: window)
        try scene.send(binary("caf\u{E9}"))
        try scene.send(binary("cafe\u{301}"))
        try scene.send(binary("s", source: "a"))
        try scene.send(binary("", source: "as"))
        #expect(scene.log.held.count == 4)
    }

    @Test func `of an event that is not yet durable waits for it`() async throws {
        let scene = Scene()
        try await scene.open(window: window)
        try scene.send(binary("1"), token: 1)
        try scene.send(binary("1"), token: 2)
        #expect(scene.log.held.count == 1)
        #expect(scene.listener.result(2) == nil)
        scene.log.commit()
        #expect([scene.listener.offset(1), scene.listener.offset(2)] == [0, 0])
        #expect(scene.listener.callCount == 1)
    }

    @Test func `fails with the event that it waits for, which is then forgotten`() async throws {
        let scene = Scene()
        try await scene.open(window: window)
        try scene.send(binary("1"), token: 1)
        try scene.send(binary("1"), token: 2)
        scene.log.fail(.unavailable(reason: "disk"))
        #expect([scene.listener.refusal(1)?.code, scene.listener.refusal(2)?.code] == [.logUnavailable, .logUnavailable])
        try scene.send(binary("1"), token: 3)
        scene.log.commit()
        #expect(scene.listener.offset(3) == 0)
    }

    @Test func `is forgotten when the window has passed`() async throws {
        let scene = Scene()
        try await scene.open(window: window)
        try scene.send(binary("1"))
        scene.log.commit()
        scene.advance(seconds: 600)
        #expect(try scene.send(binary("1"))?.position == Position(offset: 0))
        scene.advance(seconds: 1)
        #expect(try scene.send(binary("1")) == nil)
    }

    @Test func `is forgotten when too many others have come`() async throws {
        let scene = Scene { $0.deduplicationEntriesMax = 2 }
        try await scene.open(window: window)
        for id in 1...3 { try scene.send(binary("\(id)")) }
        scene.log.commit()
        #expect(try scene.send(binary("3")) != nil)
        #expect(try scene.send(binary("2")) != nil)
        #expect(try scene.send(binary("1")) == nil)
    }

    @Test func `is forgotten when the others' names take too much room`() async throws {
        let scene = Scene { $0.deduplicationBytesMax = 100 }
        try await scene.open(window: window)
        try scene.send(binary("1"))
        try scene.send(binary(String(repeating: "x", count: 98)))
        scene.log.commit()
        #expect(try scene.send(binary("1")) == nil)
    }

    @Test func `is known again after a restart, from the log's tail`() async throws {
        let scene = Scene()
        try await scene.open()
        try scene.send(binary("old"))
        scene.log.commit()
        scene.advance(seconds: 601)
        for id in 0..<1500 { try scene.send(binary("\(id)")) }
        scene.log.commit()
        try await scene.open(window: window)
        #expect(try scene.send(binary("0"))?.position == Position(offset: 1))
        #expect(try scene.send(binary("1499"))?.position == Position(offset: 1500))
        #expect(try scene.send(binary("old")) == nil)
    }

    @Test func `of a reply is known, while a reply itself always goes in`() async throws {
        let scene = Scene()
        let door = try await scene.open(window: window)
        let record = EventRecord(attributes: attributes("r"), mode: .binary)
        for _ in 1...2 { door.accept(reply: record, changes: nil) { _ in } }
        scene.log.commit()
        #expect(scene.log.records().count == 2)
        #expect(try scene.send(binary("r"))?.position == Position(offset: 0))
    }

    @Test func `goes in again once the window is turned off`() async throws {
        let scene = Scene()
        let door = try await scene.open(window: window)
        try scene.send(binary("1"), token: 1)
        try scene.send(binary("1"), token: 2)
        try await door.update(deduplicationWindow: nil)
        scene.log.commit()
        #expect([scene.listener.offset(1), scene.listener.offset(2)] == [0, 0])
        scene.advance(seconds: 1)
        #expect(try scene.send(binary("1")) == nil)
    }
}

@Suite struct `A batch with duplicates` {
    private let window = Duration.seconds(600)

    @Test func `appends what is new`() async throws {
        let scene = Scene()
        try await scene.open(window: window)
        try scene.send(binary("b"))
        scene.log.commit()
        try scene.send(batch(["a", "b", "c"]), token: 1)
        #expect(scene.log.held.first?.records.map { $0.attributes.text(of: "id") } == ["a", "c"])
        scene.log.commit()
        #expect(scene.listener.offset(1) == 1)
        #expect(try scene.send(binary("c"))?.position == Position(offset: 2))
    }

    @Test func `is answered with the position of its first event, wherever that stands`() async throws {
        let scene = Scene()
        try await scene.open(window: window)
        try scene.send(binary("a"))
        scene.log.commit()
        try scene.send(batch(["a", "b"]), token: 1)
        scene.log.commit()
        #expect(scene.listener.offset(1) == 0)
    }

    @Test func `appends nothing where all are known`() async throws {
        let scene = Scene()
        try await scene.open(window: window)
        try scene.send(batch(["a", "b"]))
        scene.log.commit()
        #expect(try scene.send(batch(["b", "a"]))?.position == Position(offset: 1))
        #expect(scene.log.held.isEmpty)
    }

    @Test func `appends an event once that it holds twice`() async throws {
        let scene = Scene()
        try await scene.open(window: window)
        try scene.send(batch(["a", "a"]), token: 1)
        #expect(scene.log.held.first?.records.count == 1)
        scene.log.commit()
        #expect(scene.listener.offset(1) == 0)
    }

    @Test func `is answered when the last event that it waits for is durable`() async throws {
        let scene = Scene()
        try await scene.open(window: window)
        try scene.send(binary("a"), token: 1)
        try scene.send(binary("b"), token: 2)
        try scene.send(batch(["c", "a", "b"]), token: 3)
        scene.log.commit(1)
        #expect(scene.listener.result(3) == nil)
        scene.log.commit(1)
        #expect(scene.listener.result(3) == nil)
        scene.log.commit(1)
        #expect(scene.listener.offset(3) == 2)
    }

    @Test func `is refused where an event that it waits for fails, and can be sent again`() async throws {
        let scene = Scene()
        try await scene.open(window: window)
        try scene.send(binary("a"), token: 1)
        try scene.send(batch(["a", "b"]), token: 2)
        scene.log.fail(.unavailable(reason: "disk"), 1)
        scene.log.commit()
        #expect(scene.listener.refusal(2)?.code == .logUnavailable)
        try scene.send(batch(["a", "b"]), token: 3)
        scene.log.commit()
        #expect(scene.listener.offset(3) == 1)
        #expect(scene.log.records().map { $0.event.attributes.text(of: "id") } == ["b", "a"])
    }
}
