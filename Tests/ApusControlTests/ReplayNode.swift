import ApusIntake
import ApusPorts
import ApusRegistry
import ApusResources
import ApusTelemetry
import ApusTesting
import BrokerSQLite
import CloudEvents
import Dispatch
import Logging
import Synchronization
import TestSupport

@testable import ApusControl

/// A controller with a broker `b` in memory, triggers `one` and `two`, and a sink that answers as it is told, on a real thread.
struct ReplayNode {
    let controller: Controller
    let clock = TestClock()
    let sink = AnsweringSink()
    let place: TemporaryPlace

    /// - Parameters:
    ///   - annotations: of the broker, as flow YAML.
    ///   - files: more manifests.
    init(annotations: String = "", files: [String: String] = [:]) async throws {
        let (data, manifests) = (try TemporaryPlace(), try TemporaryPlace())
        place = manifests
        var text = """
            apiVersion: eventing.knative.dev/v1
            kind: Broker
            metadata: {name: b, annotations: {eventing.knative.dev/broker.class: Memory\(annotations)}}
            ---

            """
        for name in ["one", "two"] { text += Self.trigger(name) }
        try manifests.write(text, to: "base.yaml")
        for (name, text) in files { try manifests.write(text, to: name) }
        let meters = Meters(), clock = clock, number = Mutex(0)
        let now: @Sendable () -> Timestamp = { clock.now }
        let makeUID: @Sendable () -> String = {
            number.withLock { number in
                number += 1
                return "uid-\(number)"
            }
        }
        let pause: @Sendable (Duration) async -> Void = { _ in try? await Patience.pass(.milliseconds(1)) }
        controller = Controller(
            settings: Controller.Settings(dataDirectory: data.path, names: NameTable(), files: ManifestFiles([manifests.path])),
            environment: Controller.Environment(now: now, makeUID: makeUID, seed: { 1 }, sleep: pause),
            store: try await SQLiteResourceStore.open(dataDirectory: data.path), backends: Registry.backends,
            intake: Intake(meters: IntakeMeters(meters), clock: now), sinks: sink, meters: meters,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try await controller.start()
    }

    static func trigger(_ name: String) -> String {
        """
        apiVersion: eventing.knative.dev/v1
        kind: Trigger
        metadata: {name: \(name)}
        spec: {broker: b, subscriber: {uri: "http://\(name).test/"}}
        ---

        """
    }

    static func replay(_ name: String, _ spec: String) throws -> Replay {
        let members = spec.isEmpty ? "" : ", \(spec)"
        let text =
            #"{"apiVersion":"apus.dev/v1alpha1","kind":"Replay","metadata":{"name":"\#(name)"},"spec":{"broker":"b"\#(members)}}"#
        guard case .replay(let replay) = try Resource(json: Array(text.utf8)) else { throw FieldErrors([]) }
        return replay
    }

    var log: any EventLog {
        get async throws {
            let identity = ResourceIdentity(kind: Broker.kind, namespace: "default", name: "b")
            guard let log = await controller.services[identity]?.log else { throw LogError.closed }
            return log
        }
    }

    func append(_ count: Int) async throws { try await log.append(SampleRecords.numbered(0..<count)) }

    /// Dead letters of trigger `one`.
    func bury(_ count: Int, by trigger: String = "one") async throws {
        let records = (0..<count).map { number in
            var record = SampleRecords.numbered(number)
            record.deadLetter = DeadLetter(
                trigger: trigger, position: Position(offset: Int64(number)), reason: .rejected, attempts: 1,
                destination: "http://one.test/", status: 422, body: [], firstAttemptAt: clock.now, lastAttemptAt: clock.now)
            return record
        }
        try await log.append(records, to: .dead)
    }

    @discardableResult
    func make(_ name: String, _ spec: String) async throws -> DocumentNode {
        try await controller.createReplay(try Self.replay(name, spec))
    }

    /// Why a replay is not made; nil where it is.
    func refusal(_ name: String, _ spec: String) async throws -> ReplayRefusal? {
        let replay = try Self.replay(name, spec)
        do throws(ReplayRefusal) {
            _ = try await controller.createReplay(replay)
            return nil
        } catch {
            return error
        }
    }

    func document(_ name: String) async -> Replay? {
        let document = await controller.document(kind: .replay, namespace: "default", name: name)
        guard let document, case .replay(let replay)? = try? Resource(document) else { return nil }
        return replay
    }

    func change(_ name: String, _ edit: (inout ReplaySpec) -> Void) async throws {
        guard var replay = await document(name) else { throw ReplayRefusal.notFound(name) }
        edit(&replay.spec)
        _ = try await controller.updateReplay(replay, namespace: "default", name: name)
    }

    @discardableResult
    func wait(for state: ReplayState, of name: String) async throws -> Replay {
        var last: Replay?
        do {
            try await Patience.wait(for: "Replay \(name) to be \(state)", upTo: .seconds(15)) {
                await controller.pollReplays(isLongTurn: true)
                last = await document(name)
                return last?.status.state == state
            }
        } catch let lost as Patience.Lost {
            throw Patience.Lost(description: "\(lost.description), it is \(last.map { "\($0.status)" } ?? "not there")")
        }
        guard let last else { throw ReplayRefusal.notFound(name) }
        return last
    }

    /// The ids that came to a trigger's subscriber.
    func ids(at trigger: String) -> [String] { sink.deliveries.filter { $0.url == "http://\(trigger).test/" }.map(\.id) }
}

/// A sink that answers at once with a status, or never, and keeps what came from replays.
final class AnsweringSink: EventSink, EventSinkFactory {
    struct Arrival: Sendable {
        var url: String
        var id: String
    }

    private struct State {
        var deliveries: [Arrival] = []
        var status: Int? = 200
    }

    private let state = Mutex(State())

    var deliveries: [Arrival] { state.withLock { $0.deliveries } }

    /// nil: never.
    func answers(_ status: Int?) { state.withLock { $0.status = status } }

    func makeExecutor() -> any ApusPorts.Executor { QueueExecutor() }
    func makeSink(on executor: any ApusPorts.Executor) -> any EventSink { Bound(sink: self, executor: executor) }
    func deliver(_ delivery: Delivery, completion: @escaping @Sendable (Outcome) -> Void) {}

    private final class Bound: EventSink {
        let sink: AnsweringSink
        let executor: any ApusPorts.Executor

        init(sink: AnsweringSink, executor: any ApusPorts.Executor) {
            self.sink = sink
            self.executor = executor
        }

        func deliver(_ delivery: Delivery, completion: @escaping @Sendable (Outcome) -> Void) {
            let isReplayed = delivery.added.contains { $0.name == "apusreplay" }
            let status = sink.state.withLock { state -> Int? in
                guard isReplayed else { return 200 }
                let id = delivery.record.event.attributes.text(of: "id") ?? ""
                state.deliveries.append(Arrival(url: delivery.destination.url, id: id))
                return state.status
            }
            guard let status else { return }
            executor.execute { completion(.answered(Answer(status: status))) }
        }
    }
}

/// A serial queue with the machine's clock.
final class QueueExecutor: ApusPorts.Executor {
    private let queue = DispatchQueue(label: "replay-node")
    private let began = ContinuousClock.now

    var now: Timestamp {
        let (seconds, attoseconds) = (ContinuousClock.now - began).components
        return Timestamp(nanoseconds: 1_767_225_600_000_000_000 + seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }

    func execute(_ body: @escaping @Sendable () -> Void) { queue.async { body() } }

    func schedule(after delay: Duration, _ body: @escaping @Sendable () -> Void) {
        let (seconds, attoseconds) = delay.components
        let nanoseconds = Int(clamping: seconds) * 1_000_000_000 + Int(attoseconds / 1_000_000_000)
        queue.asyncAfter(deadline: .now() + .nanoseconds(nanoseconds)) { body() }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }

    func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }
    func checkIsolated() { dispatchPrecondition(condition: .onQueue(queue)) }
}
