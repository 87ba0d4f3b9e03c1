import ApusHistory
import ApusIntake
import ApusPorts
import ApusResources
import ApusTelemetry
import ApusTesting
import BrokerMemory
import CloudEvents
import Logging
import Synchronization
import Testing

@testable import ApusControl

/// A log in memory whose commits fail where a test says so: what an append leaves when a crash comes right after it.
private enum CutBackend: LogBackend {
    static let brokerClass = "Cut"
    static let durability = "None."
    /// By data directory.
    static let opened = Mutex<[String: CutCursors]>([:])

    static func open(_ context: BackendContext) async throws(LogError) -> OpenLog {
        let log = MemoryLog(clock: context.clock)
        let cursors = CutCursors(log)
        opened.withLock { $0[context.dataDirectory] = cursors }
        return OpenLog(log: log, cursors: cursors)
    }

    static func remove(_ context: BackendContext) async throws(LogError) {}
}

private final class CutCursors: CursorStore {
    let log: MemoryLog
    private let isCut = Mutex(false)
    let commits = Mutex<[Int]>([])

    init(_ log: MemoryLog) { self.log = log }

    func cut(_ isOn: Bool) { isCut.withLock { $0 = isOn } }

    func load(_ stream: ApusPorts.Stream) async throws(LogError) -> StreamCursors { try await log.load(stream) }

    func commit(_ change: CursorChange, receiver: any AppendReceiver, token: UInt64) {
        guard !change.entries.isEmpty, isCut.withLock({ $0 }) else {
            if !change.entries.isEmpty { commits.withLock { $0.append(change.entries.count) } }
            return log.commit(change, receiver: receiver, token: token)
        }
        receiver.appended([AppendOutcome(token: token, result: .failure(.unavailable(reason: "the power went")))])
    }

    func entries(from: String, until: String, limit: Int) async throws(LogError) -> [StateEntry] {
        try await log.entries(from: from, until: until, limit: limit)
    }

    func traces(_ stream: ApusPorts.Stream, at offset: Int64) async throws(LogError) -> [DeliveryTrace] {
        try await log.traces(stream, at: offset)
    }
}

/// A controller with one broker, and dead letters in its log.
private struct LetterScene {
    let controller: Controller
    let cursors: CutCursors
    private let place: TemporaryPlace

    init() async throws {
        place = try TemporaryPlace()
        try place.write(
            """
            apiVersion: eventing.knative.dev/v1
            kind: Broker
            metadata: {name: default, annotations: {eventing.knative.dev/broker.class: Cut}}
            """, to: "m/broker.yaml")
        let meters = Meters()
        let now: @Sendable () -> Timestamp = { Timestamp(nanoseconds: 1_767_225_600_000_000_000) }
        controller = Controller(
            settings: Controller.Settings(
                dataDirectory: place.path, names: NameTable(), files: ManifestFiles(["\(place.path)/m"])),
            environment: Controller.Environment(now: now, makeUID: { "u" }, seed: { 1 }, sleep: { _ in await Task.yield() }),
            store: NoResources(), backends: [CutBackend.self], intake: Intake(meters: IntakeMeters(meters), clock: now),
            sinks: NoSubscribers(), meters: meters, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try await controller.start()
        let path = place.path
        cursors = try #require(CutBackend.opened.withLock { $0[path] })
    }

    func history() async throws -> BrokerHistory {
        try #require(await controller.history(namespace: "default", broker: "default"))
    }

    @discardableResult
    func bury(
        mode: ContentMode = .binary, reason: DeadLetter.Reason = .rejected, trigger: String = "orders", count: Int = 1
    ) async throws -> Int64 {
        let at = Timestamp(nanoseconds: 0)
        let json =

            #"{"specversion":"1.0","id":"e1","source":"/shop","type":"order","n":7,"#
            + #""datacontenttype":"application/json","data": {"total" : 1} }"#
        let source =
            mode == .binary
            ? SourceEvent(try JSONFormat.decode(Array(json.utf8))) : try SourceEvent(structured: Array(json.utf8))
        let letter = DeadLetter(
            trigger: trigger, position: Position(offset: 4), reason: reason, attempts: 3, destination: "http://a/", status: 422,
            body: Array("amount missing".utf8), firstAttemptAt: at, lastAttemptAt: at)
        let record = EventRecord(
            attributes: source.attributes, mode: mode, contentType: source.contentType, body: source.body,
            headers: [ForwardedHeader(name: "traceparent", value: "00-a-b-01")], hops: 9, deadLetter: letter)
        return try await cursors.log.append(Array(repeating: record, count: count), to: .dead).offset
    }

    func edit(_ offset: Int64, _ json: String) async throws(DeadLetterRefusal) -> DeadLetterEdit {
        try await controller.editDeadLetter(
            namespace: "default", broker: "default", at: Position(offset: offset), event: Array(json.utf8))
    }

    func refusal(_ offset: Int64, _ json: String) async -> DeadLetterRefusal? {
        do throws(DeadLetterRefusal) {
            _ = try await edit(offset, json)
            return nil
        } catch {
            return error
        }
    }

    func letter(_ offset: Int64) async throws -> DeadLetterDetail {
        try await history().deadLetter(at: Position(offset: offset))
    }
}

/// The dispatcher runs on a queue; nothing is delivered.
private final class NoSubscribers: EventSinkFactory, EventSink {
    func makeExecutor() -> any ApusPorts.Executor { QueueExecutor() }
    func makeSink(on executor: any ApusPorts.Executor) -> any EventSink { self }
    func deliver(_ delivery: Delivery, completion: @escaping @Sendable (Outcome) -> Void) {
        preconditionFailure("there is no trigger here")
    }
}

private final class NoResources: ResourceStore {
    func loadAll() async throws -> [StoredResource] { [] }
    func write(_ upserts: [StoredResource], forget: [ResourceIdentity]) async throws {}
    func close() async {}
}

@Suite(.timeLimit(.minutes(1))) struct `Editing a dead letter` {
    private func event(_ more: String = "", data: String = #"{"total":1}"#, subject: String = "s") -> String {
        #"{"specversion":"1.0","id":"e1","source":"/shop","type":"order","n":7,"subject":"\#(subject)","#
            + #""datacontenttype":"application/json"\#(more),"data":\#(data)}"#
    }

    @Test func `makes a copy that names the original, of the same trigger, with nothing tried yet`() async throws {
        let scene = try await LetterScene()
        let original = try await scene.bury()
        let edit = try await scene.edit(original, event())
        #expect(edit == DeadLetterEdit(original: Position(offset: 0), copy: Position(offset: 1)))
        let copy = try await scene.letter(1)
        let attributes = copy.record.event.attributes
        #expect(attributes.text(of: "subject") == "s" && attributes.text(of: "id") == "e1")
        #expect(attributes.text(of: "apusoriginal") == "0:4")
        #expect(attributes["n"] == .integer(7))
        #expect(copy.letter.reason == .edited && copy.letter.trigger == "orders" && copy.letter.attempts == 0)
        #expect(copy.letter.destination == "http://a/" && copy.letter.position == Position(offset: 4))
        #expect(copy.record.event.hops == 9)
        #expect(copy.record.event.headers.map(\.name) == ["traceparent"])
        #expect(copy.original == Position(offset: 0) && copy.state == .copied)
        let first = try await scene.letter(0)
        #expect(first.state == .edited && first.copies == [Position(offset: 1)])
        #expect(first.record.event.attributes.text(of: "subject") == nil, "the record itself never changes")
        await scene.controller.shutdown(within: .seconds(1))
    }

    @Test(arguments: [ContentMode.binary, .structured])
    func `keeps the mode, and the bytes of data that nobody changed`(_ mode: ContentMode) async throws {
        let scene = try await LetterScene()
        try await scene.bury(mode: mode, count: 2)
        _ = try await scene.edit(0, event())
        _ = try await scene.edit(1, event(data: #"{"total":2}"#))
        let same = try await scene.letter(2).record.event, other = try await scene.letter(3).record.event
        #expect(same.mode == mode && other.mode == mode)
        #expect(RecordDocument.data(of: same)?.bytes == Array(#"{"total" : 1}"#.utf8))
        #expect(RecordDocument.data(of: other)?.bytes == Array(#"{"total":2}"#.utf8))
        await scene.controller.shutdown(within: .seconds(1))
    }

    @Test func `refuses what is no event, naming what is wrong`() async throws {
        let scene = try await LetterScene()
        try await scene.bury()
        let missing = try #require(await scene.refusal(0, #"{"specversion":"1.0","source":"/s","type":"t"}"#))
        #expect(missing.status == 400 && missing.code == "missing-attribute" && missing.field == "event.id")
        let large = try #require(
            await scene.refusal(0, event(data: #""\#(String(repeating: "x", count: Limits.eventBytesMax))""#)))
        #expect(large.status == 413 && large.code == "event-too-large")
        let unchanged =

            #"{"specversion":"1.0","id":"e1","source":"/shop","type":"order","n":7,"#
            + #""datacontenttype":"application/json","data":{"total":1}}"#
        let same = try #require(await scene.refusal(0, unchanged))
        #expect(same.code == "unchanged" && same.message.contains("Redrive 0:0 as it is"))
        #expect(try await scene.letter(0).state == .open)
        #expect(scene.cursors.log.bounds(of: .dead).next.offset == 1, "nothing was appended")
        await scene.controller.shutdown(within: .seconds(1))
    }

    @Test func `refuses letters that cannot be delivered any more, each with its reason`() async throws {
        let scene = try await LetterScene()
        try await scene.bury()
        try await scene.bury(reason: .hopsExhausted)
        try await scene.bury(reason: .unreadable, trigger: "KafkaSource/k")
        _ = try await scene.edit(0, event())
        let edited = try #require(await scene.refusal(0, event(subject: "other")))
        #expect(edited.status == 409 && edited.message == "0:0 was edited already; its changed copy is at 0:3: edit that.")
        #expect(await scene.refusal(1, event())?.message.contains("a reply whose hops ran out") == true)
        #expect(await scene.refusal(2, event())?.message.contains("KafkaSource/k that never became an event") == true)
        let missing = try #require(await scene.refusal(9, event()))
        #expect(missing.status == 404 && missing.code == "unknown-dead-letter")
        _ = try await scene.edit(3, event(subject: "once more"))
        #expect(try await scene.letter(4).original == Position(offset: 3), "a copy can be edited as well")
        await scene.controller.shutdown(within: .seconds(1))
    }

    @Test func `that is cut off after the copy was written loses neither, and makes no second copy`() async throws {
        let scene = try await LetterScene()
        try await scene.bury()
        scene.cursors.cut(true)
        let cut = try #require(await scene.refusal(0, event()))
        #expect(cut.status == 503)
        scene.cursors.cut(false)
        let original = try await scene.letter(0)
        #expect(original.state == .edited && original.copies == [Position(offset: 1)])
        #expect(try await scene.letter(1).state == .copied)
        #expect(await scene.refusal(0, event(subject: "again"))?.message.contains("its changed copy is at 0:1") == true)
        let listed = try await scene.history().deadLetters(DeadLetterQuery(), limit: 10)
        #expect(listed.lines.map(\.position.offset) == [1], "what wants attention is the copy alone")
        await scene.controller.shutdown(within: .seconds(1))
    }

    @Test func `twice at once makes one copy`() async throws {
        let scene = try await LetterScene()
        try await scene.bury()
        async let first = scene.refusal(0, event(subject: "a"))
        async let second = scene.refusal(0, event(subject: "b"))
        let refusals = await [first, second].compactMap { $0 }
        #expect(refusals.count == 1 && refusals[0].status == 409)
        #expect(scene.cursors.log.bounds(of: .dead).next.offset == 2)
        await scene.controller.shutdown(within: .seconds(1))
    }
}

@Suite(.timeLimit(.minutes(1))) struct `Purging dead letters` {
    @Test func `hides a selection, in commits that are bounded, and what was known stays known`() async throws {
        let scene = try await LetterScene()
        let count = Limits.deadLetterMarksMax * 2 + 7
        try await scene.bury(count: count)
        try await scene.bury(trigger: "billing")
        var change = CursorChange(stream: .dead)
        let failed = DeadLetterMark(.failed, at: Timestamp(nanoseconds: 0), replay: "redrive-a", attempts: 2, status: 422)
        change.entries = [StateEntry(key: StateKey.deadLetter(3), value: failed.value)]
        try await scene.cursors.commit(change)
        let before = scene.cursors.commits.withLock { $0.count }
        let query = DeadLetterQuery(selection: DeadLetterSelection(trigger: "orders"))
        let purge = try await scene.controller.purgeDeadLetters(namespace: "default", broker: "default", query)
        #expect(purge.purged == count && purge.reach.next == nil)
        let commits = scene.cursors.commits.withLock { $0.dropFirst(before) }
        #expect(commits.reduce(0, +) == count && commits.allSatisfy { $0 <= Limits.deadLetterMarksMax })
        let history = try await scene.history()
        let left = try await history.deadLetters(DeadLetterQuery(), limit: 10)
        #expect(left.lines.map(\.letter.trigger) == ["billing"])
        let mark = try #require(await scene.letter(3).mark)
        #expect(mark.state == .purged && mark.replay == "redrive-a" && mark.attempts == 2)
        let again = try await scene.controller.purgeDeadLetters(namespace: "default", broker: "default", query)
        #expect(again.purged == 0)
        await scene.controller.shutdown(within: .seconds(1))
    }

    @Test func `of a broker that is not there is refused`() async throws {
        let scene = try await LetterScene()
        await #expect(throws: DeadLetterRefusal.self) {
            _ = try await scene.controller.purgeDeadLetters(namespace: "default", broker: "other", DeadLetterQuery())
        }
        await scene.controller.shutdown(within: .seconds(1))
    }
}
