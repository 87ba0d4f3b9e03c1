import ApusDispatch
import ApusPorts
import ApusTelemetry
import ApusTesting
import CloudEvents
import EventFilters
import Testing

@Suite struct `A trigger's mark` {
    @Test func `is written with its first cursor row`() throws {
        let harness = DispatchHarness()
        harness.send(["0", "1"])
        try harness.start()
        let now = harness.executor.now
        try harness.apply(.sample("t", type: "a", dls: "http://dls"))
        let mark = try #require(harness.mark(of: "t"))
        #expect(mark.began == 2 && mark.filterSince == 2 && mark.filter == #"[{"exact":{"type":"a"}}]"#)
        #expect(mark.beganAt >= now && mark.beganAt <= harness.executor.now)
        let first = try #require(harness.log.changes.first { $0.stream == .events && $0.readers.contains { $0.name == "t" } })
        #expect(first.entries.map(\.key) == [StateKey.trigger("t")])
        #expect(harness.log.changes.filter { !$0.entries.isEmpty }.count == 1)
    }

    @Test func `says since when the filter holds, also where it changed while nothing ran`() throws {
        let first = DispatchHarness()
        try first.start()
        try first.apply(.sample("t", type: "a"))
        first.send(["0", "1", "2"], ["type": "a"])
        first.executor.runUntilIdle()
        try first.apply(.sample("t", type: "b"))
        first.executor.runUntilIdle()
        #expect(first.mark(of: "t")?.began == 0 && first.mark(of: "t")?.filterSince == 3)
        first.send(["3"], ["type": "b"])
        first.executor.runUntilIdle()
        let second = first.restarted()
        second.send(["4"], ["type": "b"])
        try second.start()
        try second.apply(.sample("t", type: "b"))
        second.executor.runUntilIdle()
        #expect(second.mark(of: "t")?.filterSince == 3)
        let third = second.restarted()
        third.send(["5"], ["type": "b"])
        try third.start()
        try third.apply(.sample("t", type: "a"))
        third.executor.runUntilIdle()
        let mark = try #require(third.mark(of: "t"))
        #expect(mark.began == 0 && mark.filterSince == 5 && mark.filter == #"[{"exact":{"type":"a"}}]"#)
    }

    @Test func `is durable no later than what went by the new filter`() throws {
        let harness = DispatchHarness { _ in (.status(200), .milliseconds(1)) }
        try harness.start()
        try harness.apply(.sample("t", type: "a"))
        harness.log.setFault { _ in .unavailable(reason: "disk full") }
        try harness.apply(.sample("t", type: "b"))
        harness.send(["0"], ["type": "b"])
        harness.executor.run(for: .seconds(3))
        try harness.apply(.sample("t", type: "c"))
        harness.executor.run(for: .seconds(3))
        #expect(harness.mark(of: "t")?.filter.contains("\"a\"") == true)
        harness.log.setFault { _ in nil }
        harness.executor.runUntilIdle()
        let written = harness.log.changes.first { !$0.traces.isEmpty }
        #expect(written?.entries.map(\.key) == [StateKey.trigger("t")])
        #expect(harness.mark(of: "t")?.filter.contains("\"c\"") == true)
        #expect(harness.mark(of: "t")?.filterSince == 1)
    }

    @Test func `goes with the cursor`() throws {
        let harness = DispatchHarness()
        try harness.start()
        try harness.apply(.sample("t", dls: "http://dls"))
        try harness.remove("t")
        harness.send(["0"])
        #expect(harness.mark(of: "t") != nil)
        try harness.apply(.sample("t"))
        #expect(harness.mark(of: "t")?.began == 0, "it goes on where it was")
        let dispatcher = harness.dispatcher
        harness.executor.run { try? await dispatcher.forget("t") }
        #expect(harness.mark(of: "t") == nil)
        #expect(harness.cursor("t") == nil && harness.cursor("t", .dead) == nil)
        try harness.apply(.sample("t"))
        #expect(harness.mark(of: "t")?.began == 1)
    }

    @Test func `is made for a cursor that is older than marks`() throws {
        let harness = DispatchHarness()
        harness.send(["0", "1"])
        var change = CursorChange(stream: .events)
        change.shared = 2
        change.readers = [CursorChange.Reader(name: "t", next: nil, open: [])]
        harness.commit(change)
        try harness.start()
        try harness.apply(.sample("t", type: "a"))
        harness.executor.runUntilIdle()
        #expect(harness.mark(of: "t")?.began == 0 && harness.mark(of: "t")?.filterSince == 2)
    }

    @Test func `has a text for each filter that another has not`() throws {
        let predicates = [AttributePredicate(name: "type", value: "a"), AttributePredicate(name: "source", value: "")]
        let some: [[FilterExpression]] = [
            [], [.exact([predicates[0]])], [.attributes([predicates[0]])], [.attributes(predicates)], [.prefix([predicates[0]])],
            [.suffix([predicates[0]])], [.all([.exact([predicates[0]])])], [.any([.exact([predicates[0]])])],
            [.not(.exact([predicates[0]]))], [.cesql("type = 'a'")], [.cesql("type = 'é'")], [.cesql("type = 'e\u{301}'")],
            [.exact([predicates[0]]), .exact([predicates[0]])],
            [.exact([AttributePredicate(name: "type", value: "\u{1}" + String(repeating: "x", count: 9000))])],
            [.exact([AttributePredicate(name: "type", value: "\u{2}" + String(repeating: "x", count: 9000))])],
            [.exact([AttributePredicate(name: "type", value: "\u{2}" + String(repeating: "x", count: 9000) + "y")])],
        ]
        let texts = try some.map { Array(try CompiledFilter($0).text.utf8) }
        #expect(Set(texts).count == some.count)
        #expect(try CompiledFilter([.attributes(predicates)]).text == CompiledFilter([.attributes(predicates.reversed())]).text)
        let control = FilterExpression.cesql("type = '" + String(repeating: "\u{1}", count: 8000) + "'")
        let mark = TriggerMark(
            began: 0, beganAt: Timestamp(nanoseconds: 0), filterSince: 0, filter: try CompiledFilter([control]).text)
        #expect(mark.value.count < Limits.stateValueBytesMax)
    }
}

@Suite struct `A reader of another` {
    @Test func `is left alone: not loaded, not retired, not kept for`() throws {
        let first = DispatchHarness()
        first.send((0..<5).map(String.init))
        let replay = ReaderName.replay("r", trigger: "t")
        for stream in ApusPorts.Stream.allCases {
            var change = CursorChange(stream: stream)
            change.readers = [CursorChange.Reader(name: replay, next: 1, open: [0])]
            change.park = [CursorChange.Parking(name: replay, event: ParkedEvent(offset: 0, attempts: 1, dueAt: nil))]
            first.commit(change)
        }
        let before = [first.cursor(replay), first.cursor(replay, .dead)]
        try first.start()
        try first.apply(.sample("t"))
        let dispatcher = first.dispatcher
        first.executor.run { try? await dispatcher.removeAll(except: []) }
        first.executor.run { try? await dispatcher.forgetExpired() }
        first.send(["5"])
        first.executor.runUntilIdle()
        #expect([first.cursor(replay), first.cursor(replay, .dead)] == before)
        #expect(first.executor.run { await dispatcher.progress() }.isEmpty)
        #expect(first.standing(of: 0, replay) == nil)
        #expect(first.keepFrom() == 5, "the trigger that was removed stands there")
        #expect(first.keepFrom(.dead) == 0)
    }
}

@Suite struct `An event's standing` {
    @Test func `follows it from ahead to passed`() throws {
        let harness = DispatchHarness { attempt in (.status(attempt.number == 1 ? 503 : 200), .seconds(2)) }
        try harness.start()
        try harness.apply(.sample("t", retries: 2, delay: .seconds(60), type: "a"))
        #expect(harness.standing(of: 0, "other") == nil)
        #expect(harness.standing(of: 0, "t", .dead) == nil)
        #expect(harness.standing(of: 0, "t") == .ahead)
        harness.send(["0"], ["type": "a"])
        harness.send(["1"], ["type": "b"])
        harness.executor.run(for: .seconds(1))
        #expect(harness.standing(of: 0, "t") == .open(attempts: 1))
        #expect(harness.standing(of: 1, "t") == .passed)
        #expect(harness.standing(of: 2, "t") == .ahead)
        harness.executor.run(for: .seconds(10))
        let parked = try #require(harness.cursor("t")?.parked.first)
        #expect(harness.standing(of: 0, "t") == .parked(parked))
        harness.executor.run(for: .seconds(52))
        #expect(harness.standing(of: 0, "t") == .open(attempts: 2))
        harness.executor.runUntilIdle()
        #expect(harness.standing(of: 0, "t") == .passed)
    }

    @Test func `that is passed has its trace, before its commit and after`() throws {
        let harness = DispatchHarness { _ in (.status(200), .milliseconds(1)) }
        try harness.start()
        try harness.apply(.sample("t"))
        harness.log.setFault { operation in
            if case .commit = operation { .unavailable(reason: "disk full") } else { nil }
        }
        harness.send(["0"])
        harness.executor.run(for: .seconds(1))
        #expect(harness.standing(of: 0, "t") == .passed)
        #expect(harness.traces(of: 0).isEmpty)
        #expect(harness.unstored(of: 0).map(\.ending) == [.delivered])
        #expect(harness.unstored(of: 0, .dead).isEmpty)
        harness.log.setFault { _ in nil }
        harness.executor.runUntilIdle()
        #expect(harness.traces(of: 0).map(\.ending) == [.delivered])
        #expect(harness.unstored(of: 0).isEmpty)
    }

    @Test func `is known from the cursor after a restart, before and while it is taken up`() throws {
        let first = DispatchHarness { attempt in
            attempt.record.position.offset == 1 ? (.status(503), .milliseconds(1)) : nil
        }
        try first.start()
        var plan = try TriggerPlan.sample("t", retries: 2, delay: .seconds(600))
        plan.maxInFlight = 2
        try first.apply(plan)
        first.send(["0", "1"])
        first.executor.run(for: .seconds(5))
        let parked = try #require(first.cursor("t")?.parked.first)
        #expect(first.cursor("t")?.open == [0])
        let second = first.restarted { _ in nil }
        second.send(["2"])
        try second.start()
        let before = [DeliveryStanding.open(attempts: 0), .parked(parked), .ahead]
        #expect((0..<3).map { second.standing(of: $0, "t") } == before)
        #expect(second.keepFrom() == 0)
        // Its open event cannot be read yet.
        second.log.setCachedRecords(0)
        second.log.setReadFault { .unavailable(reason: "i/o") }
        try second.apply(plan)
        second.executor.run(for: .seconds(1))
        #expect((0..<3).map { second.standing(of: $0, "t") } == before)
        #expect(try second.progress(of: "t").parked == 1)
        second.log.setReadFault { nil }
        second.executor.run(for: .seconds(60))
        #expect(
            (0..<3).map { second.standing(of: $0, "t") } == [.open(attempts: 1), .parked(parked), .open(attempts: 1)])
    }

    @Test func `of what is parked pins it while a restart takes it up`() throws {
        let first = DispatchHarness { attempt in
            attempt.record.position.offset == 0 ? (.status(503), .milliseconds(1)) : nil
        }
        try first.start()
        try first.apply(.sample("t", retries: 2, delay: .seconds(600)))
        first.send(["0", "1"])
        first.executor.run(for: .seconds(5))
        #expect(first.cursor("t")?.open == [1])
        let second = first.restarted()
        try second.start()
        second.log.setReadFault { .unavailable(reason: "i/o") }
        try second.apply(.sample("t", retries: 2, delay: .seconds(600)))
        second.executor.run(for: .seconds(5))
        #expect(second.keepFrom() == 0)
    }

    @Test func `of a dead letter is that with its sink`() throws {
        let harness = DispatchHarness { attempt in
            attempt.destination == "http://dls" ? (.status(200), .seconds(5)) : (.status(400), .milliseconds(1))
        }
        try harness.start()
        try harness.apply(.sample("t", dls: "http://dls"))
        harness.send(["0"])
        harness.executor.run(for: .seconds(1))
        #expect(harness.standing(of: 0, "t", .dead) == .open(attempts: 1))
        harness.executor.runUntilIdle()
        #expect(harness.standing(of: 0, "t", .dead) == .passed)
    }
}

@Suite struct `What is lost` {
    @Test func `is counted, whoever was caught up`() throws {
        let harness = DispatchHarness()
        try harness.start()
        try harness.apply(.sample("a"), .sample("b"))
        harness.executor.runUntilIdle()
        harness.send((0..<7).map(String.init))
        harness.log.setCachedRecords(0)
        harness.log.forceTrim(.events, before: 5)
        harness.executor.runUntilIdle()
        for name in ["a", "b"] {
            #expect(harness.meters.counter(.lost, ["default", "b", name, "events"]).value == 5)
            #expect(try harness.progress(of: name).lost == 5)
        }
    }
}
