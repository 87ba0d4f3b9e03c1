import ApusPorts
import ApusResources
import BrokerMemory
import CloudEvents
import EventFilters
import Testing

@testable import ApusHistory

/// What a trigger made of one event, from what is known of both.
@Suite struct `A trigger in a passport` {
    private let scene = PassportScene()
    private let no = FilterExpression.exact([AttributePredicate(name: "type", value: "other")])

    init() { scene.append("e1", ["region": "us"]) }

    @Test func `delivered it, at which attempt`() async throws {
        try scene.trigger("a")
        scene.trace("a", 0, 1, status: 503, text: "out of order", .retry(dueAt: PassportScene.start))
        scene.trace("a", 0, 2, .delivered)
        let verdict = try await scene.verdict()
        #expect(verdict.verdict == .delivered)
        #expect(verdict.reason == "delivered at the second attempt")
        #expect(verdict.attempts.map(\.status) == [503, 202])
    }

    @Test func `filtered it out, with the predicate and the value that it saw`() async throws {
        try scene.trigger("a", filters: [no])
        var verdict = try await scene.verdict()
        #expect(verdict.verdict == .filtered)
        #expect(verdict.reason == #"spec.filters[0].exact.type: type must be "other", was "t""#)
        scene.triggers = []
        try scene.trigger("b", filters: [.cesql("region = 'eu'")])
        verdict = try await scene.verdict()
        #expect(verdict.reason == #"spec.filters[0].cesql: region = 'eu' must be true, region was "us""#)
        scene.triggers = []
        try scene.trigger("c", filters: [.cesql("tier = 1")])
        verdict = try await scene.verdict()
        #expect(verdict.reason == "spec.filters[0].cesql: tier = 1 is an error: the event has no attribute tier")
        scene.triggers = []
        try scene.trigger("d", filters: [.not(.cesql("tier = 1")), no])
        verdict = try await scene.verdict()
        #expect(
            verdict.reason == #"spec.filters[1].exact.type: type must be "other", was "t"; "#
                + "spec.filters[0].not.cesql: tier = 1 is an error: the event has no attribute tier")
    }

    @Test func `waits for its retry, and says what came back last`() async throws {
        let due = PassportScene.start + .seconds(60)
        try scene.trigger(
            "a", standing: .parked(ParkedEvent(offset: 0, attempts: 2, dueAt: due, firstAttemptAt: PassportScene.start)))
        scene.trace("a", 0, 1, status: 0, text: "connection refused", .retry(dueAt: PassportScene.start))
        scene.trace("a", 0, 2, status: 503, text: "out of\norder", .retry(dueAt: due))
        let verdict = try await scene.verdict()
        #expect(verdict.verdict == .retrying)
        #expect(
            verdict.reason
                == "attempt 2 of 4 failed: 503 \"out of order\"; the next attempt is due at 2026-11-21T10:01:01.000Z")
        #expect(verdict.nextAttemptAt == due)
        #expect(verdict.hints == ["apus explain trigger a --effective"])
    }

    @Test func `has not come to it yet, and why`() async throws {
        for _ in 0..<4 { scene.append("more") }
        let cases: [(ReaderStop?, String)] = [
            (nil, "the trigger has not come to it yet; 3 events are before it"),
            (.paused, "the trigger is paused; 3 events are before it"),
            (.unresolved, "its subscriber is not resolved: Service \"x\" is not known here; 3 events are before it"),
            (.windowFull, "as many events are open as may; 3 events are before it"),
            (.parkedFull, "as many events wait for a retry as may, and it stopped reading; 3 events are before it"),
            (.notApplied, "the trigger does not run"),
        ]
        for (stop, reason) in cases {
            scene.triggers = []
            try scene.trigger("a", next: 1, stopped: stop, standing: .ahead)
            let verdict = try await scene.verdict(4)
            #expect(verdict.verdict == .waiting)
            #expect(verdict.reason == reason)
        }
    }

    @Test func `holds it open: it is being tried, waits for its turn, or behind its key`() async throws {
        try scene.trigger("a", annotations: [Annotation.orderBy: "region"], standing: .open(attempts: 1))
        try scene.trigger("b", annotations: [Annotation.orderBy: "region"], standing: .open(attempts: 0))
        try scene.trigger(
            "c", annotations: [Annotation.orderBy: "region"],
            standing: .parked(ParkedEvent(offset: 0, attempts: 0, dueAt: nil, key: "us")))
        let passport = try await scene.passport(0)
        #expect(passport.triggers.map(\.verdict) == [.trying, .waiting, .waiting])
        #expect(
            passport.triggers.map(\.reason) == [
                "attempt 1 of 4 is being made",
                "taken up and not tried yet: it may wait behind an earlier event whose region is \"us\" too",
                "waits behind an earlier event whose region is \"us\" too that has no outcome yet",
            ])
    }

    @Test(arguments: [
        (DeadLetter.Reason.rejected, "given up after 1 attempt, rejected: 503 \"out of order\" is not retried; dead letter 0:0"),
        (.retriesExhausted, "given up after 1 attempt, retries-exhausted: the last met 503 \"out of order\"; dead letter 0:0"),
    ])
    func `gave up on it`(reason: DeadLetter.Reason, sentence: String) async throws {
        try scene.trigger("a", sink: "http://dead.example/")
        let letter = scene.bury("a", 0, reason, attempts: 1, status: 503)
        scene.trace("a", 0, 1, status: 503, text: "out of order", .dead(letter))
        var verdict = try await scene.verdict()
        #expect(verdict.verdict == .dead)
        #expect(verdict.reason == sentence)
        #expect(verdict.letter?.fate == "its dead letter sink http://dead.example/ has not got it yet")
        #expect(verdict.hints == ["apus deadletters show 0:0 -b default", "apus deadletters redrive 0:0 -b default"])

        #expect(try await scene.passport(0).summary.hasSuffix("; `a` gave up on it."))

        scene.trace("a", 0, 1, .delivered, in: .dead)
        scene.trace("replay/fix", 0, 1, .delivered, in: .dead)
        scene.entry(
            StateKey.deadLetter(0), DeadLetterMark(.redriven, at: PassportScene.start, replay: "fix", attempts: 1).value)
        verdict = try await scene.verdict()
        #expect(
            verdict.letter?.fate
                == "redriven by fix on 2026-11-21T10:00:01.000Z; its dead letter sink http://dead.example/ took it")
        #expect(verdict.letter?.redrives.map(\.name) == ["fix"])
        #expect(try await scene.passport(0).summary.hasSuffix("; `a` gave up on it, and got it by a redrive."))
        #expect(verdict.hints == ["apus deadletters show 0:0 -b default"])
    }

    @Test func `replied, and the reply ran out of hops`() async throws {
        try scene.trigger("a")
        scene.trace("a", 0, 1, status: 200, .dead(scene.bury("a", 0, .hopsExhausted, attempts: 1, status: 200)))
        let passport = try await scene.passport(0)
        #expect(passport.triggers.map(\.verdict) == [.looped])
        #expect(
            passport.summary == "Event e1 came in at 2026-11-21T10:00:00.000Z as 0:0; delivered to its one trigger; "
                + "the reply to it by `a` ran out of hops.")
    }

    @Test func `began after it, met it with another filter, or lost what it knew`() async throws {
        for _ in 0..<9 { scene.append("more") }
        try scene.trigger("a")
        scene.mark("a", began: 2, filterSince: 5)
        let early = try await scene.verdict(1), other = try await scene.verdict(3), lost = try await scene.verdict(6)
        #expect(early.verdict == .notBegun)
        #expect(early.reason == "it came before the trigger began, at 0:2 on 2026-11-21T10:00:01.000Z")
        #expect(early.hints == ["apus replay --broker default --trigger a --from 1 --until 2"])
        #expect(other.verdict == .earlierFilter)
        #expect(
            other.reason == "it met an earlier filter and was not delivered by what is known; "
                + "the filter in force was first asked at 0:5, and would take it")
        #expect(lost.verdict == .detailsLost)
        #expect(lost.reason == "delivered, as the cursor passed it; details lost")
    }

    @Test func `does not run, or is not there any more`() async throws {
        try scene.trigger("a", standing: nil, problem: "the filter does not compile")
        scene.trace("gone", 0, 1, status: 503, .retry(dueAt: PassportScene.start))
        scene.trace("done", 0, 1, .delivered)
        let passport = try await scene.passport(0)
        #expect(passport.triggers.map(\.name) == ["a", "gone", "done"])
        #expect(passport.triggers.map(\.verdict) == [.waiting, .removed, .delivered])
        #expect(passport.triggers.map(\.isRemoved) == [false, true, true])
        #expect(passport.triggers[0].reason == "the trigger does not run: the filter does not compile")
        #expect(
            passport.triggers[1].reason == "tried, and the trigger was removed before it was done: the last attempt met 503")
    }
}

/// The whole of a passport.
@Suite struct `A passport` {
    private let scene = PassportScene()

    @Test func `tells the tree of replies, down to the last and up to the first cause`() async throws {
        try scene.trigger("a")
        try scene.trigger("b", filters: [.exact([AttributePredicate(name: "type", value: "other")])])
        scene.append("e0")
        for offset in Int64(1)...3 {
            scene.append("e\(offset)", cause: Cause(trigger: "a", position: Position(offset: offset - 1)))
            scene.trace("a", offset - 1, 1, status: 200, .replied(Position(offset: offset)))
        }
        scene.trace("a", 3, 1, .delivered)
        let passport = try await scene.passport(1)
        #expect(passport.ancestors.map(\.id) == ["e0"])
        #expect(passport.triggers.map(\.verdict) == [.replied, .filtered])
        guard case .event(let child)? = passport.triggers[0].reply, case .event(let last)? = child.triggers[0].reply else {
            Issue.record("the replies are not followed")
            return
        }
        #expect(child.id == "e2" && child.unlisted == 1 && child.triggers.map(\.name) == ["a"])
        #expect(last.id == "e3" && last.triggers.map(\.verdict) == [.delivered] && last.triggers[0].reply == nil)
        #expect(try await scene.passport(3).ancestors.map(\.id) == ["e0", "e1", "e2"])
    }

    @Test func `of a loop is bounded, and says where to go on`() async throws {
        try scene.trigger("a")
        scene.append("e0")
        for offset in Int64(1)...250 {
            scene.append("e\(offset)", cause: Cause(trigger: "a", position: Position(offset: offset - 1)))
            scene.trace("a", offset - 1, 1, status: 200, .replied(Position(offset: offset)))
        }
        var passport = try await scene.passport(0), levels = 0
        while case .event(let child)? = passport.triggers.first?.reply {
            passport = child
            levels += 1
        }
        #expect(levels == Limits.passportLevelsMax)
        #expect(
            passport.triggers.first?.reply
                == .notFollowed(Position(offset: 17), "the tree is not followed further: apus why 0:17 -b default"))
        #expect(try await scene.passport(250).ancestors.count == 250)
    }

    @Test func `tells what replays did with it`() async throws {
        try scene.trigger("a", filters: [.exact([AttributePredicate(name: "type", value: "other")])])
        scene.append("e1")
        scene.trace("replay/nightly/a", 0, 1, status: 503, text: "later", .retry(dueAt: PassportScene.start))
        scene.trace("replay/nightly/a", 0, 2, .delivered)
        scene.trace("replay/copy", 0, 1, status: 400, .abandoned)
        let passport = try await scene.passport(0)
        #expect(passport.replays.map(\.name) == ["nightly", "copy"])
        #expect(passport.replays.map(\.trigger) == ["a", nil])
        #expect(passport.replays.map(\.reason) == ["delivered at the second attempt", "gave up after 1 attempt: 400"])
        #expect(
            passport.summary == "Event e1 came in at 2026-11-21T10:00:00.000Z as 0:0; not delivered to its one trigger; "
                + "`a` filtered it out; replayed by `nightly`.")
    }

    @Test func `names a few of many triggers in its sentence`() async throws {
        scene.append("e1")
        for index in 0..<9 {
            try scene.trigger("t\(index)")
            if index < 2 { scene.trace("t\(index)", 0, 1, .delivered) }
        }
        scene.mark("t0", began: 0, filterSince: 0)
        let summary = try await scene.passport(0).summary
        #expect(
            summary == "Event e1 came in at 2026-11-21T10:00:00.000Z as 0:0; delivered to all 9 triggers; "
                + "what `t2`, `t3`, `t4`, `t5`, `t6` and 2 more did is lost.")
    }

    @Test func `is a document that can be read again, and moves no terminal's cursor`() async throws {
        try scene.trigger("a")
        scene.append("e1")
        scene.trace("a", 0, 1, status: 503, text: "\u{1b}[2J\"", .retry(dueAt: PassportScene.start))
        // U+009B begins a sequence alone; what is text is shown as it came, its line ends escaped.
        scene.trace("a", 0, 2, status: 503, text: "\u{9b}2J", .retry(dueAt: PassportScene.start))
        scene.trace("a", 0, 3, status: 503, text: "out\r\nof \"order\"", .retry(dueAt: PassportScene.start))
        let text = try await scene.passport(0).document.json()
        #expect(try JSONReader.document(Array(text.utf8)).json() == text)
        #expect(text.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) })
        for answer in [#"{"base64":"G1sySiI="}"#, #"{"base64":"wpsySg=="}"#, #"{"text":"out\r\nof \"order\""}"#] {
            #expect(text.contains("\"answer\":" + answer))
        }
    }

    @Test func `knows an outcome whose trace waits for its commit`() async throws {
        try scene.trigger("a")
        scene.append("e1")
        scene.trace("a", 0, 1, status: 503, .retry(dueAt: PassportScene.start))
        let last = PassportScene.attempt("a", 0, 2, .delivered)
        scene.unstored = [last]
        #expect(try await scene.passport(0).triggers.map(\.verdict) == [.delivered])
        #expect(try await scene.passport(0).triggers.map(\.reason) == ["delivered at the second attempt"])
        // It became durable between the two questions.
        scene.trace("a", 0, 2, .delivered)
        #expect(try await scene.passport(0).triggers.first?.attempts.map(\.attempt) == [1, 2])
    }

    @Test(arguments: [
        DeliveryStanding.open(attempts: 1), .passed,
        .parked(ParkedEvent(offset: 0, attempts: 1, dueAt: PassportScene.start, firstAttemptAt: PassportScene.start)),
    ])
    func `is right where the outcome comes while it is asked`(standing: DeliveryStanding) async throws {
        try scene.trigger("a", standing: standing)
        scene.append("e1")
        scene.trace("a", 0, 1, status: 503, .retry(dueAt: PassportScene.start))
        let log = scene.log
        scene.whenAsked = {
            var change = CursorChange(stream: .events)
            change.traces = [PassportScene.attempt("a", 0, 2, .delivered)]
            log.commit(change, receiver: LogNobody(), token: 0)
        }
        let verdict = try await scene.verdict()
        #expect(verdict.reason == "delivered at the second attempt")
    }
}
