import ApusDispatch
import ApusPorts
import ApusResources
import ApusTesting
import CloudEvents
import EventFilters
import Foundation
import Testing

/// One small history that follows from its seed: triggers, events, answers, faults, and up to three crashes.
private final class History {
    let seed: UInt64
    var random: SeededGenerator
    var plans: [TriggerPlan] = []
    var bounds = DispatchBounds()
    var isAtomic: Bool
    var harness: DispatchHarness
    var lives: [DispatchHarness] = []
    /// The first offset that is each trigger's, once its cursor was durable.
    var began: [String: Int64] = [:]
    var deadBegan: [String: Int64] = [:]
    var sent = 0

    init(seed: UInt64) throws {
        self.seed = seed
        random = SeededGenerator(seed: seed)
        isAtomic = Bool.random(using: &random)
        bounds.windowEvents = Int.random(in: 2...8, using: &random)
        bounds.parkedEvents = Int.random(in: 4...40, using: &random)
        bounds.turnRecords = Int.random(in: 1...16, using: &random)
        bounds.pageRecords = Int.random(in: 1...8, using: &random)
        harness = DispatchHarness(isAtomic: isAtomic, seed: seed, bounds: bounds, sink: ScriptedSink.answers(seed))
        for number in 0..<Int.random(in: 1...3, using: &random) { plans.append(try plan(number)) }
    }

    private func plan(_ number: Int) throws -> TriggerPlan {
        let type = ["a", "b", nil].randomElement(using: &random)!
        var plan = try TriggerPlan.sample(
            "t\(number)", to: "http://t\(number)", retries: Int.random(in: 0...3, using: &random),
            delay: .milliseconds(Int.random(in: 0...800, using: &random)), type: type,
            dls: Bool.random(using: &random) ? "http://dls\(number)" : nil)
        if Bool.random(using: &random) { plan.order = .ordered(by: "partitionkey") }
        if Bool.random(using: &random) { plan.maxInFlight = Int.random(in: 1...3, using: &random) }
        if Int.random(in: 0..<4, using: &random) == 0 { plan.rate = Double(Int.random(in: 5...50, using: &random)) }
        return plan
    }

    func run() throws {
        let crashes = Int.random(in: 0...3, using: &random)
        for life in 0...crashes {
            if life > 0 { harness = harness.restarted(bounds: bounds, sink: ScriptedSink.answers(seed)) }
            lives.append(harness)
            upset(crashing: life < crashes)
            boot()
            for _ in 0..<Int.random(in: 4...10, using: &random) { step() }
            if life < crashes { try checkDurable() }
        }
        harness.log.setFault { _ in nil }
        harness.log.setReadFault { nil }
        for plan in plans {
            var plan = plan
            plan.isPaused = false
            apply(plan)
        }
        harness.executor.run(for: .seconds(120))
        for plan in plans where began[plan.name] == nil { try note(plan) }
        harness.executor.runUntilIdle()
        try checkEnd()
    }

    /// The log's own pace, faults, and the moment of its crash.
    private func upset(crashing: Bool) {
        let generator = SharedGenerator(random.next())
        harness.log.setDelay { .microseconds(Int64(generator.next(3000))) }
        let faulty = Int.random(in: 0..<3, using: &random) == 0
        harness.log.setFault { _ in faulty && generator.next(100) < 8 ? .unavailable(reason: "disk full") : nil }
        harness.log.setReadFault { faulty && generator.next(100) < 8 ? .unavailable(reason: "i/o") : nil }
        harness.log.setCachedRecords([0, 3, 1000].randomElement(using: &random)!)
        if crashing {
            harness.log.setCrash(afterOperations: Int.random(in: 1...25, using: &random))
        }
    }

    private func boot() {
        let dispatcher = harness.dispatcher
        let plans = plans
        harness.executor.start {
            while (try? await dispatcher.start()) == nil {}
            for plan in plans { while (try? await dispatcher.apply(plan)) == nil {} }
        }
    }

    private func apply(_ plan: TriggerPlan) {
        let dispatcher = harness.dispatcher
        harness.executor.start { try? await dispatcher.apply(plan) }
    }

    private func step() {
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<6:
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let key = "k\(Int.random(in: 0..<3, using: &random))"
                let type = Bool.random(using: &random) ? "a" : "b"
                if !harness.log.isCrashed { harness.send(["\(sent)"], ["partitionkey": key, "type": type]) }
                sent += 1
            }
        case 6:
            if var plan = plans.randomElement(using: &random), harness.cursor(plan.name) != nil {
                plan.isPaused = Bool.random(using: &random)
                apply(plan)
            }
        default: break
        }
        harness.executor.run(for: .milliseconds(Int.random(in: 0...700, using: &random)))
        for plan in plans { try? note(plan) }
    }

    /// Remembers where a trigger began.
    private func note(_ plan: TriggerPlan) throws {
        for change in harness.log.changes {
            for row in change.readers where row.name == plan.name {
                if change.stream == .events { began[plan.name] = min(began[plan.name] ?? .max, row.next ?? .max) }
                if change.stream == .dead { deadBegan[plan.name] = min(deadBegan[plan.name] ?? .max, row.next ?? .max) }
            }
        }
    }

    // MARK: What must hold

    /// What of the dead stream is fed to the trigger's sink.
    private func letters(_ plan: TriggerPlan) -> [Int64] {
        harness.log.records(.dead).filter { $0.event.deadLetter?.trigger == plan.name }.map(\.position.offset)
            .filter { $0 >= deadBegan[plan.name] ?? .max }
    }

    private func checkTraces(_ plan: TriggerPlan, isEnd: Bool) {
        let check = TraceCheck(lives: lives, script: ScriptedSink.answers(seed), again: again)
        check.check(plan, .events, wanted: matching(plan))
        check.check(plan, .dead, wanted: plan.deadLetterSink == nil ? [] : letters(plan))
        if isEnd { for stream in ApusPorts.Stream.allCases { check.checkLast(plan, stream) } }
        // The mark of a trigger and its first cursor are one change.
        #expect((harness.mark(of: plan.name) == nil) == (harness.cursor(plan.name) == nil), "\(again)")
        if let mark = harness.mark(of: plan.name) { #expect(mark.began == began[plan.name] && mark.filterSince == mark.began) }
    }

    private var again: Comment { "seed \(seed): APUS_SIMULATION_SEED=\(seed) swift test --filter Simulation" }

    private func isDone(_ plan: TriggerPlan, _ offset: Int64) -> Bool {
        let buried = harness.log.records(.dead).contains {
            $0.event.deadLetter?.trigger == plan.name && $0.event.deadLetter?.position.offset == offset
        }
        return buried
            || lives.contains { life in
                life.sink.attempts.contains {
                    $0.destination == plan.destination?.url && $0.record.position.offset == offset && $0.finishedAt != nil
                        && ScriptedSink.answers(seed)($0).map { Verdict($0.outcome) }.isDelivered
                }
            }
    }

    private func matching(_ plan: TriggerPlan) -> [Int64] {
        guard let start = began[plan.name] else { return [] }
        return harness.log.records(.events).filter { plan.filter.matches($0.event.attributes) }.map(\.position.offset)
            .filter { $0 >= start }
    }

    /// No cursor passes an event that is neither settled nor parked.
    private func checkDurable() throws {
        let durable = harness.log.durable
        for plan in plans {
            try note(plan)
            checkTraces(plan, isEnd: false)
            guard let cursors = durable.cursors[.events], let cursor = cursors.readers[plan.name] else { continue }
            let next = cursor.next ?? cursors.shared
            let held = Set(cursor.open + cursor.parked.map(\.offset))
            for offset in matching(plan) where offset < next && !held.contains(offset) {
                #expect(isDone(plan, offset), "\(plan.name) passed \(offset). \(again)")
            }
            for mark in cursor.settled { #expect(isDone(plan, mark), "\(plan.name) settled \(mark). \(again)") }
        }
    }

    private func checkEnd() throws {
        for plan in plans {
            for offset in matching(plan) { #expect(isDone(plan, offset), "\(plan.name) lost \(offset). \(again)") }
            let progress = try harness.progress(of: plan.name)
            #expect(progress.open == 0 && progress.parked == 0 && progress.lag == 0, "\(progress). \(again)")
            #expect(progress.inFlight == 0 && progress.lost == 0, "\(progress). \(again)")
            let cursor = harness.cursor(plan.name)
            #expect(cursor?.open == [] && cursor?.parked == [] && cursor?.next == nil, "\(again)")
            if plan.deadLetterSink != nil {
                let fed = Set(lives.flatMap { $0.sink.attempts(at: plan.deadLetterSink!.url).map(\.record.position.offset) })
                #expect(fed == Set(letters(plan)), "the dead letter sink of \(plan.name). \(again)")
            }
            for life in lives { checkAttempts(plan, life) }
            checkTraces(plan, isEnd: true)
        }
        #expect(harness.keepFrom() == harness.log.bounds(of: .events).next.offset, "\(again)")
    }

    /// Order, pace and number of attempts, within one life.
    private func checkAttempts(_ plan: TriggerPlan, _ life: DispatchHarness) {
        let attempts = life.sink.attempts(at: plan.destination!.url)
        if let most = plan.maxInFlight { #expect(life.sink.inFlightMax(at: plan.destination!.url) <= most, "\(again)") }
        var lanes: [String: ScriptedSink.Attempt] = [:]
        var lasts: [Int64: ScriptedSink.Attempt] = [:]
        for attempt in attempts {
            let offset = attempt.record.position.offset
            if let last = lasts[offset], let ended = last.finishedAt {
                #expect(attempt.startedAt - ended >= plan.policy.retry.delay, "\(plan.name) hurried \(offset). \(again)")
            }
            lasts[offset] = attempt
            if plan.order != .unordered {
                let key = attempt.record.event.attributes.text(of: "partitionkey") ?? ""
                if let last = lanes[key] {
                    #expect(last.record.position.offset <= offset, "\(plan.name) went back to \(offset). \(again)")
                    #expect(last.finishedAt.map { $0 <= attempt.startedAt } == true, "\(again)")
                }
                lanes[key] = attempt
            }
        }
        for letter in life.log.records(.dead).compactMap(\.event.deadLetter)
        where letter.trigger == plan.name && letter.reason == .retriesExhausted {
            #expect(letter.attempts == plan.policy.retry.retries + 1, "\(again)")
        }
    }
}

/// Randomness for closures that the log calls.
final class SharedGenerator: Sendable {
    private let state: Locked

    init(_ seed: UInt64) { state = Locked(SeededGenerator(seed: seed)) }

    func next(_ bound: Int) -> Int { state.next(bound) }

    // The simulation has one thread, so that a lock is never contended; it is there for the compiler.
    private final class Locked: @unchecked Sendable {
        private var generator: SeededGenerator
        private let lock = NSLock()

        init(_ generator: SeededGenerator) { self.generator = generator }

        func next(_ bound: Int) -> Int { lock.withLock { Int.random(in: 0..<bound, using: &generator) } }
    }
}

@Suite struct `Simulation` {
    static var seeds: [UInt64] {
        let environment = ProcessInfo.processInfo.environment
        if let seed = environment["APUS_SIMULATION_SEED"].flatMap({ UInt64($0) }) { return [seed] }
        return Array(1...(environment["APUS_SIMULATION_SEEDS"].flatMap { UInt64($0) } ?? 1000))
    }

    @Test func `of a thousand histories with faults and crashes loses nothing and keeps to policy`() throws {
        for seed in Self.seeds { try History(seed: seed).run() }
    }

    @Test func `is the same each time`() throws {
        let runs = try (0..<2).map { _ in
            let history = try History(seed: 42)
            try history.run()
            return history.lives.flatMap { $0.sink.attempts.map { "\($0.destination) \($0.record.position) \($0.startedAt)" } }
        }
        #expect(!runs[0].isEmpty)
        #expect(runs[0] == runs[1])
    }
}
