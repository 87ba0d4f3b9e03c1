import ApusDispatch
import ApusPorts
import ApusTesting
import CloudEvents
import EventFilters
import Testing

@Suite struct `A crash` {
    /// Ten events for an ordinary trigger and one that replies; some fail once, some are rejected.
    static func script(_ attempt: ScriptedSink.Attempt) -> (outcome: Outcome, after: Duration)? {
        let number = Int(attempt.record.event.attributes.text(of: "id") ?? "") ?? 0
        switch (attempt.destination, number % 5) {
        case ("http://dls", _): return (.status(200), .milliseconds(3))
        case ("http://t", 1): return (.status(503), .milliseconds(3))
        case ("http://t", 2): return (.status(400), .milliseconds(3))
        case ("http://replier", _) where attempt.record.event.attributes.text(of: "type") != "reply":
            return (
                .answered(Answer(status: 200, reply: .event(.sample("\(number + 100)", ["type": "reply"])))), .milliseconds(3)
            )
        default: return (.status(200), .milliseconds(3))
        }
    }

    static func plans() throws -> [TriggerPlan] {
        [
            try .sample("t", to: "http://t", retries: 2, delay: .milliseconds(700), type: "test", dls: "http://dls"),
            try .sample("replier", to: "http://replier", retries: 2, delay: .milliseconds(300)),
        ]
    }

    static func live(_ harness: DispatchHarness, events: Range<Int>) {
        let dispatcher = harness.dispatcher
        let plans = (try? plans()) ?? []
        harness.executor.start {
            try? await dispatcher.start()
            for plan in plans { try? await dispatcher.apply(plan) }
        }
        harness.executor.run(for: .milliseconds(200))
        for number in events {
            harness.send(["\(number)"])
            harness.executor.run(for: .milliseconds(40))
        }
        harness.executor.runUntilIdle(limit: .seconds(100))
    }

    @Test(arguments: [true, false]) func `at any step loses nothing`(isAtomic: Bool) throws {
        let whole = DispatchHarness(isAtomic: isAtomic, sink: Self.script)
        Self.live(whole, events: 0..<10)
        let steps = whole.log.operations
        #expect(steps > 30)
        for step in 0..<steps {
            let first = DispatchHarness(isAtomic: isAtomic, sink: Self.script)
            first.log.setCrash(afterOperations: step)
            Self.live(first, events: 0..<10)
            #expect(first.log.isCrashed)
            try checkTraces([first], step)
            let second = first.restarted(sink: Self.script)
            Self.live(second, events: 10..<12)
            try check(first, second, step, isAtomic: isAtomic)
            try checkTraces([first, second], step)
        }
    }

    /// At the crash and at the end: whatever a cursor has passed or parked is traced.
    private func checkTraces(_ lives: [DispatchHarness], _ step: Int) throws {
        let check = TraceCheck(lives: lives, script: Self.script, again: "after \(step)")
        let log = lives[lives.count - 1].log
        for plan in try Self.plans() {
            let start = lives[0].cursor(plan.name) == nil ? Int64(10) : 0
            let matching = log.records(.events).filter { plan.filter.matches($0.event.attributes) }.map(\.position.offset)
            check.check(plan, .events, wanted: matching.filter { $0 >= start })
            guard plan.deadLetterSink != nil else { continue }
            let letters = log.records(.dead).filter { $0.event.deadLetter?.trigger == plan.name }.map(\.position.offset)
            // The sink's cursor is durable before the trigger's, so that all of them are its.
            check.check(plan, .dead, wanted: letters)
            if lives.count == 2 { check.checkLast(plan, .dead) }
        }
        if lives.count == 2 { for plan in try Self.plans() { check.checkLast(plan, .events) } }
    }

    private func check(_ first: DispatchHarness, _ second: DispatchHarness, _ step: Int, isAtomic: Bool) throws {
        // Triggers begin at the end: what came before their cursors were durable is not theirs.
        let began = Dictionary(
            uniqueKeysWithValues: ["t", "replier"].map { name in
                (name, first.cursor(name) != nil ? 0 : Int64(10))
            })
        let letters = second.deadLetters.compactMap(\.deadLetter)
        for record in second.log.records(.events) {
            let offset = record.position.offset
            let id = try #require(record.event.attributes.text(of: "id").flatMap { Int($0) })
            for (name, start) in began where offset >= start && (name == "replier" || id < 100) {
                let attempts = (first.sink.attempts + second.sink.attempts).filter {
                    $0.destination == "http://\(name)" && $0.record.position.offset == offset
                }
                let buried = letters.filter { $0.trigger == name && $0.position.offset == offset }
                let accepted = attempts.contains { Self.script($0).map { Verdict($0.outcome) }.isDelivered }
                #expect(accepted || !buried.isEmpty, "\(name) lost \(offset) after \(step)")
                for letter in buried where letter.reason == .retriesExhausted { #expect(letter.attempts == 3) }
                // A crash repeats no more than what was in flight.
                if isAtomic { #expect(buried.count <= 1, "\(name) buried \(offset) twice after \(step)") }
                #expect(attempts.count <= 4, "\(name) \(offset) after \(step)")
            }
        }
        for name in ["t", "replier"] {
            let progress = try second.progress(of: name)
            #expect(progress.open == 0 && progress.parked == 0 && progress.lag == 0, "after \(step): \(progress)")
            #expect(second.cursor(name)?.open == [] && second.cursor(name)?.parked == [])
        }
        let fed = (first.sink.attempts + second.sink.attempts).filter { $0.destination == "http://dls" }
        if first.cursor("t", .dead) != nil {
            #expect(Set(fed.map(\.record.position.offset)) == Set(0..<Int64(letters.count)), "after \(step)")
        }
        #expect(second.keepFrom() == second.log.bounds(of: .events).next.offset)
    }
}

extension Verdict? {
    var isDelivered: Bool { if case .delivered? = self { true } else { false } }
}
