import ApusDispatch
import ApusPorts
import ApusResources
import ApusTesting
import CloudEvents
import EventFilters
import Testing

@Suite struct `A replay's life` {
    @Test func `pauses durably and resumes where it was`() throws {
        let harness = ReplayHarness()
        harness.send(0..<6)
        let run = try harness.started(.sample(harness, rate: 1))
        harness.executor.run(for: .milliseconds(2500))
        harness.executor.start { await run.pause() }
        harness.executor.run(for: .seconds(60))
        #expect(harness.delivered() == ["0", "1", "2"])
        #expect(harness.progress(run).state == .paused)
        #expect(try harness.stored()?.state == .paused)

        let second = harness.restarted()
        let again = try second.started(.sample(second, rate: 1))
        second.executor.run(for: .seconds(60))
        #expect(second.sink.attempts.isEmpty)
        second.executor.start { await again.resume() }
        second.executor.runUntilIdle()
        #expect(second.delivered() == ["3", "4", "5"])
        #expect(second.progress(again).state == .completed)
        #expect(second.progress(again).delivered == 6)
    }

    @Test func `that is asked to pause before it starts sends nothing until it is resumed`() throws {
        let harness = ReplayHarness()
        harness.send(0..<3)
        let run = harness.make(try .sample(harness))
        harness.executor.start {
            await run.pause()
            try? await run.start()
        }
        harness.executor.runUntilIdle()
        #expect(harness.sink.attempts.isEmpty)
        #expect(harness.progress(run).state == .paused)
        harness.executor.start { await run.resume() }
        harness.executor.runUntilIdle()
        #expect(harness.delivered().count == 3)
    }

    @Test func `is cancelled for good, what is in flight keeps its outcome, and nothing of its readers is left`() throws {
        let harness = ReplayHarness { _ in (.status(200), .seconds(3)) }
        harness.send(0..<6)
        let run = try harness.started(.sample(harness, maxInFlight: 2))
        harness.executor.run(for: .seconds(4))
        let executor = harness.executor
        executor.run { await run.cancel(within: .seconds(5)) }
        #expect(try harness.stored()?.state == .cancelled)
        harness.executor.start { await run.resume() }
        harness.executor.runUntilIdle()
        #expect(harness.delivered() == ["0", "1", "2", "3"])
        #expect(try harness.stored()?.delivered == 4)
        #expect(harness.readers == [])
        #expect(harness.executor.run { await run.keepFrom(.events) } == nil)
        let second = harness.restarted()
        #expect(try second.finished(.sample(second)).state == .cancelled)
        #expect(second.sink.attempts.isEmpty)
    }

    @Test func `goes on after a drain, and nothing is sent twice`() throws {
        let harness = ReplayHarness { _ in (.status(200), .milliseconds(300)) }
        harness.send(0..<9)
        let run = try harness.started(.sample(harness, maxInFlight: 2))
        harness.executor.run(for: .milliseconds(700))
        harness.executor.run { await run.drain(within: .seconds(5)) }
        harness.executor.runUntilIdle()
        let sent = harness.delivered().count
        #expect(sent == 6)
        #expect(try harness.stored()?.state == .running)
        let second = harness.restarted()
        #expect(try second.finished(.sample(second, maxInFlight: 2)).delivered == 9)
        #expect(second.delivered() == ["6", "7", "8"])
    }

    @Test func `begins anew where what is stored is of another replay of its name`() throws {
        let harness = ReplayHarness()
        harness.send(0..<4)
        let run = try harness.started(.sample(harness, uid: "first", rate: 1))
        harness.executor.run(for: .milliseconds(1500))
        harness.executor.run { await run.drain(within: .seconds(1)) }
        let second = harness.restarted()
        let progress = try second.finished(.sample(second, uid: "second", from: 1))
        #expect(second.delivered() == ["1", "2", "3"])
        #expect(progress.uid == "second")
        #expect(progress.delivered == 3)
    }

    @Test func `keeps the bounds that it began with`() throws {
        let harness = ReplayHarness()
        harness.send(0..<4)
        let run = try harness.started(.sample(harness, rate: 1))
        harness.executor.run(for: .milliseconds(1500))
        harness.executor.run { await run.drain(within: .seconds(1)) }
        let second = harness.restarted()
        second.send(4..<9)
        #expect(try second.finished(.sample(second)).until == 4)
        #expect(second.delivered() == ["2", "3"])
    }

    @Test func `to a URL that is down stops by its own policy, says how far it came, and goes on when it is resumed`() throws {
        let harness = ReplayHarness { attempt in
            let isDown = attempt.record.position.offset == 2 && attempt.number <= 3
            return (isDown ? .failed("connection refused") : .status(200), .milliseconds(1))
        }
        harness.send(0..<5)
        let run = try harness.started(.sample(harness, to: ReplayPlan.url(retries: 2)))
        harness.executor.runUntilIdle()
        let progress = harness.progress(run)
        #expect(progress.state == .failed)
        #expect(
            progress.message
                == "http://s gave no answer (connection refused) after 3 attempts of 0:2, where resuming goes on; "
                + "2 were delivered before it.")
        #expect(progress.delivered == 2)
        #expect(progress.failed == 0)
        #expect(progress.next == 2)
        #expect(progress.endedAt != nil)
        #expect(harness.log.records(.dead).isEmpty)
        #expect(harness.executor.run { await run.keepFrom(.events) } == 2)
        #expect(try harness.stored()?.state == .failed)

        let second = harness.restarted()
        let again = try second.started(.sample(second, to: ReplayPlan.url()))
        second.executor.runUntilIdle()
        #expect(second.sink.attempts.isEmpty)
        second.executor.start { await again.resume() }
        second.executor.runUntilIdle()
        #expect(second.delivered() == ["2", "3", "4"])
        #expect(second.progress(again).state == .completed)
        #expect(second.progress(again).matched == 5)

        harness.executor.start { await run.resume() }
        harness.executor.runUntilIdle()
        #expect(harness.progress(run).state == .completed)
        #expect(harness.delivered() == ["0", "1", "2", "2", "2", "2", "3", "4"])
    }

    @Test func `to a URL counts what it refuses, as dead letters of its own, and wants no reply`() throws {
        let harness = ReplayHarness { attempt in
            let isRefused = attempt.record.position.offset == 1
            let answer = Answer(status: isRefused ? 400 : 200, reply: isRefused ? .none : .event(.sample("re")))
            return (.answered(answer), .milliseconds(1))
        }
        harness.send(0..<3)
        let progress = try harness.finished(.sample(harness, to: ReplayPlan.url()))
        #expect(progress.state == .completed)
        #expect(progress.delivered == 2)
        #expect(progress.failed == 1)
        #expect(harness.log.records(.dead).map(\.event.deadLetter?.trigger) == ["Replay/r"])
        #expect(harness.sink.attempts.allSatisfy { !$0.delivery.wantsReply })
        #expect(harness.log.records(.events).count == 3)
    }

    @Test func `fails where its range is trimmed before it came there, and names the gap`() throws {
        let harness = ReplayHarness(bounds: .pages(of: 5))
        harness.send(0..<100)
        harness.log.setCachedRecords(0)
        let run = try harness.started(.sample(harness, rate: 5))
        harness.executor.run(for: .milliseconds(500))
        harness.log.forceTrim(.events, before: 91)
        harness.executor.runUntilIdle()
        let progress = harness.progress(run)
        #expect(progress.state == .failed)
        #expect(progress.message == "positions 0:5 to 0:90 were trimmed before they were replayed")
        #expect(harness.delivered() == ["0", "1", "2", "3", "4"])
        #expect(harness.executor.run { await run.keepFrom(.events) } == nil)
    }

    @Test func `fails after a restart where what was open is trimmed`() throws {
        let harness = ReplayHarness { _ in nil }
        harness.send(0..<10)
        let run = try harness.started(.sample(harness, maxInFlight: 2))
        harness.executor.run(for: .seconds(1))
        #expect(harness.progress(run).matched == 2)
        let second = harness.restarted()
        second.log.forceTrim(.events, before: 1)
        let progress = try second.finished(.sample(second, from: 0, maxInFlight: 2))
        #expect(progress.state == .failed)
        #expect(progress.message == "positions 0:0 to 0:0 were trimmed before they were replayed")
    }

    @Test func `keeps what it needs from the retention, as it is durable`() throws {
        let harness = ReplayHarness { _ in (.status(200), .milliseconds(200)) }
        harness.send(0..<10)
        let plan = try ReplayPlan.sample(harness, from: 2)
        let run = harness.make(plan)
        #expect(harness.executor.run { await run.keepFrom(.events) } == 2)
        #expect(harness.executor.run { await run.keepFrom(.dead) } == nil)
        harness.executor.start { try? await run.start() }
        harness.executor.run(for: .seconds(1))
        let pin = try #require(harness.executor.run { await run.keepFrom(.events) })
        let row = try #require(harness.log.durable.cursors[.events]?.readers["replay/r/t"])
        #expect(pin == min(row.open.first ?? .max, row.next ?? .max))
        #expect((4...7).contains(pin))
        harness.executor.runUntilIdle()
        #expect(harness.executor.run { await run.keepFrom(.events) } == nil)
    }

    @Test func `waits while its store fails, says so, and goes on`() throws {
        let harness = ReplayHarness { _ in (.status(200), .milliseconds(50)) }
        harness.send(0..<50)
        let run = try harness.started(.sample(harness))
        harness.log.setFault { _ in .unavailable(reason: "disk full") }
        harness.executor.run(for: .seconds(60))
        let sent = harness.sink.attempts.count
        #expect(sent < 6)
        #expect(harness.progress(run).message == "The progress cannot be stored: The log cannot be used now: disk full.")
        harness.log.setFault { _ in nil }
        harness.executor.runUntilIdle()
        #expect(harness.progress(run).state == .completed)
        #expect(harness.progress(run).message == nil)
        #expect(harness.delivered().count == 50)
    }

    @Test func `that is cancelled while its store fails keeps nobody waiting, and is cancelled when the store takes it`() throws {
        let harness = ReplayHarness { _ in (.status(200), .seconds(1)) }
        harness.send(0..<5)
        let run = try harness.started(.sample(harness))
        harness.log.setFault { _ in .unavailable(reason: "disk full") }
        harness.executor.run(for: .seconds(10))
        let (executor, before) = (harness.executor, harness.executor.now)
        executor.run { await run.cancel(within: .seconds(5)) }
        #expect(executor.now.elapsed(since: before) <= .seconds(6))
        #expect(try harness.stored()?.state == .running)
        harness.log.setFault { _ in nil }
        executor.runUntilIdle()
        #expect(try harness.stored()?.state == .cancelled)
        #expect(harness.readers == [])
    }

    @Test func `has failed where none of its triggers is there any more after a restart`() throws {
        let harness = ReplayHarness()
        harness.send(0..<3)
        let plan = try ReplayPlan.sample(harness, rate: 1)
        let run = try harness.started(plan)
        harness.executor.run(for: .milliseconds(100))
        harness.executor.run { await run.drain(within: .seconds(1)) }
        let second = harness.restarted()
        var other = plan
        other.target = .triggers([try .sample("later")])
        let progress = try second.finished(other)
        #expect(progress.state == .failed)
        #expect(progress.message == "The triggers that it goes to were removed.")
        #expect(second.sink.attempts.isEmpty)
    }

    @Test func `that could not begin yet begins whole, and is another's of its name no longer`() throws {
        let harness = ReplayHarness()
        harness.send(0..<3)
        let log = harness.log, now = harness.executor.now
        for uid in ["older", "u"] {
            try harness.executor.run { () async -> Result<Void, LogError> in
                do throws(LogError) {
                    return .success(try await ReplayRun.reserve("r", uid: uid, from: 0, until: 3, at: now, in: log))
                } catch { return .failure(error) }
            }.get()
            #expect(try harness.stored()?.state == .pending)
        }
        #expect(try harness.finished(.sample(harness)).state == .completed)
        #expect(harness.delivered() == ["0", "1", "2"])
    }

    @Test func `owes what an earlier one of its name has settled after it was forgotten`() throws {
        let harness = ReplayHarness()
        harness.send(0..<4)
        var change = CursorChange(stream: .events)
        change.settle = [CursorChange.Mark(name: .replay("r", trigger: "t"), offset: 2)]
        harness.log.commit(change, receiver: Deaf(), token: 0)
        harness.executor.run(for: .milliseconds(100))
        let run = try harness.started(.sample(harness, rate: 1))
        harness.executor.run(for: .milliseconds(500))
        #expect(harness.progress(run).delivered == 1)
        let second = harness.restarted()
        #expect(try second.finished(.sample(second)).state == .completed)
        #expect(second.delivered() == ["1", "2", "3"])
    }

    @Test func `is forgotten with all its rows`() throws {
        let harness = ReplayHarness()
        harness.send(0..<9)
        let run = try harness.started(.sample(harness, rate: 1))
        harness.executor.run { await run.drain(within: .seconds(1)) }
        #expect(harness.readers == ["replay/r/t"])
        let log = harness.log
        harness.executor.run { try? await ReplayRun.forget("r", in: log) }
        #expect(harness.readers == [])
        #expect(try harness.stored() == nil)
    }
}

extension DispatchBounds {
    static func pages(of records: Int) -> DispatchBounds {
        var bounds = DispatchBounds()
        bounds.pageRecords = records
        bounds.retryRecords = records
        return bounds
    }
}
