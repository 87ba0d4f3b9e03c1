import ApusDispatch
import ApusPorts
import ApusResources
import ApusTesting
import CloudEvents
import EventFilters
import Testing

@Suite struct `A replay` {
    @Test func `sends what matches of its range, in order, and nothing else`() throws {
        let harness = ReplayHarness()
        harness.send(0..<10)
        harness.send(10..<20, ["type": "other"])
        harness.send(20..<30)
        let filter = FilterExpression.exact([AttributePredicate(name: "type", value: "test")])
        let progress = try harness.finished(.sample(harness, from: 5, until: 25, filter: [filter]))
        let ids = (5..<10).map { "\($0)" } + (20..<25).map { "\($0)" }
        #expect(harness.delivered() == ids)
        #expect(progress.state == .completed)
        #expect(progress.scanned == 20)
        #expect(progress.matched == 10)
        #expect(progress.delivered == 10)
        #expect(progress.next == 25)
        #expect(progress.endedAt != nil)
        #expect(progress.message == nil)
    }

    @Test func `asks a trigger's own filter too, and leaves its live cursor alone`() throws {
        let harness = ReplayHarness()
        harness.send(0..<3)
        harness.send(3..<6, ["type": "other"])
        let plan = try ReplayPlan.sample(harness, to: .triggers([.sample("t", type: "other"), .sample("u", to: "http://u")]))
        #expect(try harness.finished(plan).matched == 9)
        #expect(harness.delivered() == ["3", "4", "5"])
        #expect(harness.delivered(at: "http://u").count == 6)
        #expect(harness.log.durable.cursors[.events]?.readers == [:])
        #expect(harness.log.changes.allSatisfy { $0.shared == nil && $0.readers.allSatisfy { !$0.name.isTrigger } })
    }

    @Test func `says its name in an attribute, and asks a trigger for its reply, which goes through the door`() throws {
        let harness = ReplayHarness { attempt in
            let isFirst = attempt.record.position.offset == 0
            return (.answered(Answer(status: 200, reply: isFirst ? .event(.sample("re")) : .none)), .milliseconds(1))
        }
        harness.send(0..<2)
        let progress = try harness.finished(.sample(harness))
        #expect(harness.sink.attempts.allSatisfy { $0.delivery.added == [Attribute(name: "apusreplay", value: .string("r"))] })
        #expect(harness.sink.attempts.allSatisfy { $0.delivery.wantsReply })
        let reply = try #require(harness.log.records(.events).last?.event)
        #expect(reply.cause == Cause(trigger: "t", position: Position(offset: 0)))
        #expect(reply.hops == 254)
        #expect(harness.sink.attempts.count == 2)
        #expect(progress.delivered == 2)
        let traces = harness.log.durable.notes.traces(.events, at: 0)
        #expect(traces.map(\.ending) == [.replied(Position(offset: 2))])
        #expect(traces.map(\.reader) == [.replay("r", trigger: "t")])
    }

    @Test func `writes what a trigger gives up on to the dead stream, with its cursor`() throws {
        let harness = ReplayHarness { attempt in
            (
                .status(attempt.record.position.offset == 1 ? 503 : attempt.record.position.offset == 2 ? 400 : 200),
                .milliseconds(1)
            )
        }
        harness.send(0..<4)
        let progress = try harness.finished(.sample(harness, retries: 2))
        #expect(harness.delivered() == ["0", "1", "1", "1", "2", "3"])
        #expect(progress.delivered == 2)
        #expect(progress.failed == 2)
        let letters = harness.log.records(.dead).compactMap(\.event.deadLetter)
        #expect(letters.map(\.reason) == [.retriesExhausted, .rejected])
        #expect(letters.map(\.trigger) == ["t", "t"])
        #expect(letters.map(\.attempts) == [3, 1])
        #expect(letters.map(\.position.offset) == [1, 2])
        let endings = harness.log.durable.notes.traces(.events, at: 1).map(\.ending)
        #expect(endings.count == 3)
        #expect(endings.last == .dead(Position(offset: 0)))
    }

    @Test func `holds what is behind a retry where one is in flight, and begins in order where several are`() throws {
        let script: ScriptedSink.Script = { attempt in
            (.status(attempt.record.position.offset == 0 && attempt.number == 1 ? 503 : 200), .milliseconds(10))
        }
        let one = ReplayHarness(sink: script)
        one.send(0..<4)
        try one.finished(.sample(one, retries: 1))
        #expect(one.delivered() == ["0", "0", "1", "2", "3"])
        #expect(one.sink.inFlightMax(at: "http://s") == 1)
        let three = ReplayHarness(sink: script)
        three.send(0..<8)
        try three.finished(.sample(three, retries: 1, maxInFlight: 3))
        #expect(three.delivered() == ["0", "1", "2", "3", "4", "5", "6", "7", "0"])
        #expect(three.sink.inFlightMax(at: "http://s") == 3)
    }

    @Test func `keeps the order of each key for a trigger that asks for it, however many are in flight`() throws {
        let harness = ReplayHarness { attempt in
            (.status(attempt.record.position.offset == 0 && attempt.number == 1 ? 503 : 200), .milliseconds(10))
        }
        for number in 0..<6 { harness.send([number], ["partitionkey": number % 2 == 0 ? "even" : "odd"]) }
        var trigger = try TriggerPlan.sample("t", retries: 1)
        trigger.order = .ordered(by: "partitionkey")
        try harness.finished(.sample(harness, to: .triggers([trigger]), maxInFlight: 4))
        let even = harness.delivered().filter { ["0", "2", "4"].contains($0) }
        #expect(even == ["0", "0", "2", "4"])
        #expect(harness.sink.inFlightMax(at: "http://s") == 2)
        #expect(Set(harness.delivered()).count == 6)
    }

    @Test func `keeps to its pace, all triggers together, and to a new one`() throws {
        let harness = ReplayHarness()
        harness.send(0..<100)
        let target = try ReplayPlan.Target.triggers([.sample("t"), .sample("u", to: "http://u")])
        let run = try harness.started(.sample(harness, to: target, rate: 10, maxInFlight: 50))
        harness.executor.run(for: .seconds(3))
        #expect((29...32).contains(harness.sink.attempts.count))
        harness.executor.start { await run.change(rate: 100, maxInFlight: 50) }
        harness.executor.run(for: .seconds(1))
        #expect((125...145).contains(harness.sink.attempts.count))
        harness.executor.start { await run.change(rate: nil, maxInFlight: 50) }
        harness.executor.run(for: .seconds(1))
        #expect(harness.sink.attempts.count == 200)
        #expect(harness.progress(run).state == .completed)
    }

    @Test func `does not send what comes while it runs`() throws {
        let harness = ReplayHarness()
        harness.send(0..<5)
        let run = try harness.started(.sample(harness, rate: 1))
        harness.executor.run(for: .seconds(2))
        harness.send(5..<9)
        harness.executor.runUntilIdle()
        #expect(harness.delivered() == ["0", "1", "2", "3", "4"])
        #expect(harness.progress(run).scanned == 5)
    }

    @Test func `of nothing is complete, and says so durably`() throws {
        let harness = ReplayHarness()
        let progress = try harness.finished(.sample(harness))
        #expect(progress.state == .completed)
        #expect(try harness.stored() == progress)
        #expect(harness.readers == [])
    }

    @Test func `passes damaged records and says how many`() throws {
        let harness = ReplayHarness()
        harness.send(0..<6)
        harness.log.setCachedRecords(0)
        harness.log.setDamaged([1, 5])
        let progress = try harness.finished(.sample(harness))
        #expect(progress.message == "2 records could not be read and were passed.")
        #expect(progress.damaged == 2)
        #expect(progress.scanned == 4)
        #expect(harness.delivered() == ["0", "2", "3", "4"])
    }

    @Test func `waits for a trigger whose subscriber is not resolved, and the others go on`() throws {
        let harness = ReplayHarness()
        harness.send(0..<3)
        let waiting = try ReplayPlan.Target.triggers([.sample("t", to: nil), .sample("u", to: "http://u")])
        let run = try harness.started(.sample(harness, to: waiting))
        harness.executor.runUntilIdle()
        #expect(harness.delivered(at: "http://u").count == 3)
        #expect(harness.progress(run).state == .running)
        #expect(harness.progress(run).next == 0)
        #expect(harness.progress(run).message == "The subscriber of t is not resolved: it waits.")
        let resolved = try ReplayPlan.Target.triggers([.sample("t"), .sample("u", to: "http://u")])
        harness.executor.start { await run.change(targets: resolved) }
        harness.executor.runUntilIdle()
        #expect(harness.delivered() == ["0", "1", "2"])
        #expect(harness.progress(run).state == .completed)
        #expect(harness.progress(run).message == nil)
    }

    @Test func `waits for a trigger that is paused, and keeps to the bound that a trigger has`() throws {
        let harness = ReplayHarness()
        harness.send(0..<8)
        var trigger = try TriggerPlan.sample("t")
        trigger.maxInFlight = 2
        trigger.isPaused = true
        let run = try harness.started(.sample(harness, to: .triggers([trigger]), maxInFlight: 5))
        harness.executor.runUntilIdle()
        #expect(harness.sink.attempts.isEmpty)
        #expect(harness.progress(run).message == "The trigger t is paused: it waits.")
        trigger.isPaused = false
        let resumed = ReplayPlan.Target.triggers([trigger])
        harness.executor.start { await run.change(targets: resumed) }
        harness.executor.runUntilIdle()
        #expect(harness.sink.inFlightMax(at: "http://s") == 2)
        #expect(harness.progress(run).state == .completed)
    }

    @Test func `goes on without a trigger that is removed, and fails where it was the only one`() throws {
        let harness = ReplayHarness { _ in (.status(503), .milliseconds(1)) }
        harness.send(0..<3)
        let both = try ReplayPlan.Target.triggers([.sample("t", retries: 5), .sample("u", to: "http://u")])
        let run = try harness.started(.sample(harness, to: both))
        harness.executor.run(for: .seconds(2))
        let less = try ReplayPlan.Target.triggers([.sample("u", to: "http://u")])
        harness.executor.start { await run.change(targets: less) }
        harness.executor.runUntilIdle()
        #expect(harness.progress(run).state == .completed)
        #expect(harness.progress(run).message == "What was left for t was not sent: the trigger was removed.")
        #expect(harness.readers == [])

        let alone = ReplayHarness()
        alone.send(0..<3)
        let only = try alone.started(.sample(alone, rate: 1))
        alone.executor.start { await only.change(targets: .triggers([])) }
        alone.executor.runUntilIdle()
        #expect(alone.progress(only).state == .failed)
        #expect(alone.progress(only).message == "The trigger t was removed.")
    }
}
