import ApusDispatch
import ApusPorts
import ApusResources
import CloudEvents
import Testing

@Suite struct `A delivery` {
    var random = SeededGenerator(seed: 6)
    let now = Timestamp(nanoseconds: 1_000_000_000_000)

    func terms(
        retries: Int = 1, hops: UInt8 = 255, stream: ApusPorts.Stream = .events, isAtomic: Bool = true
    ) -> DeliveryMachine.Terms {
        .init(
            retry: RetryPolicy(retries: retries, backoff: .linear, delay: .seconds(5), jitter: 0), hops: hops, stream: stream,
            isAtomic: isAtomic)
    }

    @Test mutating func `settles when it is accepted`() {
        var machine = DeliveryMachine()
        machine.begin(now: now)
        #expect(machine.finished(.status(204), on: terms(), now: now, using: &random) == .settle)
        #expect(machine.state == .settled)
        #expect(machine.attempts == 1)
    }

    @Test mutating func `is parked when it fails and goes on with its attempts`() {
        var machine = DeliveryMachine()
        machine.begin(now: now)
        #expect(
            machine.finished(.status(503), on: terms(), now: now, using: &random)
                == .park(dueAt: now + .seconds(5)))
        #expect(machine.state == .parking)
        machine.parked()
        var resumed = DeliveryMachine(
            resuming: ParkedEvent(offset: 1, attempts: machine.attempts, dueAt: nil, firstAttemptAt: machine.firstAttemptAt))
        resumed.begin(now: now + .seconds(5))
        #expect(resumed.attempts == 2)
        #expect(resumed.firstAttemptAt == now)
        #expect(resumed.finished(.status(503), on: terms(), now: now, using: &random) == .bury(.retriesExhausted))
    }

    @Test mutating func `stays open while its dead letter is not stored`() {
        var machine = DeliveryMachine()
        machine.begin(now: now)
        #expect(machine.finished(.status(400), on: terms(), now: now, using: &random) == .bury(.rejected))
        for seconds in [1, 2, 4, 8, 16, 30, 30] {
            let action = machine.stored(.unavailable(reason: "disk full"), on: terms(), now: now, using: &random)
            #expect(action == .again(after: .seconds(seconds)))
            #expect(machine.openWrite == .bury(.rejected))
        }
        #expect(machine.stored(nil, on: terms(), now: now, using: &random) == .settle)
    }

    @Test mutating func `drops the answer's body from a dead letter that is too large`() {
        var machine = DeliveryMachine()
        machine.begin(now: now)
        _ = machine.finished(.answered(Answer(status: 400, body: [1])), on: terms(), now: now, using: &random)
        #expect(machine.failure?.body == [1])
        _ = machine.stored(.tooLarge(limit: 9), on: terms(), now: now, using: &random)
        #expect(machine.failure?.body == [])
    }

    @Test mutating func `hands its reply one hop less`() {
        var machine = DeliveryMachine()
        machine.begin(now: now)
        let answer = Answer(status: 200, reply: .event(.sample("r", hops: 255)))
        let action = machine.finished(.answered(answer), on: terms(hops: 2), now: now, using: &random)
        #expect(action == .reply(.sample("r", hops: 1)))
        #expect(machine.stored(nil, on: terms(), now: now, using: &random) == .settle)
    }

    @Test(arguments: [0, 1] as [UInt8]) func `buries a reply without hops`(hops: UInt8) {
        var random = random
        var machine = DeliveryMachine()
        machine.begin(now: now)
        let answer = Answer(status: 200, reply: .event(.sample("r")))
        let action = machine.finished(.answered(answer), on: terms(hops: hops), now: now, using: &random)
        #expect(action == .buryReply(.sample("r", hops: 0)))
    }

    @Test mutating func `waits for the store with its reply, where the two are one transaction`() {
        var machine = DeliveryMachine()
        machine.begin(now: now)
        let answer = Answer(status: 200, reply: .event(.sample("r")))
        _ = machine.finished(.answered(answer), on: terms(), now: now, using: &random)
        let action = machine.stored(.unavailable(reason: "full"), on: terms(), now: now, using: &random)
        #expect(action == .again(after: .seconds(1)))
    }

    @Test(arguments: [(false, LogError.unavailable(reason: "full")), (true, .tooLarge(limit: 1))])
    func `fails where its reply cannot be stored`(isAtomic: Bool, error: LogError) {
        var random = random
        var machine = DeliveryMachine()
        machine.begin(now: now)
        let answer = Answer(status: 200, reply: .event(.sample("r")))
        _ = machine.finished(.answered(answer), on: terms(), now: now, using: &random)
        let action = machine.stored(error, on: terms(isAtomic: isAtomic), now: now, using: &random)
        #expect(action == .park(dueAt: now + .seconds(5)))
    }

    @Test mutating func `of a dead letter is abandoned, and its reply ignored`() {
        var machine = DeliveryMachine()
        machine.begin(now: now)
        #expect(machine.finished(.status(400), on: terms(stream: .dead), now: now, using: &random) == .abandon(.rejected))
        var other = DeliveryMachine()
        other.begin(now: now)
        let answer = Answer(status: 200, reply: .event(.sample("r")))
        #expect(other.finished(.answered(answer), on: terms(stream: .dead), now: now, using: &random) == .settle)
    }
}
