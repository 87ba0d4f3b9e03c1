import ApusPorts
import ApusResources
import ApusTelemetry
import CloudEvents
import Logging

// Events that wait for a retry, durably, and readers that take up what a restart left (promise 12).
extension BrokerDispatcher {
    /// Writes that an event waits: until `dueAt`, or, where that is nil, until its key's head is settled.
    func park(_ slot: Int, dueAt: Timestamp?, _ reader: ReaderRun, _ run: StreamRun) {
        let event = reader.events[slot]
        event.dueAt = dueAt
        if !event.isParked { reader.parking += 1 }
        run.pending.parks.append((reader, slot))
        queueTurn(run)
    }

    /// Where the window is full, those who wait behind a stuck key are parked, so that other keys go on (promise 15). A key whose
    /// head is on its first attempt is slow, not stuck: it holds the window for one attempt at most.
    func makeRoom(_ reader: ReaderRun, _ run: StreamRun) {
        guard !reader.lanes.isEmpty, reader.ledger.count >= reader.windowMax(bounds) else { return }
        for (_, waiter) in reader.lanes.waitersToPark() {
            guard let slot = waiter.slot, reader.events[slot].machine.state == .ready else { continue }
            reader.events[slot].machine.setAside()
            park(slot, dueAt: nil, reader, run)
        }
    }

    /// That the event waits is durable: the ledger forgets it.
    func isParked(_ slot: Int, _ reader: ReaderRun, _ run: StreamRun) {
        let event = reader.events[slot]
        event.machine.parked()
        var parked = event.parked
        if event.isParked {
            reader.retrying -= 1
        } else {
            reader.parking -= 1
            reader.ledger.close(event.offset)
            markDirty(reader, run)
        }
        if let key = event.key, parked.dueAt == nil {
            if event.isPromoted { parked.dueAt = executor.now } else { reader.lanes.parked(key, offset: event.offset) }
        } else if parked.dueAt == nil {
            parked.dueAt = executor.now
        }
        reader.parked.park(parked)
        reader.meters.parked.set(reader.parked.count)
        reader.events.remove(slot)
    }

    // MARK: Retries

    /// Fetches parked events that are due, as many as may be tried, and arms the timer for the next.
    func fetchDue(_ reader: ReaderRun, _ run: StreamRun) {
        guard let first = reader.parked.nextDueAt, !reader.isFetching else { return }
        let now = executor.now
        let most = min(bounds.retryRecords, reader.inFlightMax(bounds))
        var absent: [ParkedEvent] = []
        while reader.retrying < most, let due = reader.parked.takeDue(now: now) {
            reader.retrying += 1
            if case .records(let page) = log.cached(run.stream, from: due.offset, limit: ReadLimit(records: 1)),
                let record = page.first, record.position.offset == due.offset
            {
                resume(due, record, reader)
            } else {
                absent.append(due)
            }
        }
        if !absent.isEmpty { fetch(absent, reader, run) }
        if let next = reader.parked.nextDueAt, next > now {
            arm(reader, run, at: next)
        } else if first > now {
            arm(reader, run, at: first)
        }
    }

    private func resume(_ parked: ParkedEvent, _ record: LogRecord, _ reader: ReaderRun) {
        let event = OpenEvent(
            record: record, machine: DeliveryMachine(resuming: parked), isParked: true, key: parked.key)
        reader.retries.append(reader.events.insert(event))
    }

    private func fetch(_ parked: [ParkedEvent], _ reader: ReaderRun, _ run: StreamRun) {
        reader.isFetching = true
        Task {
            let result = await records(at: parked.map(\.offset), reader, run)
            reader.isFetching = false
            if !reader.isRemoved, !isStopped { fetched(parked, result, reader, run) }
            checkQuiet()
        }
    }

    private func fetched(
        _ parked: [ParkedEvent], _ result: Result<[Int64: LogRecord], LogError>, _ reader: ReaderRun, _ run: StreamRun
    ) {
        for event in parked {
            switch result {
            case .success(let found):
                if let record = found[event.offset] { resume(event, record, reader) } else { lose(event, reader, run) }
            case .failure:
                // It is due still: back into the queue, and the pause is a due time of this process only.
                var event = event
                event.dueAt = executor.now + StoreBackoff.wait(afterFailures: reader.readFailures)
                reader.retrying -= 1
                reader.parked.park(event)
            }
        }
        pump(reader, run)
    }

    /// A parked event is on the log no more.
    private func lose(_ parked: ParkedEvent, _ reader: ReaderRun, _ run: StreamRun) {
        reader.lose(1)
        lost(1, from: parked.offset, reader, run)
        reader.retrying -= 1
        reader.parked.settle(parked.offset)
        reader.meters.parked.set(reader.parked.count)
        run.pending.settles.append((reader, parked.offset))
        armCommit(run)
        if let key = parked.key { advance(key, reader) }
        feedIfRoom(reader, run)
    }

    /// Records by offset for a reader, outside of its turn; those that were trimmed are missing.
    private func records(
        at offsets: [Int64], _ reader: ReaderRun, _ run: StreamRun
    ) async -> Result<[Int64: LogRecord], LogError> {
        reader.outstanding += 1
        reading += 1
        let result: Result<[Int64: LogRecord], LogError>
        do throws(LogError) {
            let records = try await log.read(run.stream, at: offsets.sorted())
            result = .success(Dictionary(records.map { ($0.position.offset, $0) }) { first, _ in first })
            reader.readFailures = 0
        } catch {
            result = .failure(error)
            reader.readFailures += 1
            reader.lastError = "The log cannot be read: \(error)"
            report(error, LogMessage.retriesCannotRead, run, reader)
        }
        reader.outstanding -= 1
        reading -= 1
        if reader.isRemoved { run.free(reader) }
        return result
    }

    /// Looks at the reader again at that moment. A timer that goes off before it does as well, as it looks again and arms the
    /// next.
    func arm(_ reader: ReaderRun, _ run: StreamRun, at moment: Timestamp) {
        let now = executor.now
        let moment = min(moment, now + bounds.timerMax)
        guard !reader.timers.contains(where: { $0 <= moment }) else { return }
        reader.timers.append(moment)
        reader.outstanding += 1
        let (stream, id) = (run.stream, reader.id)
        schedule(after: moment.elapsed(since: now)) { dispatcher in
            let run = dispatcher.run(stream)
            let reader = run.reader(id)
            reader.outstanding -= 1
            reader.timers.removeAll { $0 == moment }
            if reader.isRemoved { run.free(reader) } else { dispatcher.pump(reader, run) }
        }
    }

    // MARK: After a restart

    /// Takes up a cursor: its open events are delivered again, its parked ones go on, and only then does it read.
    func recover(_ reader: ReaderRun, _ run: StreamRun, from cursor: ReaderCursor) {
        let parked = Set(cursor.parked.map(\.offset))
        let next = cursor.next ?? reader.ledger.next ?? run.shared
        let open = cursor.open.filter { !cursor.settled.contains($0) && !parked.contains($0) }
        reader.loaded = nil
        reader.ledger = CursorLedger(next: next, open: open)
        reader.skip(cursor.settled.union(parked).filter { $0 >= next })
        reader.recovering = cursor.parked
        markDirty(reader, run)
        takeUp(reader, run, open: open, parked: cursor.parked)
    }

    private func takeUp(_ reader: ReaderRun, _ run: StreamRun, open: [Int64], parked: [ParkedEvent]) {
        guard !open.isEmpty else { return takeUp(reader, run, open: open, records: [:], parked: parked) }
        Task {
            let result = await records(at: open, reader, run)
            if !reader.isRemoved, !isStopped {
                switch result {
                case .success(let records): takeUp(reader, run, open: open, records: records, parked: parked)
                case .failure:
                    retry(reader, run, afterFailures: reader.readFailures) {
                        $0.takeUp($1, $2, open: open, parked: parked)
                    }
                }
            }
            checkQuiet()
        }
    }

    private func takeUp(
        _ reader: ReaderRun, _ run: StreamRun, open: [Int64], records: [Int64: LogRecord], parked: [ParkedEvent]
    ) {
        // By offset, as a key's lowest is its head.
        let waiting = Dictionary(parked.map { ($0.offset, $0) }) { first, _ in first }
        for offset in (open + parked.map(\.offset)).sorted() {
            if let event = waiting[offset] {
                takeUp(event, reader)
            } else if let record = records[offset] {
                let event = OpenEvent(
                    record: record, machine: DeliveryMachine(), isParked: false, key: reader.key(of: record))
                let slot = reader.events.insert(event)
                if let key = event.key, !reader.lanes.arrive(key, KeyLanes.Waiter(offset: offset, slot: slot)) { continue }
                reader.fresh.append(slot)
            } else {
                reader.lose(1)
                lost(1, from: offset, reader, run)
                reader.ledger.close(offset)
                markDirty(reader, run)
            }
        }
        reader.meters.parked.set(reader.parked.count)
        reader.recovering = nil
        pump(reader, run)
        feed(reader, run)
    }

    private func takeUp(_ event: ParkedEvent, _ reader: ReaderRun) {
        var event = event
        if reader.plan?.order != .unordered, let key = event.key {
            let isHead = reader.lanes.arrive(key, KeyLanes.Waiter(offset: event.offset, slot: nil))
            event.dueAt = isHead ? event.dueAt ?? executor.now : nil
            if isHead { reader.lanes.stick(key) }
        } else {
            event.key = nil
            event.dueAt = event.dueAt ?? executor.now
        }
        reader.parked.park(event)
    }
}
