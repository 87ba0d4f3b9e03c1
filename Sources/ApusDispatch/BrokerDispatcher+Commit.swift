import ApusPorts
import ApusTelemetry
import CloudEvents
import Logging

// Durable progress: one commit of a stream's cursors is on its way at a time, and what gathers meanwhile goes with the next.
extension BrokerDispatcher {
    /// The reader's row has changed.
    func markDirty(_ reader: ReaderRun, _ run: StreamRun) {
        if !reader.isDirty {
            reader.isDirty = true
            run.dirty.append(reader)
        }
        armCommit(run)
    }

    /// Commits cursors within ``DispatchBounds/commitMilliseconds``; while the dispatcher drains, as soon as it can.
    func armCommit(_ run: StreamRun) {
        guard !run.isCommitTimed, run.flight == nil, !isStopped else { return }
        run.isCommitTimed = true
        var delay = Duration.milliseconds(isDraining ? 0 : bounds.commitMilliseconds)
        if let notBefore = run.commitNotBefore { delay = max(delay, notBefore.elapsed(since: executor.now)) }
        let stream = run.stream
        schedule(after: delay) { dispatcher in
            let run = dispatcher.run(stream)
            run.isCommitTimed = false
            dispatcher.commit(run, withCursors: true)
            dispatcher.checkQuiet()
        }
    }

    /// Writes what waits; `withCursors` the positions too, which otherwise wait for their timer.
    func commit(_ run: StreamRun, withCursors: Bool) {
        guard run.flight == nil, !isStopped else { return }
        if let notBefore = run.commitNotBefore, executor.now < notBefore { return armCommit(run) }
        var change = CursorChange(stream: run.stream)
        var flight = CommitFlight()
        // One that is parked with a key goes with its position: a restart that read again what its key had before it would
        // bring that after it.
        let isOrdered = run.pending.parks.contains { $0.reader.events[$0.slot].key != nil }
        if withCursors || isOrdered { addCursors(to: &change, &flight, run) }
        addPending(to: &change, &flight, run)
        guard !change.isEmpty else { return }
        run.flight = flight
        cursors.commit(change, receiver: self, token: WriteToken.commit(run.stream).number)
    }

    private func addCursors(to change: inout CursorChange, _ flight: inout CommitFlight, _ run: StreamRun) {
        if run.shared != run.durableShared {
            change.shared = run.shared
            flight.shared = run.shared
        }
        for reader in run.dirty {
            reader.isDirty = false
            let row = reader.ledger.row(reader.name)
            guard row != reader.durableRow else { continue }
            change.readers.append(row)
            flight.rows.append((reader, row))
        }
        run.dirty = []
        for (name, shelved) in run.shelf where shelved.isOwed {
            change.readers.append(shelved.row)
            flight.owed.append(name)
        }
    }

    private func addPending(to change: inout CursorChange, _ flight: inout CommitFlight, _ run: StreamRun) {
        flight.change = run.pending
        run.pending = PendingChange()
        flight.change.parks.removeAll { $0.reader.isRemoved }
        change.settle = flight.change.settles.map { CursorChange.Mark(name: $0.reader.name, offset: $0.offset) }
        change.park = flight.change.parks.map { reader, slot in
            CursorChange.Parking(name: reader.name, event: reader.events[slot].parked)
        }
        for edit in flight.change.edits {
            change.readers += edit.readers
            change.retire += edit.retire
            change.remove += edit.remove
        }
        change.entries = flight.change.entries + flight.change.edits.flatMap(\.entries)
        change.traces = flight.change.traces
    }

    /// A commit has ended.
    func committed(_ run: StreamRun, _ error: LogError?) {
        guard let flight = run.flight else { return }
        run.flight = nil
        if let error { failed(flight, error, run) } else { succeeded(flight, run) }
        for edit in flight.change.edits { edit.done.resume(returning: error.map { .failure($0) } ?? .success(())) }
        if !run.pending.parks.isEmpty || !run.pending.edits.isEmpty { commit(run, withCursors: isDraining) }
        if !run.dirty.isEmpty || !run.pending.isEmpty || run.shared != run.durableShared { armCommit(run) }
    }

    private func succeeded(_ flight: CommitFlight, _ run: StreamRun) {
        run.commitFailures = 0
        run.commitNotBefore = nil
        run.lastError = nil
        if let shared = flight.shared { run.durableShared = shared }
        let end = log.bounds(of: run.stream).next.offset
        for (reader, row) in flight.rows {
            reader.durableRow = row
            reader.meters.lag.set(Int(max(0, end - (row.next ?? run.shared))))
        }
        for name in flight.owed { run.shelf[name]?.isOwed = false }
        for (reader, slot) in flight.change.parks where !reader.isRemoved { isParked(slot, reader, run) }
        for (reader, _) in flight.change.parks where !reader.isRemoved {
            pump(reader, run)
            feedIfRoom(reader, run)
        }
    }

    /// Nothing of it is durable: all of it is to be written again, and someone sees why.
    private func failed(_ flight: CommitFlight, _ error: LogError, _ run: StreamRun) {
        run.commitFailures += 1
        run.commitNotBefore = executor.now + StoreBackoff.wait(afterFailures: run.commitFailures)
        run.lastError = "The cursors cannot be stored: \(error)"
        report(error, LogMessage.cursorsNotStored, run)
        for (reader, _) in flight.rows where !reader.isRemoved && !reader.isDirty {
            reader.isDirty = true
            run.dirty.append(reader)
        }
        run.pending.settles = flight.change.settles + run.pending.settles
        run.pending.parks = flight.change.parks.filter { !$0.reader.isRemoved } + run.pending.parks
        run.pending.traces = flight.change.traces + run.pending.traces
        run.pending.entries = flight.change.entries + run.pending.entries
        boundTraces(run)
        // The row of a trigger that is gone must not stay a follower's: the shared reader would move on for it.
        for edit in flight.change.edits {
            for retirement in edit.retire { run.shelf[retirement.name]?.isOwed = true }
        }
    }

    /// Makes a change durable, with whatever else waits.
    func edit(
        _ run: StreamRun, readers: [CursorChange.Reader] = [], retire: [CursorChange.Retirement] = [],
        remove: [ReaderName] = [], entries: [StateEntry] = []
    ) async throws(LogError) {
        guard !isStopped else { throw .closed }
        let result = await withCheckedContinuation { done in
            run.pending.edits.append(CursorEdit(readers: readers, retire: retire, remove: remove, entries: entries, done: done))
            commit(run, withCursors: false)
        }
        try result.get()
    }
}
