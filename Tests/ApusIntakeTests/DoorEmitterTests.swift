import ApusPorts
import ApusTesting
import BrokerMemory
import CloudEvents
import Synchronization
import Testing

@testable import ApusIntake

@Suite struct `A source's events at the door` {
    private let scene = Scene()

    private func emitter(_ scene: Scene, slept: @escaping @Sendable () -> Void = {}) -> DoorEmitter {
        DoorEmitter(
            intake: scene.intake, namespace: "default", broker: "default",
            owner: DoorEmitter.Owner(name: "PingSource/tick", uri: "/apis/v1/namespaces/default/pingsources/tick"),
            clock: SourceClock(now: { Timestamp(nanoseconds: 5) }, sleep: { _ in slept() }))
    }

    private func event(_ id: String, bytes: Int = 3, extensions: [Attribute] = []) throws -> SourceEvent {
        SourceEvent(
            try CloudEvent(
                id: id, source: "/s", type: "t", extensions: extensions, data: [UInt8](repeating: 0x61, count: bytes)))
    }

    /// Emits while the log holds what it is given; `act` says what becomes of it.
    private func emit(
        _ events: [SourceEvent], _ scene: Scene, act: @Sendable (HeldLog) -> Void
    ) async -> EmitFailure? {
        let emitter = emitter(scene)
        let task = Task { () -> EmitFailure? in
            do throws(EmitFailure) {
                try await emitter.emit(events)
                return nil
            } catch {
                return error
            }
        }
        while scene.log.held.isEmpty { await Task.yield() }
        act(scene.log)
        return await task.value
    }

    @Test func `are durable, together and in order, when emit returns`() async throws {
        try await scene.open()
        let failure = await emit([try event("1"), try event("2")], scene) { $0.commit() }
        #expect(failure == nil)
        #expect(scene.log.records().map { $0.event.attributes.text(of: "id") } == ["1", "2"])
        #expect(scene.log.records().map(\.event.body) == [Array("aaa".utf8), Array("aaa".utf8)])
    }

    @Test func `are none at all where the log fails, and may come again`() async throws {
        try await scene.open()
        let failure = await emit([try event("1"), try event("2")], scene) { $0.fail(.unavailable(reason: "disk is full")) }
        #expect(failure?.kind == .unavailable)
        #expect(failure?.kept == 0)
        #expect(scene.log.records().isEmpty)
    }

    @Test func `wait for a broker that is not there by failing for now`() async throws {
        let failure = await #expect(throws: EmitFailure.self) { try await emitter(scene).emit([try event("1")]) }
        #expect(failure?.kind == .unavailable)
        #expect(failure?.message.contains("default") == true)
    }

    @Test func `wait where the queue is full, and do not fail`() async throws {
        try await scene.open()
        scene.log.setDepth(QueueDepth(events: .max, bytes: 0))
        let waits = Mutex(0)
        let log = scene.log
        let waiter = emitter(scene) {
            let count = waits.withLock { number in
                number += 1
                return number
            }
            if count == 3 { log.setDepth(nil) }
        }
        let events = [try event("1")]
        let task = Task { try await waiter.emit(events) }
        while scene.log.held.isEmpty { await Task.yield() }
        scene.log.commit()
        try await task.value
        #expect(scene.log.records().count == 1)
    }

    @Test func `that are too large are refused by their place, and nothing of the batch is kept`() async throws {
        let small = Scene { $0.eventBytesMax = 100 }
        try await small.open()
        let failure = await #expect(throws: EmitFailure.self) {
            try await emitter(small).emit([try event("1"), try event("2", bytes: 200), try event("3")])
        }
        #expect(failure?.kind == .refused(index: 1))
        #expect(failure?.kept == 0)
        #expect(small.log.held.isEmpty)
    }

    @Test func `without a hop left are refused, and others count one down`() async throws {
        try await scene.open()
        let hops = { (count: Int32) in [Attribute(name: EventRecord.hopsAttribute, value: .integer(count))] }
        let failure = await #expect(throws: EmitFailure.self) {
            try await emitter(scene).emit([try event("1", extensions: hops(1))])
        }
        #expect(failure?.kind == .refused(index: 0))
        _ = await emit([try event("2", extensions: hops(7))], scene) { $0.commit() }
        #expect(scene.log.records().map(\.event.hops) == [6])
    }

    @Test func `that come twice within the window are on the log once`() async throws {
        try await scene.open(window: .seconds(60))
        _ = await emit([try event("1")], scene) { $0.commit() }
        try await emitter(scene).emit([try event("1")])
        #expect(scene.log.records().count == 1)
    }

    @Test func `are kept in the dead stream, bytes and reason, where they can be none`() async throws {
        try await scene.open()
        let emitter = emitter(scene)
        let task = Task {
            try await emitter.bury(RawRecord(bytes: [0xFF, 0], origin: "orders partition 3 offset 17", reason: "No JSON."))
        }
        while scene.log.held.isEmpty { await Task.yield() }
        scene.log.commit()
        try await task.value
        let record = try #require(scene.log.records(.dead).first?.event)
        #expect(record.body == [0xFF, 0])
        #expect(record.attributes.text(of: "id") == "orders partition 3 offset 17")
        #expect(record.deadLetter?.reason == .unreadable)
        #expect(record.deadLetter?.trigger == "PingSource/tick")
        #expect(record.deadLetter.map { String(decoding: $0.body, as: UTF8.self) } == "No JSON.")
        try CloudEvent(attributes: record.attributes, data: record.body).validate()
    }

    @Test func `are cut off in the dead stream where the log could not hold them`() {
        let owner = DoorEmitter.Owner(name: "k/n", uri: "/s")
        let bytes = [UInt8](repeating: 1, count: Limits.eventBytesMax + 1)
        let record = owner.dead(RawRecord(bytes: bytes, origin: "o", reason: "r"), at: Timestamp(nanoseconds: 0))
        #expect(record.body.count == Limits.eventBytesMax)
    }
}
