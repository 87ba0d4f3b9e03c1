import ApusDispatch
import ApusPorts
import ApusResources
import ApusTesting
import CloudEvents
import EventFilters
import Foundation
import Testing

/// One small replay that follows from its seed: a log, a range, a filter, subscribers that fail, a store that fails, up to three
/// crashes, and live traffic beside it.
private final class ReplayHistory {
    let seed: UInt64
    private var random: SeededGenerator
    private var harness: ReplayHarness
    private var lives: [ReplayHarness] = []
    private var plan: ReplayPlan
    private let lanes: [(url: String, plan: TriggerPlan?)]
    /// What must be delivered: by destination, offsets in order.
    private var expected: [String: [Int64]] = [:]
    private var leftOut = 0

    init(seed: UInt64) throws {
        self.seed = seed
        var random = SeededGenerator(seed: seed)
        var bounds = DispatchBounds()
        bounds.turnRecords = Int.random(in: 1...16, using: &random)
        bounds.pageRecords = Int.random(in: 1...8, using: &random)
        bounds.retryRecords = Int.random(in: 1...8, using: &random)
        let harness = ReplayHarness(isAtomic: Bool.random(using: &random), bounds: bounds, sink: ScriptedSink.answers(seed))
        let count = Int64.random(in: 0...30, using: &random)
        let isRedrive = Int.random(in: 0..<3, using: &random) == 0
        for number in 0..<count { harness.log.seed([Self.record(number, isRedrive, &random)], on: isRedrive ? .dead : .events) }
        let from = Int64.random(in: 0...count, using: &random)
        let triggers = try (0..<Int.random(in: 1...3, using: &random)).map { try Self.trigger($0, isRedrive, &random) }
        var target = ReplayPlan.Target.triggers(triggers)
        if isRedrive {
            target = .deadLetters(Dictionary(uniqueKeysWithValues: triggers.map { ($0.name, $0) }))
        } else if Int.random(in: 0..<3, using: &random) == 0 {
            target = ReplayPlan.url(
                retries: Int.random(in: 0...3, using: &random), delay: .milliseconds(Int.random(in: 0...300, using: &random)))
        }
        plan = try .sample(
            harness, stream: isRedrive ? .dead : .events, from: from, until: Int64.random(in: from...count, using: &random),
            filter: Self.filter(&random), letters: isRedrive ? Self.letters(count, &random) : nil, to: target,
            rate: Int.random(in: 0..<4, using: &random) == 0 ? Double.random(in: 2...40, using: &random) : nil,
            maxInFlight: [1, 1, Int.random(in: 2...5, using: &random)].randomElement(using: &random)!)
        if case .url = target {
            lanes = [("http://s", nil)]
        } else {
            lanes = triggers.map { ($0.destination?.url ?? "", $0) }
        }
        self.harness = harness
        self.random = random
    }

    private static func record(_ number: Int64, _ isRedrive: Bool, _ random: inout SeededGenerator) -> EventRecord {
        let attributes = [
            "type": Bool.random(using: &random) ? "a" : "b", "partitionkey": "k\(Int.random(in: 0..<3, using: &random))",
            "weight": "\(Int.random(in: 0..<10, using: &random))",
        ]
        guard isRedrive else { return .sample("\(number)", attributes) }
        let reason = DeadLetter.Reason.allCases.randomElement(using: &random)!
        return .letter(
            "\(number)", of: "t\(Int.random(in: 0..<4, using: &random))", reason, at: number,
            hops: reason == .hopsExhausted ? 0 : 255, attributes)
    }

    private static func trigger(_ number: Int, _ isRedrive: Bool, _ random: inout SeededGenerator) throws -> TriggerPlan {
        var plan = try TriggerPlan.sample(
            "t\(number)", to: "http://t\(number)", retries: Int.random(in: 0...2, using: &random),
            delay: .milliseconds(Int.random(in: 0...300, using: &random)),
            type: isRedrive ? nil : ["a", "b", nil].randomElement(using: &random)!)
        if Bool.random(using: &random) { plan.order = .ordered(by: "partitionkey") }
        return plan
    }

    private static func filter(_ random: inout SeededGenerator) throws -> [FilterExpression] {
        switch Int.random(in: 0..<4, using: &random) {
        case 0: [.exact([AttributePredicate(name: "type", value: "b")])]
        case 1: [.cesql("INT(weight) > \(Int.random(in: 0..<9, using: &random)) AND partitionkey LIKE 'k%'")]
        case 2: [.not(.exact([AttributePredicate(name: "partitionkey", value: "k1")]))]
        default: []
        }
    }

    private static func letters(_ count: Int64, _ random: inout SeededGenerator) -> DeadLetterSelection? {
        switch Int.random(in: 0..<4, using: &random) {
        case 0: nil
        case 1: DeadLetterSelection(trigger: "t\(Int.random(in: 0..<3, using: &random))")
        case 2: DeadLetterSelection(reason: .rejected)
        default: DeadLetterSelection(offsets: Set((0..<count).filter { _ in Bool.random(using: &random) }))
        }
    }

    // MARK: The run

    func run() throws {
        expect()
        let crashes = Int.random(in: 0...3, using: &random)
        for life in 0...crashes {
            if life > 0 { harness = harness.restarted(sink: ScriptedSink.answers(seed)) }
            lives.append(harness)
            upset(crashing: life < crashes)
            let run = harness.make(plan, seed: seed)
            harness.executor.start { while (try? await run.start()) == nil {} }
            for _ in 0..<Int.random(in: 2...8, using: &random) { step(run) }
            if life == crashes { try finish(run) }
        }
    }

    /// What the range has for each destination, found without the engine's own selection.
    private func expect() {
        for record in harness.log.records(plan.stream)
        where record.position.offset >= plan.from && record.position.offset < plan.until {
            guard plan.filter.matches(record.event.attributes) else { continue }
            if let letter = record.event.deadLetter {
                guard plan.deadLetters?.takes(record) ?? true else { continue }
                let lane = lanes.first { $0.plan?.name == letter.trigger }
                guard let lane, letter.reason != .unreadable else {
                    leftOut += 1
                    continue
                }
                expected[letter.reason == .hopsExhausted ? "door" : lane.url, default: []].append(record.position.offset)
                continue
            }
            for lane in lanes where lane.plan?.filter.matches(record.event.attributes) ?? true {
                expected[lane.url, default: []].append(record.position.offset)
            }
        }
    }

    private func upset(crashing: Bool) {
        let generator = SharedGenerator(random.next())
        harness.log.setDelay { .microseconds(Int64(generator.next(3000))) }
        let faulty = Int.random(in: 0..<3, using: &random) == 0
        harness.log.setFault { _ in faulty && generator.next(100) < 8 ? .unavailable(reason: "disk full") : nil }
        harness.log.setReadFault { faulty && generator.next(100) < 8 ? .unavailable(reason: "i/o") : nil }
        harness.log.setCachedRecords([0, 3, 1000].randomElement(using: &random)!)
        if crashing { harness.log.setCrash(afterOperations: Int.random(in: 0...20, using: &random)) }
    }

    private func step(_ run: ReplayRun) {
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<3 where !harness.log.isCrashed:
            let attributes = ["type": Bool.random(using: &random) ? "a" : "b", "partitionkey": "k0", "weight": "9"]
            harness.log.seed([.sample("live", attributes)])
            harness.log.seed([.letter("live", of: "t0", .rejected, at: 0, hops: 255, attributes)], on: .dead)
        case 3: harness.executor.start { await run.pause() }
        case 4, 5: harness.executor.start { await run.resume() }
        case 6:
            let (rate, most) = (Double.random(in: 5...50, using: &random), plan.maxInFlight)
            harness.executor.start { await run.change(rate: rate, maxInFlight: most) }
        default: break
        }
        harness.executor.run(for: .milliseconds(Int.random(in: 0...500, using: &random)))
    }

    private func finish(_ run: ReplayRun) throws {
        harness.log.setFault { _ in nil }
        harness.log.setReadFault { nil }
        // A URL that fails for good stops the replay, and whoever watches lets it go on.
        for _ in 0..<200 where harness.progress(run).state != .completed {
            harness.executor.start { await run.resume() }
            harness.executor.runUntilIdle()
        }
        try check(harness.progress(run))
    }

    // MARK: What must hold

    private var again: Comment { "seed \(seed): APUS_SIMULATION_SEED=\(seed) swift test --filter Replays" }

    private func check(_ progress: ReplayProgress) throws {
        #expect(progress.state == .completed, again)
        let attempts = lives.flatMap { $0.sink.attempts }
        for lane in lanes {
            let sent = attempts.filter { $0.destination == lane.url }.map(\.record.position.offset)
            var firsts: [Int64] = []
            for offset in sent where !firsts.contains(offset) { firsts.append(offset) }
            // Each, none other, and in the order of the log.
            #expect(firsts == expected[lane.url] ?? [], "\(lane.url). \(again)")
            for offset in firsts { checkOutcome(offset, lane, attempts) }
        }
        if let replies = expected["door"] {
            let stored = Set(harness.log.records(.events).compactMap { $0.event.attributes.text(of: "id") })
            for offset in replies {
                #expect(stored.contains(String(offset)), again)
                #expect(harness.mark(offset)?.state == .redriven, again)
            }
        }
        let matched = expected.values.reduce(0) { $0 + $1.count }
        #expect(progress.matched == matched, again)
        #expect(progress.delivered + progress.failed == matched, again)
        #expect(progress.leftOut == leftOut, again)
        let named = plan.deadLetters?.offsets
        let range = (plan.from..<plan.until).filter { named?.contains($0) ?? true }
        #expect(progress.scanned == range.count, again)
        #expect(progress.next == plan.until, again)
        #expect(try harness.stored() == progress, again)
        #expect(harness.readers == [], again)
        for life in lives { checkLife(life) }
    }

    /// Delivered, or given up and seen.
    private func checkOutcome(
        _ offset: Int64, _ lane: (url: String, plan: TriggerPlan?), _ attempts: [ScriptedSink.Attempt]
    ) {
        let isDelivered = attempts.contains {
            $0.destination == lane.url && $0.record.position.offset == offset && $0.finishedAt != nil
                && ScriptedSink.answers(seed)($0).map { Verdict($0.outcome) }.isDelivered
        }
        if plan.stream == .dead {
            let state = harness.mark(offset)?.state
            #expect(state == (isDelivered && state != .failed ? .redriven : .failed), again)
        } else {
            let owner = lane.plan?.name ?? "Replay/r"
            let isBuried = harness.log.records(.dead).contains {
                $0.event.deadLetter?.trigger == owner && $0.event.deadLetter?.position.offset == offset
            }
            #expect(isDelivered || isBuried, "\(lane.url) lost \(offset). \(again)")
        }
    }

    /// How many are in flight, and the order of keys, within one life.
    private func checkLife(_ life: ReplayHarness) {
        for lane in lanes {
            #expect(life.sink.inFlightMax(at: lane.url) <= plan.maxInFlight, again)
            let attempts = life.sink.attempts(at: lane.url)
            #expect(attempts.allSatisfy { $0.delivery.added.map(\.name) == ["apusreplay"] }, again)
            guard lane.plan?.order != .unordered, lane.plan != nil || plan.maxInFlight == 1 else { continue }
            var last: [String: ScriptedSink.Attempt] = [:]
            for attempt in attempts {
                let key = lane.plan == nil ? "" : attempt.record.event.attributes.text(of: "partitionkey") ?? ""
                if let before = last[key] {
                    #expect(before.record.position.offset <= attempt.record.position.offset, again)
                    #expect(before.finishedAt.map { $0 <= attempt.startedAt } == true, again)
                }
                last[key] = attempt
            }
        }
    }
}

@Suite struct `Replays` {
    static var seeds: [UInt64] {
        let environment = ProcessInfo.processInfo.environment
        if let seed = environment["APUS_SIMULATION_SEED"].flatMap({ UInt64($0) }) { return [seed] }
        return Array(1...(environment["APUS_SIMULATION_SEEDS"].flatMap { UInt64($0) } ?? 2000))
    }

    @Test func `of thousands of histories with faults and crashes send exactly what matches, in order`() throws {
        for seed in Self.seeds { try ReplayHistory(seed: seed).run() }
    }
}
