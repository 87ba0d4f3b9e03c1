package import ApusPorts
import ApusResources
import ApusTelemetry
import CloudEvents

/// What is to be written of a replay besides its readers' rows and its entry.
struct ReplayPending {
    var traces: [DeliveryTrace] = []
    var marks: [StateEntry] = []
    /// Dead letters that are to be written; their events are open until they are.
    var letters: [ReplayLetter] = []
    /// Rows of readers that are gone.
    var removed: [ReaderName] = []

    var isEmpty: Bool { traces.isEmpty && marks.isEmpty && letters.isEmpty && removed.isEmpty }
    var count: Int { traces.count + letters.count }

    /// What was not written goes before what came meanwhile.
    mutating func takeBack(_ older: ReplayPending) {
        traces = older.traces + traces
        marks = older.marks + marks
        letters = older.letters + letters
        removed = older.removed + removed
    }
}

/// A dead letter that is to be written for the event in a lane's slot.
struct ReplayLetter {
    var lane: Int
    var slot: Int
    /// The subscriber's reply, where that has no hops left; nil where the event itself was given up.
    var reply: EventRecord?
    var reason = DeadLetter.Reason.hopsExhausted
}

/// What the write carries that is on its way.
struct ReplayFlight {
    var carried = ReplayPending()
    /// The progress and the rows that are written; nil where it is dead letters alone.
    var progress: ReplayProgress?
    var rows: [(lane: Int, row: CursorChange.Reader)] = []
    /// Whether it takes the rows of all readers away: nobody goes on from them any more.
    var removesRows = false
    var letters: [ReplayLetter] { carried.letters }
}

// One write is on its way at a time: cursors, progress, traces, marks and, where the log can, dead letters are durable together.
extension ReplayRun {
    /// Commits within ``DispatchBounds/commitMilliseconds``; while the run drains, as soon as it can.
    func armCommit() {
        guard !isCommitTimed, flight == nil, !isStopped else { return }
        isCommitTimed = true
        var delay = Duration.milliseconds(isDraining ? 0 : bounds.commitMilliseconds)
        if let notBefore = commitNotBefore { delay = max(delay, notBefore.elapsed(since: executor.now)) }
        schedule(after: delay) { run in
            run.isCommitTimed = false
            run.commit()
            run.checkQuiet()
        }
    }

    /// Writes what there is to write.
    func commit() {
        guard isStarted, flight == nil, !isStopped else { return }
        guard isDirty else { return recovered() }
        if let notBefore = commitNotBefore, executor.now < notBefore { return armCommit() }
        var carried = takePending()
        guard carried.letters.isEmpty || isAtomic else {
            var letters = ReplayPending()
            letters.letters = carried.letters
            carried.letters = []
            pending.takeBack(carried)
            flight = ReplayFlight(carried: letters)
            return append(letters.letters, nil)
        }
        let (change, made) = change(of: carried)
        flight = made
        if carried.letters.isEmpty { cursors.commit(change, receiver: self, token: 0) } else { append(carried.letters, change) }
    }

    private func append(_ letters: [ReplayLetter], _ change: CursorChange?) {
        log.append(AppendBatch(stream: .dead, records: letters.map { record(of: $0) }, changes: change, receiver: self))
    }

    private func takePending() -> ReplayPending {
        var taken = pending
        let letters = pending.letters
        var bytes = 0
        let room = letters.prefix(lettersAtOnce).prefix { letter in
            defer { bytes += lanes[letter.lane][letter.slot].record.event.sizeBytes }
            return bytes < Limits.batchBytesMax
        }
        taken.letters = Array(room)
        taken.marks = taken.marks.map(keepingPurge)
        pending = ReplayPending()
        pending.letters = Array(letters.dropFirst(room.count))
        return taken
    }

    /// What a person has purged meanwhile stays so, whatever came of it.
    private func keepingPurge(_ entry: StateEntry) -> StateEntry {
        guard !selection.aside.isEmpty, let offset = StateKey.deadLetterOffset(entry.key), selection.aside.contains(offset),
            var mark = entry.value.flatMap(DeadLetterMark.init)
        else { return entry }
        mark.state = .purged
        return StateEntry(key: entry.key, value: mark.value)
    }

    private func change(of carried: ReplayPending) -> (CursorChange, ReplayFlight) {
        var change = CursorChange(stream: plan.stream)
        var flight = ReplayFlight(carried: carried)
        var progress = current
        for letter in carried.letters { progress.count(letter) }
        let slots = Dictionary(grouping: carried.letters, by: \.lane).mapValues { $0.map(\.slot) }
        change.remove = carried.removed
        if shown.isOver {
            flight.removesRows = isSettled
            if isSettled { change.remove += lanes.filter { $0.durableRow != nil && !$0.isGone }.map(\.name) }
        } else {
            for index in lanes.indices where (lanes[index].isDirty || slots[index] != nil) && !lanes[index].isGone {
                lanes[index].isDirty = false
                let row = lanes[index].row(closing: slots[index] ?? [])
                change.readers.append(row)
                flight.rows.append((index, row))
            }
        }
        change.traces = carried.traces
        let redriven = carried.letters.compactMap { markEntry($0.lane, $0.slot, .redriven) }
        change.entries = carried.marks + redriven + [StateEntry(key: StateKey.replay(plan.name), value: progress.value)]
        flight.progress = progress
        return (change, flight)
    }

    private func record(of letter: ReplayLetter) -> EventRecord {
        let event = lanes[letter.lane][letter.slot]
        var record = letter.reply ?? event.record.event
        if letter.reply != nil { record.cause = cause(letter.lane, event) }
        var dead = event.deadLetter(letter.reason, of: lanes[letter.lane].plan?.name ?? "")
        dead.position = event.record.event.deadLetter?.position ?? dead.position
        record.deadLetter = dead
        return record
    }

    // MARK: Outcomes of writes

    /// The log's thread.
    package nonisolated func appended(_ outcomes: [AppendOutcome]) {
        guard let result = outcomes.last?.result else { return }
        executor.execute { self.assumeIsolated { $0.written(result) } }
    }

    private func written(_ result: Result<Position, LogError>) {
        guard !isStopped, let flight else { return }
        self.flight = nil
        switch result {
        case .success(let first): succeeded(flight, first)
        case .failure(let error): failed(flight, error)
        }
        if !pending.letters.isEmpty || current.state != durable?.state || isDraining {
            commit()
        } else if isDirty || commitFailures > 0 {
            armCommit()
        }
        queueTurn()
        checkQuiet()
    }

    /// The store took what it was given, or there is nothing to give it any more.
    private func recovered() {
        guard commitFailures > 0 else { return }
        commitFailures = 0
        commitNotBefore = nil
        storeError = nil
        queueTurn()
    }

    private func succeeded(_ flight: ReplayFlight, _ first: Position) {
        storeError = nil
        recovered()
        lettersAtOnce = Limits.batchEventsMax
        for (lane, row) in flight.rows { lanes[lane].durableRow = row }
        if let progress = flight.progress { durable = progress }
        if flight.removesRows { for index in lanes.indices { lanes[index].durableRow = nil } }
        for (index, letter) in flight.letters.enumerated() {
            let position = Position(lane: first.lane, offset: first.offset + Int64(index))
            settled(letter, at: position, isRowWritten: flight.progress != nil)
        }
        if flight.progress == nil { commit() }
    }

    private func settled(_ letter: ReplayLetter, at position: Position, isRowWritten: Bool) {
        let event = lanes[letter.lane][letter.slot]
        _ = event.machine.stored(nil, on: letterTerms, now: executor.now, using: &random)
        trace(letter.lane, letter.slot, .dead(position))
        if letter.reply == nil { count(failed: 1) } else { count(delivered: 1) }
        let wasDirty = lanes[letter.lane].isDirty
        lanes[letter.lane].close(letter.slot)
        if isRowWritten { lanes[letter.lane].isDirty = wasDirty }
    }

    private var letterTerms: DeliveryMachine.Terms {
        DeliveryMachine.Terms(retry: RetryPolicy(), hops: 0, stream: .events, isAtomic: isAtomic)
    }

    /// Nothing of it is durable: all of it is to be written again, and someone sees why.
    private func failed(_ flight: ReplayFlight, _ error: LogError) {
        commitFailures += 1
        commitNotBefore = executor.now + StoreBackoff.wait(afterFailures: commitFailures)
        storeError = "The progress cannot be stored: \(error.sentence)"
        report(LogMessage.replayWaits, error.sentence)
        for (lane, _) in flight.rows { lanes[lane].isDirty = true }
        for letter in flight.letters {
            _ = lanes[letter.lane][letter.slot].machine.stored(error, on: letterTerms, now: executor.now, using: &random)
        }
        if case .tooLarge = error { lettersAtOnce = 1 }
        pending.takeBack(flight.carried)
    }
}

extension ReplayProgress {
    /// A dead letter stands: its event's delivery failed, or it is the reply of one that was delivered.
    fileprivate mutating func count(_ letter: ReplayLetter) {
        if letter.reply == nil { failed += 1 } else { delivered += 1 }
    }
}
