import ApusDispatch
import ApusPorts
import ApusResources
import ApusTesting
import CloudEvents
import Testing

@Suite struct `A dispatcher` {
    static let ok: (outcome: Outcome, after: Duration)? = (.status(200), .milliseconds(1))

    @Test func `delivers what a trigger's filter takes, and nothing else`() throws {
        let harness = DispatchHarness()
        try harness.start()
        try harness.apply(.sample("a", to: "http://a", type: "x"), .sample("b", to: "http://b"))
        harness.send(["1"], ["type": "x"])
        harness.send(["2"], ["type": "y"])
        #expect(harness.executor.runUntilIdle())
        #expect(harness.delivered(at: "http://a") == ["1"])
        #expect(harness.delivered(at: "http://b") == ["1", "2"])
        #expect(harness.cursor("a")?.open == [])
        #expect(harness.cursor("a")?.next == nil)
        #expect(harness.log.durable.cursors[.events]?.shared == 2)
        #expect(try harness.progress(of: "a").delivered == 1)
        #expect(try harness.progress(of: "a").lag == 0)
    }

    @Test func `starts a new trigger at the end, or where it is told`() throws {
        let harness = DispatchHarness()
        harness.send(["0", "1"])
        harness.executor.run(for: .seconds(10))
        let middle = harness.executor.now
        harness.send(["2", "3"])
        try harness.start()
        var starts: [TriggerPlan] = []
        for (name, start) in [
            ("latest", .latest), ("earliest", .earliest), ("position", .position(lane: 0, offset: 3)), ("time", .time(middle)),
        ] as [(String, LogPoint)] {
            var plan = try TriggerPlan.sample(name, to: "http://\(name)")
            plan.startFrom = start
            starts.append(plan)
        }
        for plan in starts { try harness.apply(plan) }
        harness.send(["4"])
        harness.executor.runUntilIdle()
        #expect(harness.delivered(at: "http://latest") == ["4"])
        #expect(harness.delivered(at: "http://earliest").sorted() == ["0", "1", "2", "3", "4"])
        #expect(harness.delivered(at: "http://position").sorted() == ["3", "4"])
        #expect(harness.delivered(at: "http://time").sorted() == ["2", "3", "4"])
    }

    @Test func `lets a slow trigger delay nobody else`() throws {
        let harness = DispatchHarness { attempt in
            attempt.destination == "http://slow" ? (.status(200), .seconds(60)) : Self.ok
        }
        try harness.start()
        try harness.apply(.sample("slow", to: "http://slow"), .sample("fast", to: "http://fast"))
        let ids = (0..<1000).map(String.init)
        harness.send(ids)
        harness.executor.run(for: .seconds(2))
        #expect(harness.delivered(at: "http://fast").count == 1000)
        #expect(harness.delivered(at: "http://slow").count == 256)
        #expect(try harness.progress(of: "slow").stopped == .windowFull)
        #expect(harness.keepFrom() == 0)
        harness.executor.runUntilIdle()
        #expect(harness.delivered(at: "http://slow").sorted() == ids.sorted())
        #expect(harness.sink.inFlightMax(at: "http://slow") == 256)
        #expect(harness.cursor("slow")?.next == nil, "it has caught up and follows again")
        #expect(harness.keepFrom() == 1000)
    }

    @Test func `keeps to the most attempts at once that a trigger allows`() throws {
        let harness = DispatchHarness { _ in (.status(200), .seconds(1)) }
        try harness.start()
        var plan = try TriggerPlan.sample("t")
        plan.maxInFlight = 3
        try harness.apply(plan)
        harness.send((0..<30).map(String.init))
        harness.executor.runUntilIdle()
        #expect(harness.sink.inFlightMax(at: "http://s") == 3)
        #expect(harness.delivered(at: "http://s").count == 30)
    }

    @Test func `keeps to a trigger's rate`() throws {
        let harness = DispatchHarness()
        try harness.start()
        var plan = try TriggerPlan.sample("t")
        plan.rate = 5
        try harness.apply(plan)
        harness.send((0..<50).map(String.init))
        harness.executor.runUntilIdle()
        let times = harness.sink.attempts.map(\.startedAt)
        #expect(times.count == 50)
        #expect(zip(times, times.dropFirst()).allSatisfy { $1 - $0 >= .milliseconds(200) })
        #expect(times[49] - times[0] < .seconds(10))
    }

    @Test func `pauses and loses nothing`() throws {
        let harness = DispatchHarness()
        try harness.start()
        var plan = try TriggerPlan.sample("t")
        try harness.apply(plan, .sample("other", to: "http://other"))
        harness.send(["1"])
        harness.executor.runUntilIdle()
        plan.isPaused = true
        try harness.apply(plan)
        harness.send(["2", "3"])
        harness.executor.runUntilIdle()
        #expect(harness.delivered(at: "http://s") == ["1"])
        #expect(try harness.progress(of: "t").stopped == .paused)
        #expect(harness.keepFrom() == 1)
        plan.isPaused = false
        try harness.apply(plan)
        harness.executor.runUntilIdle()
        #expect(harness.delivered(at: "http://s") == ["1", "2", "3"])
        #expect(harness.delivered(at: "http://other") == ["1", "2", "3"])
    }

    @Test func `keeps the place of a trigger whose subscriber is not resolved`() throws {
        let harness = DispatchHarness()
        try harness.start()
        try harness.apply(.sample("t", to: nil))
        harness.send(["1"])
        harness.executor.runUntilIdle()
        #expect(try harness.progress(of: "t").stopped == .unresolved)
        #expect(harness.keepFrom() == 0)
        try harness.apply(.sample("t"))
        harness.executor.runUntilIdle()
        #expect(harness.delivered(at: "http://s") == ["1"])
    }

    @Test func `counts a changed filter from where the reader stands, and retries at the subscriber that is now`() throws {
        let harness = DispatchHarness { attempt in
            attempt.destination == "http://old" ? (.status(503), .milliseconds(1)) : Self.ok
        }
        try harness.start()
        try harness.apply(.sample("t", to: "http://old", retries: 3, delay: .seconds(60), type: "x"))
        harness.send(["1"], ["type": "x"])
        harness.send(["2"], ["type": "y"])
        harness.executor.run(for: .seconds(5))
        try harness.apply(.sample("t", to: "http://new", retries: 3, type: "y"))
        harness.send(["3"], ["type": "y"])
        harness.send(["4"], ["type": "x"])
        harness.executor.runUntilIdle()
        #expect(harness.delivered(at: "http://old") == ["1"])
        #expect(harness.delivered(at: "http://new") == ["3", "1"])
    }

    @Test func `reads from disk what is not in memory`() throws {
        let harness = DispatchHarness { attempt in
            attempt.destination == "http://slow" ? (.status(200), .seconds(5)) : Self.ok
        }
        harness.log.setCachedRecords(10)
        harness.send((0..<700).map(String.init))
        try harness.start()
        for name in ["slow", "fast"] {
            var plan = try TriggerPlan.sample(name, to: "http://\(name)")
            plan.startFrom = .earliest
            try harness.apply(plan)
        }
        harness.send((700..<1500).map(String.init))
        harness.executor.runUntilIdle()
        for name in ["slow", "fast"] {
            let ids = harness.delivered(at: "http://\(name)").compactMap { Int($0) }
            #expect(ids.sorted() == Array(0..<1500))
        }
        #expect(harness.cursor("slow")?.next == nil)
    }

    @Test func `says what a forced trim has taken`() throws {
        let harness = DispatchHarness { _ in (.status(200), .seconds(30)) }
        try harness.start()
        try harness.apply(.sample("t"))
        harness.send((0..<1000).map(String.init))
        harness.executor.run(for: .seconds(1))
        harness.log.forceTrim(.events, before: 900)
        harness.executor.runUntilIdle()
        let progress = try harness.progress(of: "t")
        #expect(progress.delivered + progress.lost == 1000)
        #expect(progress.lost > 0)
        #expect(progress.lag == 0)
    }
}
