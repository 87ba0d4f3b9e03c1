import ApusPorts
import ApusTelemetry
import CloudEvents
import Logging

// What becomes of an event once a trigger has taken it: the effects of ``DeliveryMachine``.
extension BrokerDispatcher {
    /// A reader takes a matching record into its window.
    func admit(_ record: LogRecord, _ reader: ReaderRun, _ run: StreamRun) {
        if reader.skips(record.position.offset) { return }
        reader.ledger.open(record.position.offset)
        markDirty(reader, run)
        reader.meters.matched.add()
        let event = OpenEvent(record: record, machine: DeliveryMachine(), isParked: false, key: reader.key(of: record))
        let slot = reader.events.insert(event)
        if let key = event.key, !reader.lanes.arrive(key, KeyLanes.Waiter(offset: event.offset, slot: slot)) { return }
        reader.fresh.append(slot)
        pump(reader, run)
    }

    /// Starts as many attempts as may be started, retries first.
    func pump(_ reader: ReaderRun, _ run: StreamRun) {
        guard reader.isLive, !isDraining, !isStopped, let destination = reader.plan?.destination else { return }
        fetchDue(reader, run)
        let most = reader.inFlightMax(bounds)
        while reader.inFlight < most, !(reader.retries.isEmpty && reader.fresh.isEmpty) {
            if let later = reader.bucket?.take(now: executor.now) {
                arm(reader, run, at: later)
                return
            }
            guard let slot = reader.retries.popFirst() ?? reader.fresh.popFirst() else { return }
            if passesPurged(slot, reader, run) { continue }
            attempt(slot, reader, run, to: destination)
        }
    }

    private func attempt(_ slot: Int, _ reader: ReaderRun, _ run: StreamRun, to destination: Destination) {
        guard let plan = reader.plan else { return }
        let event = reader.events[slot]
        let now = executor.now
        event.machine.begin(now: now)
        event.destination = destination.url
        reader.inFlight += 1
        reader.outstanding += 1
        reader.meters.inFlight.add(1)
        inFlight += 1
        if event.machine.attempts == 1 { queueWaitSeconds.observe(now.elapsed(since: event.record.appendedAt).inSeconds) }
        let isDeadLetter = run.stream == .dead
        let delivery = Delivery(
            record: event.record, destination: destination, timeout: plan.policy.timeout, namespace: plan.namespace,
            format: plan.policy.format, added: isDeadLetter ? event.record.event.deadLetter?.attributes ?? [] : [],
            wantsReply: !isDeadLetter)
        let (stream, id) = (run.stream, reader.id)
        sink.deliver(delivery) { [self] outcome in
            assumeIsolated { $0.finished(stream, id, slot, outcome) }
        }
    }

    /// An attempt has ended.
    private func finished(_ stream: Stream, _ id: Int, _ slot: Int, _ outcome: Outcome) {
        guard !isStopped else { return }
        let run = run(stream)
        let reader = run.reader(id)
        reader.inFlight -= 1
        reader.outstanding -= 1
        reader.meters.inFlight.add(-1)
        inFlight -= 1
        if reader.isRemoved {
            run.free(reader)
        } else {
            let now = executor.now
            let event = reader.events[slot]
            if let began = event.machine.lastAttemptAt {
                let nanoseconds = now.elapsed(since: began).nanosecondsHeld
                reader.meters.deliverySeconds.observe(Double(nanoseconds) / 1e9)
                event.microseconds = nanoseconds / 1000
            }
            event.status = outcome.status
            let action = event.machine.finished(outcome, on: terms(event, reader, run), now: now, using: &random)
            perform(action, slot, reader, run)
            pump(reader, run)
        }
        checkQuiet()
    }

    private func terms(_ event: OpenEvent, _ reader: ReaderRun, _ run: StreamRun) -> DeliveryMachine.Terms {
        DeliveryMachine.Terms(
            retry: reader.plan?.policy.retry ?? RetryPolicy(), hops: event.record.event.hops, stream: run.stream,
            isAtomic: isAtomic)
    }

    private func perform(_ action: DeliveryMachine.Action, _ slot: Int, _ reader: ReaderRun, _ run: StreamRun) {
        switch action {
        case .settle:
            delivered(reader)
            record(trace(of: reader.events[slot], reader, .delivered), run)
            close(slot, reader, run, isMarked: false)
        case .park(let dueAt):
            reader.meters.retried.add()
            record(trace(of: reader.events[slot], reader, .retry(dueAt: dueAt), hasFailed: true), run)
            if let key = reader.events[slot].key { reader.lanes.stick(key) }
            park(slot, dueAt: dueAt, reader, run)
            if reader.ledger.count >= reader.windowMax(bounds) { makeRoom(reader, run) }
        case .bury, .reply, .buryReply:
            write(action, slot, reader, run)
        case .abandon(let reason):
            let failure = reader.events[slot].machine.failure
            reader.dead += 1
            reader.meters.gaveUp(reason).add()
            logger.error(
                LogMessage.sinkGaveUp,
                metadata: [
                    LogKey.namespace: "\(namespace)", LogKey.broker: "\(broker)", LogKey.trigger: "\(reader.name)",
                    LogKey.position: "\(reader.events[slot].record.position)", LogKey.reason: "\(reason.rawValue)",
                    LogKey.status: "\(failure?.status ?? 0)",
                ])
            abandoned(reader.events[slot], reader, run)
            close(slot, reader, run, isMarked: false)
        case .again(let delay):
            reader.outstanding += 1
            let (stream, id) = (run.stream, reader.id)
            schedule(after: delay) { $0.writeAgain(stream, id, slot) }
        }
    }

    private func delivered(_ reader: ReaderRun) {
        reader.delivered += 1
        reader.meters.delivered.add()
    }

    // MARK: Durable outcomes

    private func writeAgain(_ stream: Stream, _ id: Int, _ slot: Int) {
        let run = run(stream)
        let reader = run.reader(id)
        reader.outstanding -= 1
        guard !reader.isRemoved else { return run.free(reader) }
        if let action = reader.events[slot].machine.openWrite { write(action, slot, reader, run) }
    }

    /// Dead letters and replies: where the log can, the settling of their cause is the same transaction.
    private func write(_ action: DeliveryMachine.Action, _ slot: Int, _ reader: ReaderRun, _ run: StreamRun) {
        let event = reader.events[slot]
        let token = WriteToken.event(reader: reader.id, slot: slot).number
        var changes: CursorChange?
        if isAtomic {
            changes = CursorChange(stream: run.stream)
            changes?.settle = [CursorChange.Mark(name: reader.name, offset: event.offset)]
            changes?.traces = [trace(of: event, reader, written: action, at: .ownRecord)]
        }
        reader.outstanding += 1
        writing += 1
        switch action {
        case .bury(let reason):
            var record = event.record.event
            record.deadLetter = event.deadLetter(reason, of: reader.name)
            log.append(AppendBatch(stream: .dead, records: [record], changes: changes, receiver: self, token: token))
        case .buryReply(var reply):
            reply.cause = Cause(trigger: reader.name, position: event.record.position)
            reply.deadLetter = event.deadLetter(.hopsExhausted, of: reader.name)
            log.append(AppendBatch(stream: .dead, records: [reply], changes: changes, receiver: self, token: token))
        case .reply(var reply):
            reply.cause = Cause(trigger: reader.name, position: event.record.position)
            door.accept(reply: reply, changes: changes) { [self] result in
                appended([AppendOutcome(token: token, result: result)])
            }
        case .settle, .park, .abandon, .again:
            preconditionFailure("nothing is written for this action")
        }
    }

    /// The write of a dead letter or a reply has ended.
    func stored(_ id: Int, _ slot: Int, _ result: Result<Position, LogError>) {
        writing -= 1
        let reader = events.reader(id)
        reader.outstanding -= 1
        guard !reader.isRemoved else { return events.free(reader) }
        let event = reader.events[slot]
        let written = event.machine.openWrite
        let error = result.failure
        if let error {
            reader.lastError = "An outcome cannot be stored: \(error)"
            report(error, LogMessage.outcomeNotStored, events, reader)
        } else {
            reader.lastError = nil
        }
        let now = executor.now
        let action = event.machine.stored(error, on: terms(event, reader, events), now: now, using: &random)
        switch action {
        case .settle:
            count(written, reader)
            // Where the log has transactions, the trace was in the one that stored the outcome.
            if !isAtomic, let written, case .success(let position) = result {
                record(trace(of: event, reader, written: written, at: position), events)
            }
            close(slot, reader, events, isMarked: isAtomic)
        default: perform(action, slot, reader, events)
        }
        pump(reader, events)
    }

    private func count(_ written: DeliveryMachine.Action?, _ reader: ReaderRun) {
        switch written {
        case .bury(let reason):
            reader.dead += 1
            reader.meters.gaveUp(reason).add()
        case .buryReply:
            delivered(reader)
            reader.dead += 1
            reader.meters.gaveUp(.hopsExhausted).add()
        default: delivered(reader)
        }
    }

    /// The event's outcome stands. `isMarked`: the log has settled it in the outcome's own transaction.
    func close(_ slot: Int, _ reader: ReaderRun, _ run: StreamRun, isMarked: Bool) {
        let event = reader.events[slot]
        if event.isParked {
            reader.parked.settle(event.offset)
            reader.retrying -= 1
            reader.meters.parked.set(reader.parked.count)
            if !isMarked {
                run.pending.settles.append((reader, event.offset))
                armCommit(run)
            }
        } else {
            reader.ledger.close(event.offset)
            markDirty(reader, run)
        }
        reader.events.remove(slot)
        if let key = event.key { advance(key, reader) }
        feedIfRoom(reader, run)
    }

    /// The next of a key has its turn.
    func advance(_ key: String, _ reader: ReaderRun) {
        guard let next = reader.lanes.depart(key) else { return }
        guard let slot = next.slot else { return reader.parked.promote(next.offset, now: executor.now) }
        let event = reader.events[slot]
        if event.machine.state == .ready { reader.fresh.append(slot) } else { event.isPromoted = true }
    }
}

extension OpenEvent {
    func deadLetter(_ reason: DeadLetter.Reason, of trigger: String) -> DeadLetter {
        DeadLetter(
            trigger: trigger, position: record.position, reason: reason, attempts: machine.attempts, destination: destination,
            status: machine.failure?.status ?? 0, body: machine.failure?.body ?? [],
            firstAttemptAt: machine.firstAttemptAt ?? record.appendedAt,
            lastAttemptAt: machine.lastAttemptAt ?? record.appendedAt)
    }
}

extension DeadLetter {
    /// What a dead letter sink is told (promise 17). Binary text is base64, so bytes of any kind are safe in a header.
    var attributes: [Attribute] {
        var added = [
            Attribute(name: "knativeerrordest", value: .uri(destination)),
            Attribute(name: "knativeerrorcode", value: .integer(Int32(clamping: status))),
        ]
        if !body.isEmpty { added.append(Attribute(name: "knativeerrordata", value: .binary(body))) }
        return added
    }
}
