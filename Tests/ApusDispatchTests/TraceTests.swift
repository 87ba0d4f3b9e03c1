import ApusDispatch
import ApusPorts
import ApusTelemetry
import ApusTesting
import BrokerMemory
import CloudEvents
import Testing

@Suite struct `A trace` {
    static let body = Array("no such thing".utf8)

    @Test func `of a delivery rides the cursor, and costs no commit of its own`() throws {
        let harness = DispatchHarness { _ in (.status(204), .milliseconds(7)) }
        try harness.start()
        try harness.apply(.sample("a", to: "http://a"), .sample("b", to: "http://b"))
        let before = harness.log.operations
        harness.send((0..<20).map(String.init))
        harness.executor.runUntilIdle()
        #expect(harness.log.operations == before + 1)
        let trace = DeliveryTrace(
            reader: "a", offset: 3, attempt: 1, beganAt: harness.sink.attempts(at: "http://a")[3].startedAt, microseconds: 7000,
            status: 204, ending: .delivered)
        #expect(harness.traces(of: 3).filter { $0.reader == "a" } == [trace])
        #expect((0..<20).allSatisfy { harness.traces(of: $0).count == 2 })
    }

    @Test(arguments: [true, false]) func `tells each attempt up to the dead letter`(isAtomic: Bool) throws {
        let harness = DispatchHarness(isAtomic: isAtomic) { attempt in
            switch attempt.number {
            case 1: (.failed("connection refused"), .milliseconds(2))
            case 2: (.answered(Answer(status: 503, body: [UInt8](repeating: 65, count: 1000))), .milliseconds(3))
            default: (.answered(Answer(status: 404, body: Self.body)), .milliseconds(4))
            }
        }
        try harness.start()
        try harness.apply(.sample("t", retries: 2, delay: .seconds(10)), .sample("none", type: "none"))
        harness.log.seed([.sample("other")], on: .dead)
        harness.send(["1"])
        harness.executor.run(for: .seconds(5))
        let parked = try #require(harness.cursor("t")?.parked.first)
        #expect(harness.traces(of: 0).map(\.ending) == [.retry(dueAt: try #require(parked.dueAt))])
        harness.executor.runUntilIdle()
        let traces = harness.traces(of: 0)
        #expect(traces.map(\.reader) == ["t", "t", "t"])
        #expect(traces.map(\.attempt) == [1, 2, 3])
        #expect(traces.map(\.status) == [0, 503, 404])
        #expect(traces.map(\.microseconds) == [2000, 3000, 4000])
        #expect(traces.map(\.beganAt) == harness.sink.attempts.map(\.startedAt))
        #expect(traces[0].text == Array("connection refused".utf8))
        #expect(traces[1].text == [UInt8](repeating: 65, count: Limits.traceTextBytesMax))
        #expect(traces[2].text == Self.body)
        #expect(traces[2].ending == .dead(Position(offset: 1)))
        #expect(harness.log.records(.dead)[1].event.deadLetter?.trigger == "t")
    }

    @Test(arguments: [true, false]) func `names the reply`(isAtomic: Bool) throws {
        let harness = DispatchHarness(isAtomic: isAtomic) { _ in
            (.answered(Answer(status: 200, body: Self.body, reply: .event(.sample("r", ["type": "reply"])))), .milliseconds(1))
        }
        try harness.start()
        try harness.apply(.sample("t", type: "test"))
        harness.send(["1", "2"])
        harness.executor.runUntilIdle()
        let replies = harness.log.records(.events).filter { $0.event.cause != nil }
        for reply in replies {
            let traces = harness.traces(of: try #require(reply.event.cause).position.offset)
            #expect(traces.map(\.ending) == [.replied(reply.position)])
            #expect(traces.map(\.status) == [200] && traces.map(\.text) == [[]])
        }
        #expect(replies.count == 2)
    }

    @Test(arguments: [true, false]) func `of a reply without hops names its dead letter, and nothing failed`(isAtomic: Bool)
        throws
    {
        let harness = DispatchHarness(isAtomic: isAtomic) { _ in
            (.answered(Answer(status: 200, body: Self.body, reply: .event(.sample("r")))), .milliseconds(1))
        }
        try harness.start()
        try harness.apply(.sample("t"))
        harness.send(["1"], hops: 1)
        harness.executor.runUntilIdle()
        #expect(harness.traces(of: 0).map(\.ending) == [.dead(Position(offset: 0))])
        #expect(harness.traces(of: 0).map(\.text) == [[]])
    }

    @Test func `of a reply that cannot be stored says so`() throws {
        let harness = DispatchHarness(isAtomic: false) { _ in
            (.answered(Answer(status: 200, reply: .event(.sample("r", ["type": "reply"])))), .milliseconds(1))
        }
        try harness.start()
        try harness.apply(.sample("t", retries: 1, delay: .seconds(10), type: "test"))
        harness.log.setFault { operation in
            if case .append(let batch) = operation, batch.stream == .events { return .unavailable(reason: "away") }
            return nil
        }
        harness.send(["1"])
        harness.executor.run(for: .seconds(5))
        harness.log.setFault { _ in nil }
        harness.executor.runUntilIdle()
        let traces = harness.traces(of: 0)
        #expect(traces.map(\.status) == [200, 200])
        #expect(traces.map(\.ending.isRetry) == [true, false])
        #expect(String(decoding: traces[0].text, as: UTF8.self).hasPrefix("The reply could not be stored: "))
        #expect(traces[1].ending == .replied(Position(offset: 1)))
    }

    @Test func `of an answer that is no event, as it claims, keeps its status and says why`() throws {
        let harness = DispatchHarness { _ in (.answered(Answer(status: 200, reply: .invalid("no id"))), .milliseconds(1)) }
        try harness.start()
        try harness.apply(.sample("t"))
        harness.send(["1"])
        harness.executor.runUntilIdle()
        #expect(harness.traces(of: 0).map(\.status) == [200])
        #expect(harness.traces(of: 0).map(\.text) == [Array("no id".utf8)])
        #expect(harness.deadLetters.first?.deadLetter?.status == 502)
    }

    @Test func `is not of an event that only waits behind its key`() throws {
        var bounds = DispatchBounds()
        bounds.windowEvents = 4
        let harness = DispatchHarness(bounds: bounds) { attempt in
            (.status(attempt.record.position.offset == 0 ? 503 : 200), .milliseconds(1))
        }
        try harness.start()
        try harness.apply(`An ordered trigger`.plan())
        `An ordered trigger`.send(harness, 12, keys: 1)
        harness.executor.run(for: .seconds(30))
        #expect(harness.cursor("t")?.parked.count ?? 0 > 3)
        #expect(harness.traces(of: 0).count == 1)
        #expect((1..<12).allSatisfy { harness.traces(of: $0).isEmpty })
    }

    @Test func `waits for the next commit where one has failed`() throws {
        let harness = DispatchHarness { attempt in (.status(attempt.record.position.offset == 0 ? 500 : 200), .milliseconds(1)) }
        try harness.start()
        try harness.apply(.sample("t", retries: 3, delay: .seconds(100)))
        harness.log.setFault { _ in .unavailable(reason: "disk full") }
        harness.send(["1", "2"])
        harness.executor.run(for: .seconds(5))
        harness.send(["3"])
        harness.executor.run(for: .seconds(5))
        #expect((0..<3).allSatisfy { harness.traces(of: $0).isEmpty })
        harness.log.setFault { _ in nil }
        harness.executor.run(for: .seconds(40))
        #expect((0..<3).map { harness.traces(of: $0).map(\.ending.isFinal) } == [[false], [true], [true]])
    }

    @Test func `is dropped where too many wait, the oldest first, and counted`() throws {
        var bounds = DispatchBounds()
        bounds.pendingTraces = 16
        let harness = DispatchHarness(bounds: bounds) { _ in (.status(200), .milliseconds(1)) }
        try harness.start()
        try harness.apply(.sample("t"))
        harness.log.setFault { _ in .unavailable(reason: "disk full") }
        for number in 0..<100 {
            harness.send(["\(number)"])
            harness.executor.run(for: .milliseconds(100))
        }
        harness.log.setFault { _ in nil }
        harness.executor.runUntilIdle()
        let traced = (0..<100).filter { !harness.traces(of: Int64($0)).isEmpty }
        #expect(traced.count <= 16 && traced.count >= 14)
        #expect(traced == Array(100 - traced.count..<100))
        #expect(harness.meters.counter(.tracesDropped, ["default", "b"]).value == 100 - traced.count)
        #expect(harness.cursor("t")?.open == [])
    }
}

@Suite struct `A log in memory` {
    private let log = MemoryLog { Timestamp(nanoseconds: 1) }

    @Test func `puts a batch's own position into the traces that ride it, and into no other`() async throws {
        var change = CursorChange(stream: .events)
        let endings: [DeliveryTrace.Ending] = [
            .dead(.ownRecord), .replied(.ownRecord), .dead(Position(offset: 9)), .delivered, .abandoned,
        ]
        change.traces = endings.map {
            DeliveryTrace(
                reader: "t", offset: 0, attempt: 1, beganAt: Timestamp(nanoseconds: 0), microseconds: 1, status: 0, ending: $0)
        }
        log.append(AppendBatch(stream: .dead, records: [.sample("0")], receiver: NoReceiver()))
        log.append(AppendBatch(stream: .dead, records: [.sample("1"), .sample("2")], changes: change, receiver: NoReceiver()))
        let own = Position(offset: 1)
        #expect(
            try await log.traces(.events, at: 0).map(\.ending)
                == [.dead(own), .replied(own), .dead(Position(offset: 9)), .delivered, .abandoned])
    }

    @Test func `keeps an entry that is there where it is asked to`() async throws {
        let key = StateKey.deadLetter(3)
        for (value, keeps) in [(1, true), (2, true), (3, false), (4, true)] as [(UInt8, Bool)] {
            var change = CursorChange(stream: .dead)
            change.entries = [StateEntry(key: key, value: [value], keepsExisting: keeps)]
            log.commit(change, receiver: NoReceiver(), token: 0)
            let kept: UInt8 = value < 3 ? 1 : 3
            #expect(try await log.entries(from: key, until: key + "0", limit: 1) == [StateEntry(key: key, value: [kept])])
        }
    }
}

@Suite struct `A dead letter sink that gives up` {
    static let script: ScriptedSink.Script = { attempt in
        attempt.destination == "http://dls"
            ? (.answered(Answer(status: 410, body: Array("gone".utf8))), .milliseconds(1)) : (.status(400), .milliseconds(1))
    }

    @Test func `marks the dead letter, in the change that settles it`() throws {
        let harness = DispatchHarness(sink: Self.script)
        try harness.start()
        try harness.apply(.sample("t", dls: "http://dls"))
        harness.send(["1"])
        harness.executor.runUntilIdle()
        let mark = try #require(harness.mark(of: Int64(0)))
        #expect(mark.state == .sinkFailed && mark.status == 410 && mark.text == "gone")
        #expect(harness.traces(of: 0, .dead).map(\.ending) == [.abandoned])
        #expect(harness.traces(of: 0, .dead).map(\.text) == [Array("gone".utf8)])
        let change = try #require(harness.log.changes.last { !$0.entries.isEmpty })
        #expect(change.stream == .dead && change.traces.count == 1 && change.shared == 1)
    }

    @Test func `leaves a mark as it is that was there before`() throws {
        let harness = DispatchHarness { attempt in
            attempt.destination == "http://dls" ? (.status(500), .seconds(10)) : Self.script(attempt)
        }
        try harness.start()
        try harness.apply(.sample("t", dls: "http://dls"))
        harness.send(["1"])
        harness.executor.run(for: .seconds(1))
        let redriven = DeadLetterMark(.redriven, at: harness.executor.now, replay: "r", attempts: 1, status: 200)
        var change = CursorChange(stream: .dead)
        change.entries = [StateEntry(key: StateKey.deadLetter(0), value: redriven.value)]
        harness.commit(change)
        harness.executor.runUntilIdle()
        #expect(harness.mark(of: Int64(0))?.state == .redriven)
        #expect(harness.traces(of: 0, .dead).map(\.ending) == [.abandoned])
    }

    @Test func `never had a changed copy`() throws {
        let harness = DispatchHarness(sink: Self.script)
        try harness.start()
        try harness.apply(.sample("t", dls: "http://dls"))
        harness.send(["1"])
        harness.executor.runUntilIdle()
        var copy = try #require(harness.deadLetters.first)
        copy.deadLetter?.reason = .edited
        harness.log.seed([copy], on: .dead)
        harness.executor.runUntilIdle()
        #expect(harness.sink.attempts(at: "http://dls").count == 1)
        // Nor by a reader that is behind.
        let second = harness.restarted(sink: Self.script)
        try second.start()
        var plan = try TriggerPlan.sample("t", dls: nil)
        try second.apply(plan)
        second.log.seed([copy], on: .dead)
        second.executor.runUntilIdle()
        plan.deadLetterSink = Destination(url: "http://dls")
        try second.apply(plan)
        second.executor.runUntilIdle()
        #expect(second.sink.attempts(at: "http://dls").isEmpty)
        #expect(try second.progress(of: "t", .dead).lag == 0)
    }
}
