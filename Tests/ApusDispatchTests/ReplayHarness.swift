import ApusDispatch
import ApusPorts
import ApusResources
import ApusTelemetry
import ApusTesting
import CloudEvents
import EventFilters
import Logging
import Testing

/// A replay in a simulation: an executor, a log, a sink.
final class ReplayHarness {
    let executor: SimExecutor
    let log: SimLog
    let sink: ScriptedSink
    let bounds: DispatchBounds

    init(
        durable: SimLog.Durable = SimLog.Durable(), now: Timestamp? = nil, isAtomic: Bool = true,
        bounds: DispatchBounds = DispatchBounds(), sink script: ScriptedSink.Script? = nil
    ) {
        executor = now.map { SimExecutor(now: $0) } ?? SimExecutor()
        log = SimLog(on: executor, durable: durable, appendsWithChanges: isAtomic)
        sink = script.map { [executor] in ScriptedSink(on: executor, script: $0) } ?? ScriptedSink(on: executor)
        self.bounds = bounds
    }

    /// What a new process finds.
    func restarted(sink script: ScriptedSink.Script? = nil) -> ReplayHarness {
        defer { log.bury() }
        return ReplayHarness(
            durable: log.durable, now: executor.now, isAtomic: log.appendsWithChanges, bounds: bounds, sink: script)
    }

    func make(_ plan: ReplayPlan, seed: UInt64 = 1) -> ReplayRun {
        var logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        logger.logLevel = .critical
        return ReplayRun(
            plan: plan, log: log, cursors: log, door: log, sinks: sink, executor: executor, meters: Meters(), logger: logger,
            seed: seed, bounds: bounds)
    }

    func started(_ plan: ReplayPlan) throws -> ReplayRun {
        let run = make(plan)
        try executor.run { () async -> Result<Void, LogError> in
            do throws(LogError) { return .success(try await run.start()) } catch { return .failure(error) }
        }.get()
        return run
    }

    /// Runs a replay until nothing is left to do.
    @discardableResult
    func finished(_ plan: ReplayPlan) throws -> ReplayProgress {
        let run = try started(plan)
        executor.runUntilIdle()
        return progress(run)
    }

    func progress(_ run: ReplayRun) -> ReplayProgress { executor.run { await run.progress() } }
    func stored(_ name: String = "r") throws -> ReplayProgress? {
        let log = log
        return try executor.run { () async -> Result<ReplayProgress?, LogError> in
            do throws(LogError) { return .success(try await ReplayRun.stored(name, in: log)) } catch { return .failure(error) }
        }.get()
    }

    func survey(_ plan: ReplayPlan, sampleMax: Int = 5, besides others: [ReplayRun] = []) throws -> ReplaySurvey {
        let log = log
        return try executor.run { () async -> Result<ReplaySurvey, LogError> in
            do throws(LogError) {
                return .success(
                    try await ReplaySurvey.take(plan, log: log, cursors: log, sampleMax: sampleMax, besides: others))
            } catch { return .failure(error) }
        }.get()
    }

    /// Puts events `ids` on the log.
    func send(_ ids: some Sequence<Int>, _ attributes: [String: String] = [:]) {
        log.seed(ids.map { .sample("\($0)", attributes) })
    }

    func delivered(at url: String = "http://s") -> [String] {
        sink.attempts(at: url).map { $0.record.event.attributes.text(of: "id") ?? "" }
    }

    func mark(_ offset: Int64) -> DeadLetterMark? {
        log.durable.notes.value(of: StateKey.deadLetter(offset)).flatMap { DeadLetterMark($0) }
    }

    /// Names of the replay's readers that are durable.
    var readers: [ReaderName] {
        log.durable.cursors.values.flatMap { $0.readers.keys.filter { !$0.isTrigger } }.sorted()
    }
}

extension ReplayPlan {
    /// Of the whole stream to the trigger `t` at `http://s`, unless told otherwise.
    static func sample(
        _ harness: ReplayHarness, uid: String = "u", stream: ApusPorts.Stream = .events, from: Int64? = nil, until: Int64? = nil,
        filter: [FilterExpression] = [], letters: DeadLetterSelection? = nil, to target: Target? = nil, retries: Int = 0,
        rate: Double? = nil, maxInFlight: Int = 1
    ) throws -> ReplayPlan {
        let bounds = harness.log.bounds(of: stream)
        return ReplayPlan(
            name: "r", uid: uid, namespace: "default", stream: stream, from: from ?? bounds.oldest.offset,
            until: until ?? bounds.next.offset, filter: try CompiledFilter(filter), deadLetters: letters,
            target: try target ?? .triggers([.sample("t", retries: retries)]), rate: rate, maxInFlight: maxInFlight)
    }

    static func url(retries: Int = 0, delay: Duration = .seconds(1)) -> Target {
        .url(
            Destination(url: "http://s"),
            DeliveryPolicy(retry: RetryPolicy(retries: retries, backoff: .linear, delay: delay, jitter: 0)))
    }
}

extension EventRecord {
    /// A dead letter of `trigger`, about the event at `offset`.
    static func letter(
        _ id: String, of trigger: String, _ reason: DeadLetter.Reason = .rejected, at offset: Int64 = 0, hops: UInt8 = 255,
        _ attributes: [String: String] = [:]
    ) -> EventRecord {
        var record = EventRecord.sample(id, hops: hops, attributes)
        let moment = Timestamp(nanoseconds: 1)
        record.deadLetter = DeadLetter(
            trigger: trigger, position: Position(offset: offset), reason: reason, attempts: 1, destination: "http://old",
            status: 400, body: [], firstAttemptAt: moment, lastAttemptAt: moment)
        return record
    }
}
