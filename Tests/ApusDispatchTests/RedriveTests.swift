import ApusDispatch
import ApusPorts
import ApusResources
import ApusTesting
import CloudEvents
import EventFilters
import Testing

@Suite struct `A redrive` {
    /// Letters of two triggers, one of nobody, and a reply whose hops had run out.
    static let letters: [EventRecord] = [
        .letter("0", of: "t", at: 10), .letter("1", of: "u", .retriesExhausted, at: 11),
        .letter("2", of: "t", .hopsExhausted, at: 12, hops: 0), .letter("3", of: "PingSource/tick", .unreadable, at: 13),
        .letter("4", of: "gone", at: 14), .letter("5", of: "u", at: 15), .letter("6", of: "t", .edited, at: 16),
    ]

    static func target() throws -> ReplayPlan.Target {
        let triggers: [TriggerPlan] = [try .sample("t", to: "http://t"), try .sample("u", to: "http://u", retries: 1)]
        return .deadLetters(Dictionary(uniqueKeysWithValues: triggers.map { ($0.name, $0) }))
    }

    static func harness(isAtomic: Bool = true, sink: ScriptedSink.Script? = nil) -> ReplayHarness {
        let harness = ReplayHarness(isAtomic: isAtomic, sink: sink)
        harness.log.seed(letters, on: .dead)
        return harness
    }

    static func plan(_ harness: ReplayHarness, uid: String = "u", _ letters: DeadLetterSelection? = nil) throws -> ReplayPlan {
        try .sample(harness, uid: uid, stream: .dead, letters: letters, to: target())
    }

    /// `1` fails once and `5` fails for good.
    static func script(_ attempt: ScriptedSink.Attempt) -> (outcome: Outcome, after: Duration)? {
        switch attempt.record.position.offset {
        case 1 where attempt.number == 1: (.status(503), .milliseconds(2))
        case 5: (.answered(Answer(status: 422, body: Array("no such customer".utf8))), .milliseconds(2))
        default: (.status(202), .milliseconds(2))
        }
    }

    @Test(arguments: [true, false]) func `sends each to the trigger that gave up, and marks what came of it`(isAtomic: Bool)
        throws
    {
        let harness = Self.harness(isAtomic: isAtomic, sink: Self.script)
        let progress = try harness.finished(Self.plan(harness))
        #expect(progress.state == .completed)
        #expect(harness.delivered(at: "http://t") == ["0", "6"])
        #expect(harness.delivered(at: "http://u") == ["1", "1", "5"])
        let states: [DeadLetterMark.State?] = (0..<7).map { harness.mark($0)?.state }
        #expect(states == [.redriven, .redriven, .redriven, nil, nil, .failed, .redriven])
        #expect(harness.mark(1)?.attempts == 2)
        #expect(harness.mark(1)?.status == 202)
        #expect(harness.mark(1)?.replay == "r")
        #expect(harness.mark(5)?.status == 422)
        #expect(harness.mark(5)?.text == "no such customer")
        #expect(harness.log.records(.dead).count == Self.letters.count)
        #expect(progress.counts == [7, 5, 4, 1, 2])
        #expect(
            progress.message == "2 dead letters cannot be redriven: they are unreadable, or their trigger is gone.")
        #expect(harness.log.durable.notes.traces(.dead, at: 5).map(\.ending) == [.abandoned])
        // What had no hops left was a reply: it goes on its way through the door.
        let reply = try #require(harness.log.records(.events).first?.event)
        #expect(reply.attributes.text(of: "id") == "2")
        #expect(reply.hops == 255)
        #expect(reply.deadLetter == nil)
    }

    @Test func `leaves out what was redriven, purged or edited, and takes what failed`() throws {
        let harness = Self.harness()
        try harness.finished(Self.plan(harness))
        var change = CursorChange(stream: .dead)
        let moment = Timestamp(nanoseconds: 1)
        let states: [Int64: DeadLetterMark.State] = [0: .purged, 1: .failed, 5: .sinkFailed, 6: .copied]
        for (offset, state) in states {
            let mark = DeadLetterMark(state, at: moment, attempts: 3)
            change.entries.append(StateEntry(key: StateKey.deadLetter(offset), value: mark.value))
        }
        var durable = harness.log.durable
        durable.notes.apply(change)
        let second = ReplayHarness(durable: durable)
        try second.finished(Self.plan(second, uid: "second"))
        #expect(second.delivered(at: "http://t") == ["6"])
        #expect(second.delivered(at: "http://u") == ["1", "5"])
        #expect(second.mark(1)?.attempts == 4)
        #expect(second.mark(0)?.state == .purged)
    }

    @Test func `of letters that are named redrives what was redriven before, and reads no others`() throws {
        let harness = Self.harness()
        try harness.finished(Self.plan(harness))
        let named = DeadLetterSelection(offsets: [0, 5])
        let progress = try harness.finished(Self.plan(harness, uid: "again", named))
        #expect(harness.delivered(at: "http://t") == ["0", "6", "0"])
        #expect(harness.delivered(at: "http://u") == ["1", "5", "5"])
        #expect(progress.scanned == 2)
    }

    @Test func `selects by trigger and reason`() throws {
        let harness = Self.harness()
        let some = DeadLetterSelection(trigger: "u", reason: .rejected)
        let progress = try harness.finished(Self.plan(harness, some))
        #expect(harness.sink.attempts.map(\.record.position.offset) == [5])
        #expect(progress.leftOut == 0)
    }

    @Test func `lets a trigger that is stuck hold nobody but its own`() throws {
        let harness = Self.harness { attempt in
            attempt.destination == "http://u" ? nil : (.status(200), .milliseconds(1))
        }
        let run = try harness.started(Self.plan(harness))
        harness.executor.run(for: .seconds(5))
        #expect(harness.delivered(at: "http://t") == ["0", "6"])
        #expect(harness.progress(run).state == .running)
    }

    @Test func `sees a mark that is made while it waits for its pace`() throws {
        let harness = Self.harness()
        var plan = try Self.plan(harness)
        plan.rate = 0.1
        let run = try harness.started(plan)
        harness.executor.run(for: .seconds(1))
        #expect(harness.sink.attempts.count == 1)
        var change = CursorChange(stream: .dead)
        let purged = DeadLetterMark(.purged, at: Timestamp(nanoseconds: 1)).value
        for offset: Int64 in [1, 2, 5] { change.entries.append(StateEntry(key: StateKey.deadLetter(offset), value: purged)) }
        harness.log.commit(change, receiver: Deaf(), token: 0)
        harness.executor.runUntilIdle()
        #expect(harness.sink.attempts.map(\.record.position.offset) == [0, 6])
        #expect(harness.progress(run).state == .completed)
    }

    @Test(arguments: [true, false]) func `leaves purged what is purged while it is redriven, and begins no retry of it`(
        isAtomic: Bool
    ) throws {
        // `0` is under way when it is purged, `1` waits for its retry, `2` is a reply, the others are to come.
        let harness = Self.harness(isAtomic: isAtomic) { attempt in
            (.status(attempt.record.position.offset == 1 ? 503 : 202), .milliseconds(100))
        }
        let run = try harness.started(Self.plan(harness))
        harness.executor.run(for: .milliseconds(50))
        let executor = harness.executor
        executor.run { await run.putAside([0, 2, 6]) }
        var change = CursorChange(stream: .dead)
        let purged = DeadLetterMark(.purged, at: Timestamp(nanoseconds: 1)).value
        for offset: Int64 in [0, 2, 6] { change.entries.append(StateEntry(key: StateKey.deadLetter(offset), value: purged)) }
        harness.log.commit(change, receiver: Deaf(), token: 0)
        executor.run(for: .milliseconds(500))
        executor.run { await run.putAside([1]) }
        executor.runUntilIdle()
        #expect(harness.sink.attempts.map(\.record.position.offset).sorted() == [0, 1, 5])
        #expect(harness.mark(0)?.state == .purged)
        #expect(harness.mark(0)?.replay == "r")
        #expect(harness.mark(2) == DeadLetterMark(purged))
        #expect(harness.mark(5)?.state == .redriven)
        #expect(harness.log.records(.events).isEmpty)
        let progress = harness.progress(run)
        #expect(progress.state == .completed)
        #expect((progress.matched, progress.delivered) == (2, 2))
    }

    @Test func `says which letters it still holds, so that a second one is refused`() throws {
        let harness = Self.harness()
        var plan = try Self.plan(harness)
        plan.rate = 0.1
        let run = try harness.started(plan)
        harness.executor.run(for: .seconds(1))
        let records = harness.log.records(.dead)
        let held = harness.executor.run {
            var held: [Int64] = []
            for record in records where await run.holds(record) { held.append(record.position.offset) }
            return held
        }
        #expect(held == [1, 2, 5, 6])
        let survey = try harness.survey(Self.plan(harness, uid: "second"), besides: [run])
        #expect(survey.conflict?.replay == "r")
        #expect(survey.conflict?.position == Position(offset: 1))
        harness.executor.run { await run.cancel(within: .seconds(5)) }
        #expect(try harness.survey(Self.plan(harness, uid: "second"), besides: [run]).conflict == nil)
    }

    @Test func `of a reply's cause names the event that the letter is about`() throws {
        let harness = Self.harness { attempt in
            (.answered(Answer(status: 200, reply: .event(.sample("re\(attempt.record.position.offset)")))), .milliseconds(1))
        }
        try harness.finished(Self.plan(harness, DeadLetterSelection(offsets: [0])))
        let reply = try #require(harness.log.records(.events).first?.event)
        #expect(reply.cause == Cause(trigger: "t", position: Position(offset: 10)))
        #expect(harness.mark(0)?.state == .redriven)
    }

    /// Law 3 for a redrive: killed after any of its writes, each letter is sent at least once and marked, and one whose mark is
    /// durable is not sent again.
    @Test(arguments: [true, false]) func `killed at any step loses no letter and redelivers each`(isAtomic: Bool) throws {
        let script: ScriptedSink.Script = { attempt in
            if attempt.record.position.offset == 6 {
                return (.answered(Answer(status: 200, reply: .event(.sample("re")))), .milliseconds(2))
            }
            return Self.script(attempt)
        }
        let whole = Self.harness(isAtomic: isAtomic, sink: script)
        try whole.finished(Self.plan(whole))
        let steps = whole.log.operations
        #expect(steps > 4)
        for step in 0..<steps {
            let first = Self.harness(isAtomic: isAtomic, sink: script)
            first.log.setCrash(afterOperations: step)
            let plan = try Self.plan(first)
            let run = first.make(plan)
            first.executor.start { try? await run.start() }
            first.executor.runUntilIdle(limit: .seconds(30))
            #expect(first.log.isCrashed)
            let marked = (0..<Int64(Self.letters.count)).filter { first.mark($0) != nil }
            let second = first.restarted(sink: script)
            let progress = try second.finished(plan)
            #expect(progress.state == .completed, "after \(step)")
            #expect(progress.counts == [7, 5, 4, 1, 2], "after \(step): \(progress)")
            let attempts = (first.sink.attempts + second.sink.attempts).map(\.record.position.offset)
            #expect(Set(attempts) == [0, 1, 5, 6], "after \(step)")
            for offset: Int64 in [0, 1, 2, 5, 6] {
                #expect(second.mark(offset)?.state == (offset == 5 ? .failed : .redriven), "\(offset) after \(step)")
            }
            for offset in marked {
                let again = second.sink.attempts.filter { $0.record.position.offset == offset }
                #expect(again.isEmpty, "\(offset) was marked, and was sent again after \(step)")
            }
            let replies = second.log.records(.events).compactMap { $0.event.attributes.text(of: "id") }
            #expect(Set(replies) == ["2", "re"], "after \(step)")
            if isAtomic { #expect(replies.count == 2, "after \(step)") }
            #expect(second.log.records(.dead).count == Self.letters.count)
        }
    }
}

/// Told of a write that nobody waits for.
final class Deaf: AppendReceiver {
    func appended(_ outcomes: [AppendOutcome]) {}
}

@Suite struct `A survey` {
    @Test func `counts what the replay would send, by trigger, with a sample`() throws {
        let harness = ReplayHarness()
        harness.send(0..<40)
        harness.send(40..<50, ["type": "other"])
        let target = try ReplayPlan.Target.triggers([.sample("t", type: "other"), .sample("u", to: "http://u")])
        let plan = try ReplayPlan.sample(harness, from: 10, to: target)
        let survey = try harness.survey(plan, sampleMax: 3)
        #expect([survey.scanned, survey.records, survey.matched] == [40, 40, 50])
        #expect(survey.matchedByTrigger == ["t": 10, "u": 40])
        #expect(survey.sample.map(\.position.offset) == [10, 11, 12])
        #expect(survey.oldest == harness.log.records(.events)[10].appendedAt)
        #expect(try harness.finished(plan).matched == survey.matched)
    }

    @Test func `of a redrive leaves out what it would leave out`() throws {
        let harness = `A redrive`.harness()
        let plan = try `A redrive`.plan(harness)
        let survey = try harness.survey(plan)
        #expect([survey.scanned, survey.matched, survey.leftOut] == [7, 5, 2])
        #expect(try harness.finished(plan).matched == 5)
        #expect(try harness.survey(plan).matched == 0)
    }

    @Test func `of a range that is trimmed says where the log begins`() throws {
        let harness = ReplayHarness()
        harness.send(0..<9)
        let plan = try ReplayPlan.sample(harness)
        harness.log.forceTrim(.events, before: 4)
        #expect(throws: LogError.trimmed(oldest: Position(offset: 4))) { try harness.survey(plan) }
    }
}

extension ReplayProgress {
    /// Scanned, matched, delivered, failed, left out.
    fileprivate var counts: [Int] { [scanned, matched, delivered, failed, leftOut] }
}
