import ApusDispatch
import ApusPorts
import ApusResources
import ApusTesting
import CloudEvents
import Synchronization
import Testing

@Suite struct `A failed delivery` {
    static let ok: (outcome: Outcome, after: Duration)? = (.status(200), .milliseconds(1))

    @Test func `waits as its policy says, parked`() throws {
        let harness = DispatchHarness { attempt in (.status(attempt.number < 4 ? 500 : 200), .milliseconds(1)) }
        try harness.start()
        try harness.apply(.sample("t", retries: 5, delay: .seconds(100)))
        harness.send(["1"])
        harness.executor.run(for: .seconds(10))
        let parked = try #require(harness.cursor("t")?.parked.first)
        #expect(parked.attempts == 1)
        #expect(harness.cursor("t")?.open == [])
        #expect(try harness.progress(of: "t").nextDueAt == parked.dueAt)
        #expect(harness.keepFrom() == 0)
        harness.executor.runUntilIdle()
        let times = harness.sink.attempts.map(\.startedAt)
        let waits = zip(times, times.dropFirst()).map { $1.seconds(since: $0) }
        #expect(waits.map { Int($0) } == [100, 200, 300])
        #expect(harness.cursor("t")?.parked == [])
        #expect(harness.deadLetters.isEmpty)
        #expect(harness.keepFrom() == 1)
    }

    @Test func `holds up nothing behind it`() throws {
        let harness = DispatchHarness { attempt in
            attempt.record.position.offset == 0 && attempt.number < 3 ? (.status(503), .milliseconds(1)) : Self.ok
        }
        try harness.start()
        try harness.apply(.sample("t", retries: 3, delay: .seconds(86_400)))
        harness.send((0..<2000).map(String.init))
        harness.executor.run(for: .seconds(5))
        #expect(harness.delivered(at: "http://s").count == 2000)
        #expect(harness.log.durable.cursors[.events]?.shared == 2000)
        #expect(harness.executor.runUntilIdle())
        #expect(try harness.progress(of: "t").delivered == 2000)
    }

    @Test func `waits as long as the subscriber asks`() throws {
        let harness = DispatchHarness { attempt in
            attempt.number == 1
                ? (.answered(Answer(status: 429, retryAfter: .seconds(30))), .milliseconds(1)) : Self.ok
        }
        try harness.start()
        try harness.apply(.sample("t", retries: 1, delay: .seconds(1)))
        harness.send(["1"])
        harness.executor.runUntilIdle()
        let times = harness.sink.attempts.map(\.startedAt)
        #expect(times.count == 2)
        #expect(times[1] - times[0] >= .seconds(30))
    }

    @Test func `goes on after a restart with the attempts and the due time that were`() throws {
        let first = DispatchHarness { _ in (.status(500), .milliseconds(1)) }
        try first.start()
        try first.apply(.sample("t", retries: 2, delay: .seconds(1000)))
        first.send(["1"])
        first.executor.run(for: .seconds(1500))
        let parked = try #require(first.cursor("t")?.parked.first)
        #expect(parked.attempts == 2)

        let second = first.restarted(after: .seconds(60)) { _ in (.status(500), .milliseconds(1)) }
        try second.start()
        try second.apply(.sample("t", retries: 2, delay: .seconds(1000)))
        #expect(second.executor.runUntilIdle())
        #expect(second.sink.attempts.map(\.startedAt) == [parked.dueAt])
        let letter = try #require(second.deadLetters.first?.deadLetter)
        #expect(letter.attempts == 3)
        #expect(letter.reason == .retriesExhausted)
        #expect(letter.firstAttemptAt == first.sink.attempts.first?.startedAt)
        #expect(second.cursor("t")?.parked == [])
    }

    @Test func `stops its trigger where too many wait, and lets it go on`() throws {
        var bounds = DispatchBounds()
        bounds.windowEvents = 4
        bounds.parkedEvents = 10
        let harness = DispatchHarness(bounds: bounds) { attempt in
            attempt.number == 1 ? (.status(500), .milliseconds(1)) : Self.ok
        }
        try harness.start()
        try harness.apply(.sample("t", retries: 1, delay: .seconds(600)), .sample("other", to: "http://o"))
        harness.send((0..<100).map(String.init))
        harness.executor.run(for: .seconds(10))
        let progress = try harness.progress(of: "t")
        #expect(progress.stopped == .parkedFull)
        #expect(progress.parked >= 10 && progress.parked <= 14)
        harness.executor.runUntilIdle()
        #expect(try harness.progress(of: "t").delivered == 100)
        #expect(try harness.progress(of: "t").stopped == nil)
    }

    @Test func `that was parked and trimmed is lost, and said to be`() throws {
        let harness = DispatchHarness { _ in (.status(500), .milliseconds(1)) }
        try harness.start()
        try harness.apply(.sample("t", retries: 1, delay: .seconds(600)))
        harness.send(["1", "2"])
        harness.executor.run(for: .seconds(10))
        harness.log.forceTrim(.events, before: 2)
        harness.executor.runUntilIdle()
        #expect(try harness.progress(of: "t").lost == 2)
        #expect(harness.cursor("t")?.parked == [])
        #expect(harness.sink.attempts.count == 2)
    }

    @Test(arguments: [true, false]) func `stays open while nothing can be written`(isAtomic: Bool) throws {
        let harness = DispatchHarness(isAtomic: isAtomic) { attempt in
            attempt.record.position.offset == 0 ? (.status(400), .milliseconds(1)) : (.status(500), .milliseconds(1))
        }
        try harness.start()
        try harness.apply(.sample("t", retries: 1, delay: .seconds(1)))
        harness.log.setFault { _ in .unavailable(reason: "disk full") }
        harness.send(["1", "2"])
        harness.executor.run(for: .seconds(100))
        let progress = try harness.progress(of: "t")
        #expect(progress.open == 2)
        #expect(progress.lastError?.contains("disk full") == true)
        #expect(harness.sink.attempts.count == 2)
        harness.log.setFault { _ in nil }
        harness.executor.runUntilIdle()
        #expect(harness.deadLetters.count == 2)
        #expect(harness.sink.attempts.count == 3)
        #expect(try harness.progress(of: "t").lastError == nil)
        #expect(try harness.progress(of: "t").open == 0)
    }

    @Test func `is fetched again when the log could not be read`() throws {
        let harness = DispatchHarness { attempt in (.status(attempt.number == 1 ? 500 : 200), .milliseconds(1)) }
        harness.log.setCachedRecords(0)
        try harness.start()
        try harness.apply(.sample("t", retries: 1, delay: .seconds(1)))
        harness.send(["1"])
        harness.executor.run(for: .milliseconds(500))
        harness.log.setReadFault { .unavailable(reason: "i/o error") }
        harness.send(["2"])
        harness.executor.run(for: .seconds(20))
        #expect(try harness.progress(of: "t").lastError?.contains("i/o error") == true)
        harness.log.setReadFault { nil }
        harness.executor.runUntilIdle()
        #expect(try harness.progress(of: "t").delivered == 2)
    }

    @Test func `is passed by where its bytes are damaged, and counted as lost`() throws {
        let harness = DispatchHarness { _ in (.status(200), .milliseconds(1)) }
        harness.log.setCachedRecords(0)
        try harness.start()
        try harness.apply(.sample("t"))
        let reads = Mutex(0)
        harness.log.setReadFault {
            let isFirst = reads.withLock { count in
                count += 1
                return count == 1
            }
            return isFirst ? .corrupt(at: Position(offset: 0), detail: "the checksum is wrong") : nil
        }
        harness.send(["1", "2", "3"])
        harness.executor.runUntilIdle()
        #expect(harness.delivered(at: "http://s") == ["2", "3"])
        #expect(try harness.progress(of: "t").lost == 1)
    }
}

@Suite struct `An ordered trigger` {
    static func plan(delay: Duration = .seconds(60)) throws -> TriggerPlan {
        var plan = try TriggerPlan.sample("t", retries: 3, delay: delay)
        plan.order = .ordered(by: "partitionkey")
        return plan
    }

    static func send(_ harness: DispatchHarness, _ count: Int, keys: Int) {
        for number in 0..<count { harness.send(["\(number)"], ["partitionkey": "k\(number % keys)"]) }
    }

    /// Attempts of a key, in the order in which they were made; each must end before the next begins.
    static func check(_ harness: DispatchHarness) {
        var last: [String: (offset: Int64, end: Timestamp?)] = [:]
        for attempt in harness.sink.attempts {
            let key = attempt.record.event.attributes.text(of: "partitionkey") ?? ""
            let offset = attempt.record.position.offset
            if let last = last[key] {
                #expect(offset >= last.offset, "key \(key) went back from \(last.offset) to \(offset)")
                #expect(last.end.map { $0 <= attempt.startedAt } == true)
            }
            last[key] = (offset, attempt.finishedAt)
        }
    }

    @Test func `delivers one at a time for each key, in order`() throws {
        let harness = DispatchHarness { attempt in (.status(200), .milliseconds(10 + attempt.record.position.offset * 7 % 40)) }
        try harness.start()
        try harness.apply(Self.plan())
        Self.send(harness, 300, keys: 5)
        harness.executor.runUntilIdle()
        Self.check(harness)
        #expect(harness.sink.attempts.count == 300)
        #expect(harness.sink.inFlightMax(at: "http://s") == 5)
    }

    @Test func `holds up only the key that is stuck`() throws {
        var bounds = DispatchBounds()
        bounds.windowEvents = 8
        let harness = DispatchHarness(bounds: bounds) { attempt in
            attempt.record.position.offset == 0 && attempt.number < 4
                ? (.status(503), .milliseconds(1)) : (.status(200), .milliseconds(1))
        }
        try harness.start()
        try harness.apply(Self.plan())
        Self.send(harness, 300, keys: 3)
        harness.executor.run(for: .seconds(30))
        #expect(harness.sink.attempts.count == 201, "two keys of three, and one attempt of the stuck one")
        #expect(try harness.progress(of: "t").parked >= 90)
        harness.executor.runUntilIdle()
        Self.check(harness)
        #expect(try harness.progress(of: "t").delivered == 300)
        #expect(harness.cursor("t")?.parked == [])
    }

    @Test func `takes events without the key as one key`() throws {
        let harness = DispatchHarness { _ in (.status(200), .milliseconds(5)) }
        try harness.start()
        try harness.apply(Self.plan())
        harness.send((0..<20).map(String.init))
        harness.executor.runUntilIdle()
        #expect(harness.delivered(at: "http://s") == (0..<20).map(String.init))
        #expect(harness.sink.inFlightMax(at: "http://s") == 1)
    }

    @Test func `keeps its order over a restart`() throws {
        var bounds = DispatchBounds()
        bounds.windowEvents = 8
        let first = DispatchHarness(bounds: bounds) { attempt in
            attempt.record.position.offset == 0 ? (.status(503), .milliseconds(1)) : (.status(200), .milliseconds(1))
        }
        try first.start()
        try first.apply(Self.plan())
        Self.send(first, 60, keys: 3)
        first.executor.run(for: .seconds(30))
        let second = first.restarted(bounds: bounds)
        try second.start()
        try second.apply(Self.plan())
        second.executor.runUntilIdle()
        Self.check(second)
        let stuck = second.sink.attempts.filter { $0.record.event.attributes.text(of: "partitionkey") == "k0" }
        #expect(stuck.map(\.record.position.offset) == (0..<20).map { Int64($0 * 3) })
        #expect(second.cursor("t")?.parked == [])
    }

    @Test func `lets all go when it is ordered no more`() throws {
        var bounds = DispatchBounds()
        bounds.windowEvents = 8
        let harness = DispatchHarness(bounds: bounds) { attempt in
            attempt.record.position.offset == 0 ? (.status(503), .milliseconds(1)) : (.status(200), .milliseconds(1))
        }
        try harness.start()
        try harness.apply(Self.plan(delay: .seconds(3600)))
        Self.send(harness, 60, keys: 3)
        harness.executor.run(for: .seconds(30))
        try harness.apply(.sample("t", retries: 3, delay: .seconds(3600)))
        harness.executor.run(for: .seconds(30))
        #expect(try harness.progress(of: "t").delivered == 59)
        #expect(try harness.progress(of: "t").parked == 1)
    }
}
