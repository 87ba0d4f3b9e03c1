import ApusDispatch
import ApusPorts
import ApusTesting
import CloudEvents
import Testing

@Suite struct `A trigger's cursor` {
    @Test func `is durable before the trigger is applied`() throws {
        let harness = DispatchHarness()
        harness.send(["0"])
        try harness.start()
        try harness.apply(.sample("t", dls: "http://dls"))
        #expect(harness.cursor("t")?.next == 1)
        #expect(harness.cursor("t", .dead)?.next == 0)
    }

    @Test func `that cannot be written fails the application, which can be made again`() throws {
        let harness = DispatchHarness()
        try harness.start()
        harness.log.setFault { _ in .unavailable(reason: "disk full") }
        #expect(throws: LogError.unavailable(reason: "disk full")) { try harness.apply(.sample("t")) }
        harness.log.setFault { _ in nil }
        try harness.apply(.sample("t"))
        harness.send(["1"])
        harness.executor.runUntilIdle()
        #expect(harness.delivered(at: "http://s") == ["1"])
    }

    @Test func `goes on where it was when the trigger comes back within a day`() throws {
        let harness = DispatchHarness { attempt in
            (.status(attempt.record.position.offset == 1 && attempt.number == 1 ? 500 : 200), .milliseconds(1))
        }
        try harness.start()
        let plan = try TriggerPlan.sample("t", retries: 3, delay: .seconds(7200))
        try harness.apply(plan, .sample("other", to: "http://other"))
        harness.send(["0", "1"])
        harness.executor.run(for: .seconds(1))
        try harness.remove("t")
        harness.send(["2"])
        harness.executor.run(for: .seconds(3600))
        #expect(harness.cursor("t")?.retiredAt != nil)
        #expect(harness.cursor("t")?.next == 2)
        #expect(harness.keepFrom() == 1)
        #expect(harness.delivered(at: "http://other") == ["0", "1", "2"])
        try harness.apply(plan)
        harness.executor.runUntilIdle()
        #expect(harness.delivered(at: "http://s") == ["0", "1", "2", "1"])
        #expect(harness.cursor("t")?.retiredAt == nil)
    }

    @Test func `goes on after a restart and a removal that came before`() throws {
        let first = DispatchHarness()
        try first.start()
        try first.apply(.sample("t"), .sample("gone"))
        first.send(["0"])
        first.executor.runUntilIdle()
        try first.remove("gone")
        let second = first.restarted(after: .seconds(3600))
        second.send(["1"])
        try second.start()
        second.executor.run(for: .seconds(10))
        #expect(second.sink.attempts.isEmpty)
        try second.apply(.sample("t", to: "http://t"), .sample("gone", to: "http://gone"))
        second.executor.runUntilIdle()
        #expect(second.delivered(at: "http://t") == ["1"])
        #expect(second.delivered(at: "http://gone") == ["1"])
    }

    @Test func `is forgotten after a day`() throws {
        let harness = DispatchHarness { _ in (.status(500), .milliseconds(1)) }
        try harness.start()
        let plan = try TriggerPlan.sample("t", retries: 3, delay: .seconds(1_000_000))
        try harness.apply(plan)
        harness.send(["0"])
        harness.executor.run(for: .seconds(1))
        try harness.remove("t")
        harness.executor.run(for: .seconds(25 * 3600))
        harness.send(["1"])
        try harness.apply(plan)
        #expect(harness.cursor("t") == ReaderCursor(next: 2))
        #expect(harness.keepFrom() == 2)
    }

    @Test func `of a trigger that is not applied yet keeps its place while others go on`() throws {
        let first = DispatchHarness()
        try first.start()
        try first.apply(.sample("a", to: "http://a"), .sample("b", to: "http://b"))
        first.send(["0"])
        first.executor.runUntilIdle()
        let second = first.restarted()
        try second.start()
        try second.apply(.sample("a", to: "http://a"))
        second.send(["1", "2"])
        second.executor.runUntilIdle()
        #expect(second.log.durable.cursors[.events]?.shared == 3)
        #expect(second.cursor("b")?.next == 1, "it followed, and must not be carried along")
        let third = second.restarted()
        try third.start()
        try third.apply(.sample("b", to: "http://b"))
        third.executor.runUntilIdle()
        #expect(third.delivered(at: "http://b") == ["1", "2"])
    }

    @Test func `is kept by a retirement that could not be written`() throws {
        let harness = DispatchHarness()
        try harness.start()
        try harness.apply(.sample("t"), .sample("other", to: "http://other"))
        harness.send(["0"])
        harness.executor.runUntilIdle()
        harness.log.setFault { _ in .unavailable(reason: "disk full") }
        #expect(throws: LogError.self) { try harness.remove("t") }
        harness.log.setFault { _ in nil }
        harness.send(["1"])
        harness.executor.runUntilIdle()
        #expect(harness.cursor("t")?.next == 1)
        try harness.remove("t")
        #expect(harness.cursor("t")?.retiredAt != nil)
        try harness.apply(.sample("t"))
        harness.executor.runUntilIdle()
        #expect(harness.delivered(at: "http://s") == ["0", "1"])
    }
}

@Suite struct `Draining` {
    @Test func `waits for what is in flight, commits, and starts nothing new`() throws {
        let harness = DispatchHarness { _ in (.status(200), .seconds(2)) }
        try harness.start()
        var plan = try TriggerPlan.sample("t")
        plan.maxInFlight = 3
        try harness.apply(plan)
        harness.send((0..<10).map(String.init))
        harness.executor.run(for: .seconds(1))
        harness.drain(within: .seconds(30))
        #expect(harness.sink.attempts.count == 3)
        #expect(harness.cursor("t")?.open == (3..<10).map { Int64($0) })
        let second = harness.restarted()
        try second.start()
        try second.apply(plan)
        second.executor.runUntilIdle()
        #expect(second.delivered(at: "http://s") == (3..<10).map(String.init))
    }

    @Test func `gives up on what takes too long`() throws {
        let harness = DispatchHarness { _ in nil }
        try harness.start()
        try harness.apply(.sample("t"))
        harness.send(["1"])
        harness.executor.run(for: .seconds(1))
        let before = harness.executor.now
        harness.drain(within: .seconds(5))
        #expect(harness.executor.now - before == .seconds(5))
        #expect(harness.cursor("t")?.open == [0])
    }
}
