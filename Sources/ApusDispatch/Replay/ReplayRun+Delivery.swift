import ApusPorts
import ApusResources
import ApusTelemetry
import CloudEvents

// What becomes of an event once a lane has taken it: the effects of ``DeliveryMachine``.
extension ReplayRun {
    func attempt(_ lane: Int, _ slot: Int) {
        guard let plan = lanes[lane].plan, let destination = plan.destination else { return }
        let event = lanes[lane][slot]
        event.machine.begin(now: executor.now)
        event.destination = destination.url
        lanes[lane].inFlight += 1
        if let reply = lostReply(event) { return answered(lane, slot, by: reply) }
        let delivery = Delivery(
            record: event.record, destination: destination, timeout: plan.policy.timeout, namespace: plan.namespace,
            format: plan.policy.format,
            added: [Attribute(name: ReplayPlan.attribute, value: .string(self.plan.name))], wantsReply: !self.plan.isToURL)
        sink.deliver(delivery) { [self] outcome in
            assumeIsolated { $0.finished(lane, slot, outcome) }
        }
    }

    /// A dead letter that is a reply without hops: its event was delivered, so that the reply itself goes on its way again
    /// (promise 7).
    private func lostReply(_ event: OpenEvent) -> EventRecord? {
        guard plan.isRedrive, event.record.event.deadLetter?.reason == .hopsExhausted else { return nil }
        var reply = event.record.event
        reply.deadLetter = nil
        return reply
    }

    private func answered(_ lane: Int, _ slot: Int, by reply: EventRecord) {
        executor.execute { [weak self] in
            self?.assumeIsolated { $0.finished(lane, slot, .answered(Answer(status: 200, reply: .event(reply)))) }
        }
    }

    /// An attempt has ended.
    private func finished(_ lane: Int, _ slot: Int, _ outcome: Outcome) {
        guard !isStopped else { return }
        lanes[lane].inFlight -= 1
        if !lanes[lane].isGone { conclude(lane, slot, outcome) }
        queueTurn()
        checkQuiet()
    }

    private func conclude(_ lane: Int, _ slot: Int, _ outcome: Outcome) {
        let event = lanes[lane][slot]
        var outcome = outcome
        if plan.isToURL, case .answered(var answer) = outcome {
            answer.reply = .none
            outcome = .answered(answer)
        }
        let now = executor.now
        lanes[lane].note(ReplayAnswer(outcome), of: slot)
        switch event.machine.finished(outcome, on: terms(lane, event), now: now, using: &random) {
        case .settle:
            trace(lane, slot, .delivered)
            delivered(lane, slot)
        case .park(let dueAt): wait(lane, slot, until: dueAt)
        case .bury(let reason): giveUp(lane, slot, reason)
        case .reply(let reply): store(reply, of: lane, slot)
        case .buryReply(let reply):
            pending.letters.append(ReplayLetter(lane: lane, slot: slot, reply: reply))
            commit()
        case .abandon(let reason): giveUp(lane, slot, reason)
        case .again: preconditionFailure("an attempt that has ended is no write to be made again")
        }
    }

    /// A lost reply has no subscriber who could be asked again: its write is made again until it holds.
    private func terms(_ lane: Int, _ event: OpenEvent) -> DeliveryMachine.Terms {
        let isLostReply = lostReply(event) != nil
        return DeliveryMachine.Terms(
            retry: lanes[lane].plan?.policy.retry ?? RetryPolicy(), hops: isLostReply ? Limits.hopsMax : event.record.event.hops,
            stream: .events, isAtomic: isAtomic || isLostReply)
    }

    // MARK: Outcomes

    private func delivered(_ lane: Int, _ slot: Int) {
        retryNote = nil
        mark(lane, slot, .redriven)
        count(delivered: 1)
        lanes[lane].close(slot)
        armCommit()
    }

    func count(delivered: Int = 0, failed: Int = 0) {
        shown.delivered += delivered
        shown.failed += failed
        if delivered > 0 { deliveredEvents.add(delivered) }
        if failed > 0 { failedEvents.add(failed) }
    }

    /// The event waits for its retry in memory, and is held meanwhile.
    private func wait(_ lane: Int, _ slot: Int, until dueAt: Timestamp) {
        let event = lanes[lane][slot]
        trace(lane, slot, .retry(dueAt: dueAt))
        retryNote =
            "\(event.destination) \(lanes[lane].answer(slot).sentence); attempt \(event.machine.attempts + 1) of "
            + "\(event.record.position) is due at \(dueAt.rfc3339)."
        event.machine.parked()
        event.machine = DeliveryMachine(attempts: event.machine.attempts, firstAttemptAt: event.machine.firstAttemptAt)
        armRetry(lane, slot, dueAt)
        armCommit()
    }

    /// Looks at long waits in between, as a wall clock may be set.
    private func armRetry(_ lane: Int, _ slot: Int, _ dueAt: Timestamp) {
        let left = dueAt.elapsed(since: executor.now)
        schedule(after: min(left, bounds.timerMax)) { run in
            guard !run.lanes[lane].isGone else { return }
            if run.executor.now < dueAt { return run.armRetry(lane, slot, dueAt) }
            run.lanes[lane].retries.append(slot)
            run.queueTurn()
        }
    }

    private func giveUp(_ lane: Int, _ slot: Int, _ reason: DeadLetter.Reason) {
        let event = lanes[lane][slot]
        if plan.isRedrive {
            trace(lane, slot, .abandoned)
            mark(lane, slot, .failed)
            count(failed: 1)
            lanes[lane].close(slot)
            armCommit()
        } else if plan.isToURL, reason == .retriesExhausted {
            trace(lane, slot, .abandoned)
            let attempts = "\(event.machine.attempts) attempt\(event.machine.attempts == 1 ? "" : "s")"
            stop(
                "\(event.destination) \(lanes[lane].answer(slot).sentence) after \(attempts) of \(event.record.position), "
                    + "where resuming goes on; \(shown.delivered) were delivered before it.")
            lanes[lane].letGo(slot)
            commit()
        } else {
            pending.letters.append(ReplayLetter(lane: lane, slot: slot, reply: nil, reason: reason))
            commit()
        }
    }

    /// It stops for a subscriber that is not there; what was open stays open.
    private func stop(_ message: String) {
        guard shown.state == .running || shown.state == .paused else { return }
        report(LogMessage.replayFailed, message)
        end(.failed, message)
    }

    // MARK: Replies

    /// Puts a reply through the door. Where the log can, the settling of its cause is the same transaction.
    private func store(_ reply: EventRecord, of lane: Int, _ slot: Int) {
        let event = lanes[lane][slot]
        var reply = reply
        if lostReply(event) != nil { reply.hops = Limits.hopsMax } else { reply.cause = cause(lane, event) }
        var changes: CursorChange?
        if isAtomic {
            var change = CursorChange(stream: plan.stream)
            change.settle = [CursorChange.Mark(name: lanes[lane].name, offset: event.offset)]
            if let mark = markEntry(lane, slot, .redriven) { change.entries = [mark] }
            changes = change
        }
        replying += 1
        door.accept(reply: reply, changes: changes) { [weak self, executor] result in
            executor.execute { self?.assumeIsolated { $0.replied(lane, slot, result) } }
        }
    }

    /// What a reply is a reply to stands on the stream of events, whichever stream is replayed.
    func cause(_ lane: Int, _ event: OpenEvent) -> Cause {
        Cause(
            trigger: lanes[lane].plan?.name ?? "", position: event.record.event.deadLetter?.position ?? event.record.position)
    }

    private func replied(_ lane: Int, _ slot: Int, _ result: Result<Position, LogError>) {
        guard !isStopped else { return }
        replying -= 1
        defer {
            queueTurn()
            checkQuiet()
        }
        guard !lanes[lane].isGone else { return }
        let event = lanes[lane][slot]
        var error: LogError?
        switch result {
        case .success(let position):
            storeError = nil
            trace(lane, slot, .replied(position))
        case .failure(let failure):
            error = failure
            storeError = "A reply cannot be stored: \(failure.sentence)"
        }
        switch event.machine.stored(error, on: terms(lane, event), now: executor.now, using: &random) {
        case .settle: delivered(lane, slot)
        case .park(let dueAt): wait(lane, slot, until: dueAt)
        case .bury(let reason): giveUp(lane, slot, reason)
        case .again(let delay):
            waitingWrites += 1
            schedule(after: delay) { run in
                run.waitingWrites -= 1
                if !run.lanes[lane].isGone, case .reply(let reply)? = run.lanes[lane][slot].machine.openWrite {
                    run.store(reply, of: lane, slot)
                }
            }
        case .reply, .buryReply, .abandon: preconditionFailure("a reply that was stored is settled, given up or written again")
        }
    }

    // MARK: What is told

    /// One attempt, for the passport. It rides the next commit (promise 22).
    func trace(_ lane: Int, _ slot: Int, _ ending: DeliveryTrace.Ending) {
        let event = lanes[lane][slot]
        let answer = lanes[lane].answer(slot)
        let began = event.machine.lastAttemptAt ?? executor.now
        let isFailure =
            switch ending {
            case .delivered, .replied: false
            case .retry, .dead, .abandoned: true
            }
        pending.traces.append(
            DeliveryTrace(
                reader: lanes[lane].name, offset: event.offset, attempt: event.machine.attempts, beganAt: began,
                microseconds: executor.now.elapsed(since: began).nanosecondsHeld / 1000, status: answer.status,
                text: isFailure ? Array(answer.text.prefix(Limits.traceTextBytesMax)) : [], ending: ending))
    }

    /// What came of a dead letter; goes with the cursor that moves for it.
    private func mark(_ lane: Int, _ slot: Int, _ state: DeadLetterMark.State) {
        if let entry = markEntry(lane, slot, state) { pending.marks.append(entry) }
    }

    func markEntry(_ lane: Int, _ slot: Int, _ state: DeadLetterMark.State) -> StateEntry? {
        guard plan.isRedrive else { return nil }
        let event = lanes[lane][slot]
        let (before, answer) = (lanes[lane].mark(slot), lanes[lane].answer(slot))
        let mark = DeadLetterMark(
            selection.aside.contains(event.offset) ? .purged : state, at: executor.now, replay: plan.name,
            attempts: (before?.attempts ?? 0) + event.machine.attempts,
            status: answer.status,
            text: state == .failed ? String(decoding: answer.text.prefix(Limits.errorBodyBytesMax), as: UTF8.self) : nil,
            copy: before?.copy, original: before?.original)
        return StateEntry(key: StateKey.deadLetter(event.offset), value: mark.value)
    }
}

/// What came back of an attempt.
struct ReplayAnswer {
    /// The HTTP status; 0 where no whole answer came.
    var status = 0
    /// The answer's first bytes, what is wrong with it, or the transport error.
    var text: [UInt8] = []

    init() {}

    init(_ outcome: Outcome) {
        switch outcome {
        case .answered(let answer):
            status = answer.status
            if case .invalid(let sentence) = answer.reply { text = Array(sentence.utf8) } else { text = answer.body }
        case .failed(let sentence): text = Array(sentence.utf8)
        }
    }

    /// As the middle of a sentence.
    var sentence: String {
        if status != 0 { return "answered \(status)" }
        return "gave no answer (\(String(decoding: text.prefix(Limits.traceTextBytesMax), as: UTF8.self)))"
    }
}
