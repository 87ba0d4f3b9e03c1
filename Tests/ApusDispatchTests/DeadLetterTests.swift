import ApusDispatch
import ApusPorts
import ApusTesting
import CloudEvents
import Testing

@Suite struct `A dead letter` {
    @Test func `stays on the dead stream and tells why`() throws {
        let harness = DispatchHarness { _ in (.answered(Answer(status: 422, body: Array("bad".utf8))), .milliseconds(1)) }
        try harness.start()
        try harness.apply(.sample("t", retries: 3))
        harness.send(["1"])
        harness.executor.runUntilIdle()
        let event = try #require(harness.deadLetters.first)
        let letter = try #require(event.deadLetter)
        #expect(event.attributes.text(of: "id") == "1")
        #expect(letter.trigger == "t" && letter.position == Position(offset: 0) && letter.reason == .rejected)
        #expect(letter.attempts == 1 && letter.status == 422 && letter.body == Array("bad".utf8))
        #expect(letter.destination == "http://s")
        #expect(letter.firstAttemptAt == harness.sink.attempts.first?.startedAt)
        #expect(harness.deadLetters.count == 1)
        #expect(try harness.progress(of: "t").dead == 1)
        #expect(try harness.progress(of: "t").delivered == 0)
    }

    @Test func `goes to its trigger's sink with what went wrong, and its reply is ignored`() throws {
        let body = [UInt8](repeating: 65, count: 2000)
        let harness = DispatchHarness { attempt in
            attempt.destination == "http://s"
                ? (.answered(Answer(status: 400, body: body)), .milliseconds(1))
                : (.answered(Answer(status: 200, reply: .event(.sample("reply")))), .milliseconds(1))
        }
        try harness.start()
        try harness.apply(.sample("t", dls: "http://dls"), .sample("quiet", to: "http://dls-of-none", type: "none"))
        harness.send(["1"])
        harness.executor.runUntilIdle()
        let fed = harness.sink.attempts(at: "http://dls")
        #expect(fed.count == 1)
        let delivery = try #require(fed.first?.delivery)
        #expect(!delivery.wantsReply)
        #expect(delivery.added.map(\.name) == ["knativeerrordest", "knativeerrorcode", "knativeerrordata"])
        #expect(delivery.added[0].value.text == "http://s")
        #expect(delivery.added[1].value.text == "400")
        #expect(delivery.added[2].value == .binary([UInt8](repeating: 65, count: 1024)))
        #expect(delivery.record.event.attributes.text(of: "id") == "1")
        #expect(harness.log.records(.events).count == 1)
        #expect(harness.keepFrom(.dead) == 1)
    }

    @Test(arguments: [true, false]) func `that is purged is not tried at its sink, after a restart neither`(isRestarted: Bool)
        throws
    {
        var bounds = DispatchBounds()
        bounds.windowEvents = 1
        // `1` and `2` are purged while `0` is under way; `3` is marked, too, and not purged.
        var harness = DispatchHarness(bounds: bounds) { _ in (.status(200), .seconds(1)) }
        try harness.start()
        try harness.apply(.sample("t", dls: "http://dls"))
        harness.log.seed((0..<4).map { EventRecord.letter("\($0)", of: "t", at: Int64($0)) }, on: .dead)
        harness.executor.run(for: .milliseconds(100))
        let dispatcher = harness.dispatcher
        harness.executor.run { await dispatcher.putAside([1, 2]) }
        var change = CursorChange(stream: .dead)
        for (offset, state) in [(1, .purged), (2, .purged), (3, .failed)] as [(Int64, DeadLetterMark.State)] {
            let mark = DeadLetterMark(state, at: Timestamp(nanoseconds: 1))
            change.entries.append(StateEntry(key: StateKey.deadLetter(offset), value: mark.value))
        }
        harness.log.commit(change, receiver: Deaf(), token: 0)
        harness.executor.run(for: .milliseconds(200))
        #expect(harness.delivered(at: "http://dls") == ["0"])
        if isRestarted {
            harness = harness.restarted()
            try harness.start()
            try harness.apply(.sample("t", dls: "http://dls"))
        }
        harness.executor.runUntilIdle()
        #expect(harness.delivered(at: "http://dls") == ["0", "3"])
        #expect(harness.keepFrom(.dead) == 4)
    }

    @Test func `that is purged while it waits for its sink is not tried again`() throws {
        let harness = DispatchHarness { _ in (.status(503), .milliseconds(1)) }
        try harness.start()
        try harness.apply(.sample("t", retries: 1, delay: .seconds(60), dls: "http://dls"))
        harness.log.seed((0..<3).map { EventRecord.letter("\($0)", of: "t", at: Int64($0)) }, on: .dead)
        harness.executor.run(for: .seconds(1))
        let dispatcher = harness.dispatcher
        harness.executor.run { await dispatcher.putAside([1]) }
        harness.executor.runUntilIdle()
        #expect(harness.delivered(at: "http://dls") == ["0", "1", "2", "0", "2"])
        #expect(harness.keepFrom(.dead) == 3)
    }

    @Test func `without a body has no data attribute`() throws {
        let harness = DispatchHarness { attempt in (.status(attempt.destination == "http://s" ? 400 : 200), .milliseconds(1)) }
        try harness.start()
        try harness.apply(.sample("t", dls: "http://dls"))
        harness.send(["1"])
        harness.executor.runUntilIdle()
        let added = harness.sink.attempts(at: "http://dls").first?.delivery.added
        #expect(added?.map(\.name) == ["knativeerrordest", "knativeerrorcode"])
    }

    @Test func `is tried at its sink by the same policy, over restarts, and not buried again`() throws {
        let script: ScriptedSink.Script = { attempt in
            (.status(attempt.destination == "http://s" ? 400 : 503), .milliseconds(1))
        }
        let first = DispatchHarness(sink: script)
        let plan = try TriggerPlan.sample("t", retries: 3, delay: .seconds(100), dls: "http://dls")
        try first.start()
        try first.apply(plan)
        first.send(["1"])
        first.executor.run(for: .seconds(250))
        #expect(first.sink.attempts(at: "http://dls").count == 2)
        let second = first.restarted(sink: script)
        try second.start()
        try second.apply(plan)
        second.executor.runUntilIdle()
        #expect(second.sink.attempts(at: "http://dls").count == 2)
        #expect(second.sink.attempts(at: "http://s").isEmpty)
        #expect(second.deadLetters.count == 1)
        #expect(try second.progress(of: "t", .dead).dead == 1)
        #expect(second.cursor("t", .dead)?.parked == [])
    }

    @Test func `of one trigger is not another's`() throws {
        let harness = DispatchHarness { attempt in
            (.status(attempt.destination.contains("dls") ? 200 : 400), .milliseconds(1))
        }
        try harness.start()
        try harness.apply(.sample("a", dls: "http://dls-a"), .sample("b", dls: "http://dls-b"), .sample("c"))
        harness.send(["1", "2"])
        harness.executor.runUntilIdle()
        #expect(harness.deadLetters.count == 6)
        #expect(harness.delivered(at: "http://dls-a").sorted() == ["1", "2"])
        #expect(harness.delivered(at: "http://dls-b").sorted() == ["1", "2"])
    }
}

@Suite struct `A reply` {
    static func answering(_ id: String) -> (outcome: Outcome, after: Duration)? {
        (.answered(Answer(status: 200, reply: .event(.sample(id, ["type": "reply"])))), .milliseconds(1))
    }

    @Test(arguments: [true, false]) func `goes through the door and names its cause`(isAtomic: Bool) throws {
        let harness = DispatchHarness(isAtomic: isAtomic) { attempt in
            attempt.destination == "http://s" ? Self.answering("r") : (.status(200), .milliseconds(1))
        }
        try harness.start()
        try harness.apply(.sample("t", type: "test"), .sample("of-replies", to: "http://r", type: "reply"))
        harness.send(["1"], hops: 9)
        harness.executor.runUntilIdle()
        let reply = try #require(harness.log.records(.events).last?.event)
        #expect(harness.log.records(.events).count == 2)
        #expect(reply.attributes.text(of: "id") == "r")
        #expect(reply.hops == 8)
        #expect(reply.cause == Cause(trigger: "t", position: Position(offset: 0)))
        #expect(harness.delivered(at: "http://r") == ["r"])
        #expect(try harness.progress(of: "t").delivered == 1)
        #expect(harness.cursor("t")?.open == [])
    }

    @Test func `stops at its last hop and becomes a dead letter, and its cause is delivered`() throws {
        let harness = DispatchHarness { attempt in
            attempt.destination == "http://s" ? Self.answering("r") : (.status(200), .milliseconds(1))
        }
        try harness.start()
        try harness.apply(.sample("t", dls: "http://dls"))
        harness.send(["1"], hops: 3)
        harness.executor.runUntilIdle()
        #expect(harness.log.records(.events).map(\.event.hops) == [3, 2, 1])
        #expect(harness.deadLetters.count == 1)
        let letter = try #require(harness.deadLetters.first)
        #expect(letter.attributes.text(of: "id") == "r")
        #expect(letter.deadLetter?.reason == .hopsExhausted)
        #expect(letter.deadLetter?.position == Position(offset: 2))
        #expect(letter.cause == Cause(trigger: "t", position: Position(offset: 2)))
        #expect(try harness.progress(of: "t").delivered == 3)
        #expect(harness.delivered(at: "http://dls") == ["r"])
    }

    @Test func `that cannot be stored fails the attempt, where the log has no transactions`() throws {
        let harness = DispatchHarness(isAtomic: false) { _ in Self.answering("r") }
        try harness.start()
        try harness.apply(.sample("t", retries: 2, delay: .seconds(10), type: "test"))
        harness.log.setFault { operation in
            if case .append(let batch) = operation, batch.stream == .events { return .unavailable(reason: "away") }
            return nil
        }
        harness.send(["1"])
        harness.executor.run(for: .seconds(15))
        #expect(harness.sink.attempts.count == 2)
        harness.log.setFault { _ in nil }
        harness.executor.runUntilIdle()
        #expect(harness.sink.attempts.count == 3)
        #expect(harness.log.records(.events).count == 2)
    }

    @Test func `that cannot be stored now is stored later without another attempt, where the log has transactions`() throws {
        let harness = DispatchHarness { _ in Self.answering("r") }
        try harness.start()
        try harness.apply(.sample("t", type: "test"))
        harness.log.setFault { _ in .unavailable(reason: "disk full") }
        harness.send(["1"])
        harness.executor.run(for: .seconds(50))
        harness.log.setFault { _ in nil }
        harness.executor.runUntilIdle()
        #expect(harness.sink.attempts.count == 1)
        #expect(harness.log.records(.events).count == 2)
    }
}
