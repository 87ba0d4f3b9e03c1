import ApusDispatch
import ApusPorts
import ApusResources
import ApusTelemetry
import ApusTesting
import CloudEvents
import EventFilters
import Logging
import Testing

/// A dispatcher in a simulation: an executor, a log, a sink, and what they share.
final class DispatchHarness {
    let executor: SimExecutor
    let log: SimLog
    let sink: ScriptedSink
    let dispatcher: BrokerDispatcher
    let meters = Meters()

    init(
        durable: SimLog.Durable = SimLog.Durable(), now: Timestamp? = nil, isAtomic: Bool = true, seed: UInt64 = 1,
        bounds: DispatchBounds = DispatchBounds(), sink script: ScriptedSink.Script? = nil
    ) {
        executor = now.map { SimExecutor(now: $0) } ?? SimExecutor()
        log = SimLog(on: executor, durable: durable, appendsWithChanges: isAtomic)
        sink = script.map { [executor] in ScriptedSink(on: executor, script: $0) } ?? ScriptedSink(on: executor)
        var logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        logger.logLevel = .critical
        dispatcher = BrokerDispatcher(
            namespace: "default", broker: "b", log: log, cursors: log, door: log, sinks: sink, executor: executor,
            meters: meters, logger: logger, seed: seed, bounds: bounds)
    }

    /// The dispatcher after a restart: a new process that finds what was durable.
    func restarted(bounds: DispatchBounds = DispatchBounds(), after pause: Duration = .zero, sink: ScriptedSink.Script? = nil)
        -> DispatchHarness
    {
        defer { log.bury() }
        return DispatchHarness(
            durable: log.durable, now: executor.now + pause, isAtomic: log.appendsWithChanges, bounds: bounds, sink: sink)
    }

    func start() throws {
        let dispatcher = dispatcher
        try executor.run { () async -> Result<Void, LogError> in
            do throws(LogError) { return .success(try await dispatcher.start()) } catch { return .failure(error) }
        }.get()
    }

    func apply(_ plans: TriggerPlan...) throws {
        let dispatcher = dispatcher
        for plan in plans {
            try executor.run { () async -> Result<Void, LogError> in
                do throws(LogError) { return .success(try await dispatcher.apply(plan)) } catch { return .failure(error) }
            }.get()
        }
    }

    func remove(_ trigger: String) throws {
        let dispatcher = dispatcher
        try executor.run { () async -> Result<Void, LogError> in
            do throws(LogError) { return .success(try await dispatcher.remove(trigger)) } catch { return .failure(error) }
        }.get()
    }

    func drain(within limit: Duration) {
        let dispatcher = dispatcher
        executor.run { await dispatcher.drain(within: limit) }
    }

    func keepFrom(_ stream: ApusPorts.Stream = .events) -> Int64 {
        let dispatcher = dispatcher
        return executor.run { await dispatcher.keepFrom(stream) }
    }

    func progress(of trigger: String, _ stream: ApusPorts.Stream = .events) throws -> TriggerProgress {
        let dispatcher = dispatcher
        let all = executor.run { await dispatcher.progress() }
        return try #require(all.first { $0.trigger == trigger && $0.stream == stream })
    }

    /// Puts events `ids` on the log.
    func send(_ ids: [String], hops: UInt8 = 255, _ attributes: [String: String] = [:]) {
        log.seed(ids.map { .sample($0, hops: hops, attributes) })
    }

    func delivered(at url: String) -> [String] { sink.attempts(at: url).map { $0.record.event.attributes.text(of: "id") ?? "" } }
    var deadLetters: [EventRecord] { log.records(.dead).map(\.event) }
    func cursor(_ trigger: String, _ stream: ApusPorts.Stream = .events) -> ReaderCursor? {
        log.durable.cursors[stream]?.readers[trigger]
    }
}

extension EventRecord {
    static func sample(_ id: String, hops: UInt8 = 255, _ extra: [String: String] = [:]) -> EventRecord {
        var attributes = Attributes()
        attributes.append("specversion", .string("1.0"))
        attributes.append("id", .string(id))
        attributes.append("source", .uriReference("/test"))
        attributes.append("type", .string(extra["type"] ?? "test"))
        for (name, value) in extra.sorted(by: { $0.key < $1.key }) where name != "type" {
            attributes.append(name, .string(value))
        }
        return EventRecord(attributes: attributes, mode: .binary, body: Array(id.utf8), hops: hops)
    }
}

extension TriggerPlan {
    static func sample(
        _ name: String, to url: String? = "http://s", retries: Int = 0, delay: Duration = .seconds(1), type: String? = nil,
        dls: String? = nil
    ) throws -> TriggerPlan {
        let filter = try type.map { try CompiledFilter([.exact([AttributePredicate(name: "type", value: $0)])]) } ?? .everything
        return TriggerPlan(
            name: name, namespace: "default", filter: filter, destination: url.map { Destination(url: $0) },
            policy: DeliveryPolicy(retry: RetryPolicy(retries: retries, backoff: .linear, delay: delay, jitter: 0)),
            deadLetterSink: dls.map { Destination(url: $0) })
    }
}

extension Outcome {
    static func status(_ status: Int) -> Outcome { .answered(Answer(status: status)) }
}

extension ScriptedSink {
    /// Answers follow from the seed, the destination, the event and the attempt, so that a restarted run can be foreseen.
    static func answers(_ seed: UInt64) -> Script {
        { attempt in
            var mixed = seed &* 31 &+ UInt64(attempt.number) &* 7919 &+ UInt64(attempt.record.position.offset) &* 104_729
            for byte in attempt.destination.utf8 { mixed = mixed &* 131 &+ UInt64(byte) }
            var random = SeededGenerator(seed: mixed)
            let delay = Duration.milliseconds(Int.random(in: 1...60, using: &random))
            switch Int.random(in: 0..<20, using: &random) {
            case 0..<3: return (.status(503), delay)
            case 3: return (.failed("connection reset"), delay)
            case 4: return (.status(400), delay)
            case 5: return (.answered(Answer(status: 429, retryAfter: .milliseconds(900))), delay)
            case 6 where attempt.record.event.hops > 252:
                return (.answered(Answer(status: 200, reply: .event(.sample("r", ["type": "b"])))), delay)
            default: return (.status(200), delay)
            }
        }
    }
}
