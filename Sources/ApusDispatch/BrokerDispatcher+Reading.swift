import ApusPorts
import ApusTelemetry
import CloudEvents
import Logging

// One position for everyone who has caught up, one of their own for those who have not (law 4).
//
//     log      ─────────────┬───────────────────┬──────────►
//                           │ behind(next)      │ shared
//     follower ◄── joins when its next is the shared one ───┘
//              ─── leaves at the first match that it has no room for
extension BrokerDispatcher {
    /// The stream has grown.
    func grown(_ stream: Stream) {
        guard !isStopped else { return }
        let run = run(stream)
        let waiting = run.atEnd
        run.atEnd = []
        for reader in waiting {
            reader.place = .idle
            feed(reader, run)
        }
        if !run.isTurnQueued { turn(run) }
    }

    /// Has a turn soon: many reasons, one turn.
    func queueTurn(_ run: StreamRun) {
        guard !run.isTurnQueued else { return }
        run.isTurnQueued = true
        let stream = run.stream
        executor.execute { [weak self] in
            self?.assumeIsolated { dispatcher in
                let run = dispatcher.run(stream)
                run.isTurnQueued = false
                dispatcher.turn(run)
                dispatcher.checkQuiet()
            }
        }
    }

    /// A reader that is behind may read on.
    func feed(_ reader: ReaderRun, _ run: StreamRun) {
        guard reader.place == .idle, !reader.isFollowing, !reader.isReading, !isDraining, reader.hasRoom(bounds) else { return }
        reader.place = .hungry
        run.hungry.append(reader)
        queueTurn(run)
    }

    /// One that stood still for want of room looks whether it has some again.
    func feedIfRoom(_ reader: ReaderRun, _ run: StreamRun) {
        if !reader.isFollowing, reader.place == .idle, reader.hasAppetite(bounds) { feed(reader, run) }
    }

    /// A bounded stretch of work; what is left has the next turn.
    private func turn(_ run: StreamRun) {
        guard !isStopped else { return }
        if !isDraining {
            readShared(run)
            readHungry(run)
        }
        if !run.pending.parks.isEmpty { commit(run, withCursors: false) }
    }

    // MARK: The shared reader

    private func readShared(_ run: StreamRun) {
        var budget = bounds.turnRecords
        while run.followers > 0, !run.isReadingShared {
            guard budget > 0 else {
                queueTurn(run)
                break
            }
            if run.page.isEmpty, !turnSharedPage(run, limit: budget) { break }
            while budget > 0, run.followers > 0, let record = run.page.popFirst() {
                budget -= 1
                offer(record, run)
                run.shared = record.position.offset + 1
            }
            armCommit(run)
        }
        joinAtEnd(run)
    }

    /// Finds the shared reader's next records. False where there are none now.
    private func turnSharedPage(_ run: StreamRun, limit: Int) -> Bool {
        switch log.cached(run.stream, from: run.shared, limit: ReadLimit(records: limit)) {
        case .records(let page):
            run.page = page[...]
            return true
        case .end:
            return false
        case .absent:
            fetchSharedPage(run)
            return false
        }
    }

    private func fetchSharedPage(_ run: StreamRun) {
        run.isReadingShared = true
        reading += 1
        let from = run.shared
        Task {
            let result = await page(of: run.stream, from: from)
            run.isReadingShared = false
            reading -= 1
            if !isStopped { sharedPageCame(result, run) }
            checkQuiet()
        }
    }

    private func sharedPageCame(_ result: Result<[LogRecord], LogError>, _ run: StreamRun) {
        switch result {
        case .success(let records):
            run.readFailures = 0
            run.lastError = nil
            // Whoever left while the page was read is behind; the shared reader may have been moved on by one who joined.
            run.page = records.drop { $0.position.offset < run.shared }
            if !records.isEmpty { queueTurn(run) }
        case .failure(let error):
            if let next = error.nextReadable(after: run.shared) {
                let gap = next - run.shared
                for case let reader? in run.readers where reader.isFollowing && !reader.isRemoved { reader.lose(Int(gap)) }
                lost(gap, from: run.shared, nil, run)
                run.shared = next
                armCommit(run)
                queueTurn(run)
                return
            }
            run.readFailures += 1
            run.lastError = "The log cannot be read: \(error)"
            report(error, LogMessage.brokerCannotRead, run)
            let stream = run.stream
            schedule(after: StoreBackoff.wait(afterFailures: run.readFailures)) { $0.queueTurn($0.run(stream)) }
        }
    }

    /// Hands a record to every follower that wants it.
    private func offer(_ record: LogRecord, _ run: StreamRun) {
        run.match(record.event)
        for id in run.matches {
            let reader = run.reader(id)
            guard reader.isFollowing else { continue }
            if reader.hasRoom(bounds) {
                admit(record, reader, run)
            } else {
                leave(reader, run, at: record.position.offset)
                makeRoom(reader, run)
            }
        }
        // Who has just left asks about this record again when it reads it on its own.
        for id in run.failures where run.reader(id).isFollowing { filterFailed(on: record, run.reader(id)) }
    }

    /// A follower goes its own way from `offset`.
    func leave(_ reader: ReaderRun, _ run: StreamRun, at offset: Int64) {
        reader.ledger.next = offset
        run.followers -= 1
        markDirty(reader, run)
    }

    private func join(_ reader: ReaderRun, _ run: StreamRun) {
        reader.ledger.next = nil
        reader.page = []
        reader.place = .idle
        run.followers += 1
        markDirty(reader, run)
        queueTurn(run)
    }

    /// Those at the end whom the shared reader has met.
    private func joinAtEnd(_ run: StreamRun) {
        guard !run.atEnd.isEmpty else { return }
        let waiting = run.atEnd
        run.atEnd = waiting.filter { $0.ledger.next != run.shared || !$0.hasRoom(bounds) }
        for reader in waiting where reader.ledger.next == run.shared && reader.hasRoom(bounds) { join(reader, run) }
    }

    // MARK: Those who are behind

    private func readHungry(_ run: StreamRun) {
        var budget = bounds.turnRecords
        let waiting = run.hungry
        run.hungry = []
        for (index, reader) in waiting.enumerated() {
            guard budget > 0 else {
                run.hungry = Array(waiting[index...]) + run.hungry
                break
            }
            reader.place = .idle
            budget -= readBehind(reader, run)
        }
        if !run.hungry.isEmpty { queueTurn(run) }
    }

    /// Reads a share for one reader; gives back how many records it looked at.
    private func readBehind(_ reader: ReaderRun, _ run: StreamRun) -> Int {
        let share = max(1, bounds.turnRecords / 4)
        var seen = 0
        guard !reader.isRemoved, !reader.isReading else { return 1 }
        while seen < share {
            guard let next = reader.ledger.next, reader.hasRoom(bounds) else {
                makeRoom(reader, run)
                return seen + 1
            }
            if next == run.shared {
                join(reader, run)
                return seen + 1
            }
            guard let record = nextRecord(reader, run, from: next) else { return seen + 1 }
            let offset = record.position.offset
            if next < run.shared, offset >= run.shared {
                join(reader, run)
                return seen + 1
            }
            seen += 1
            reader.page.removeFirst()
            reader.ledger.next = offset + 1
            markDirty(reader, run)
            var errors = 0
            if run.wants(reader, record.event, errors: &errors) { admit(record, reader, run) }
            if errors > 0 { filterFailed(on: record, reader) }
        }
        feed(reader, run)
        return seen
    }

    /// The first record of the reader's page, which is turned where it is empty; nil where the reader has to wait.
    private func nextRecord(_ reader: ReaderRun, _ run: StreamRun, from next: Int64) -> LogRecord? {
        if let record = reader.page.first { return record }
        switch log.cached(run.stream, from: next, limit: ReadLimit(records: max(1, bounds.turnRecords / 4))) {
        case .records(let page):
            reader.page = page[...]
            return page.first
        case .end:
            reachedEnd(reader, run)
        case .absent:
            fetchPage(reader, run, from: next)
        }
        return nil
    }

    private func reachedEnd(_ reader: ReaderRun, _ run: StreamRun) {
        // Where nobody follows, the shared reader stands wherever its last follower left it: the first at the end takes it along.
        if run.followers == 0, !run.isReadingShared, let next = reader.ledger.next, next >= run.shared {
            run.shared = next
            run.page = []
            join(reader, run)
            return
        }
        reader.place = .atEnd
        run.atEnd.append(reader)
    }

    private func fetchPage(_ reader: ReaderRun, _ run: StreamRun, from next: Int64) {
        reader.isReading = true
        reader.outstanding += 1
        reading += 1
        Task {
            let result = await page(of: run.stream, from: next)
            reader.isReading = false
            reader.outstanding -= 1
            reading -= 1
            if reader.isRemoved { run.free(reader) } else if !isStopped { pageCame(result, reader, run, from: next) }
            checkQuiet()
        }
    }

    private func pageCame(
        _ result: Result<[LogRecord], LogError>, _ reader: ReaderRun, _ run: StreamRun, from next: Int64
    ) {
        switch result {
        case .success(let records):
            reader.readFailures = 0
            reader.lastError = nil
            guard !records.isEmpty else { return reachedEnd(reader, run) }
            reader.page = records[...]
            feed(reader, run)
        case .failure(let error):
            if let readable = error.nextReadable(after: next) {
                reader.lose(Int(readable - next))
                lost(readable - next, from: next, reader, run)
                reader.ledger.next = readable
                markDirty(reader, run)
                return feed(reader, run)
            }
            reader.readFailures += 1
            reader.lastError = "The log cannot be read: \(error)"
            report(error, LogMessage.triggerCannotRead, run, reader)
            retry(reader, run, afterFailures: reader.readFailures) { $0.feed($1, $2) }
        }
    }

    /// Does something for a reader again once the store was left alone for a while.
    func retry(
        _ reader: ReaderRun, _ run: StreamRun, afterFailures failures: Int,
        _ body: @escaping @Sendable (isolated BrokerDispatcher, ReaderRun, StreamRun) -> Void
    ) {
        reader.outstanding += 1
        let (stream, id) = (run.stream, reader.id)
        schedule(after: StoreBackoff.wait(afterFailures: failures)) { dispatcher in
            let run = dispatcher.run(stream)
            let reader = run.reader(id)
            reader.outstanding -= 1
            if reader.isRemoved { run.free(reader) } else { body(dispatcher, reader, run) }
        }
    }

    private func page(of stream: Stream, from offset: Int64) async -> Result<[LogRecord], LogError> {
        do throws(LogError) {
            return .success(try await log.read(stream, from: offset, limit: ReadLimit(records: bounds.pageRecords)))
        } catch {
            return .failure(error)
        }
    }
}

extension LogError {
    /// Where a reader goes on that can never have what stands at `offset`: it was trimmed, or its bytes are damaged. nil where
    /// trying again may help.
    fileprivate func nextReadable(after offset: Int64) -> Int64? {
        switch self {
        case .trimmed(let oldest): oldest.offset > offset ? oldest.offset : nil
        case .corrupt(let position, _): position.offset >= offset ? position.offset + 1 : nil
        case .unavailable, .tooLarge, .closed: nil
        }
    }
}
