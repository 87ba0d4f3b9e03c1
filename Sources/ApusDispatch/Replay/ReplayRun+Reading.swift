import ApusPorts
import ApusResources
import ApusTelemetry
import CloudEvents
import Logging

// What is read and begun: in turns, so that what shares the thread has its own.
extension ReplayRun {
    /// Whether attempts may begin. Where outcomes cannot be stored, none does: what is not durable is delivered again.
    private var mayBegin: Bool {
        isStarted && !isStopped && !isDraining && shown.state == .running && commitFailures == 0
            && pending.count < Limits.replayOutcomesMax
    }

    /// Has a turn soon: many reasons, one turn.
    func queueTurn() {
        guard !isTurnQueued, !isStopped else { return }
        isTurnQueued = true
        executor.execute { [weak self] in
            self?.assumeIsolated { run in
                run.isTurnQueued = false
                run.turn()
                run.checkQuiet()
            }
        }
    }

    /// Looks, while there are turns, how late the executor is; see ``ReplayCourtesy``.
    private func armTick() {
        guard !isTicking else { return }
        isTicking = true
        let due = executor.now + .milliseconds(Limits.replayTickMilliseconds)
        schedule(after: .milliseconds(Limits.replayTickMilliseconds)) { run in
            run.isTicking = false
            let wasHeld = run.courtesy.allowance == 0
            run.courtesy.ticked(
                late: run.executor.now.elapsed(since: due), end: run.log.bounds(of: .events).next.offset)
            if wasHeld { run.queueTurn() }
        }
    }

    private func turn() {
        guard mayBegin else { return }
        armTick()
        let allowed = min(bounds.turnRecords, courtesy.allowance)
        var budget = allowed
        defer { courtesy.spent(allowed - budget) }
        let first = firstLane
        for step in lanes.indices {
            let index = (first + step) % lanes.count
            guard advance(index, &budget), budget > 0 else {
                firstLane = (index + 1) % lanes.count
                break
            }
        }
        if budget <= 0, courtesy.allowance > allowed { queueTurn() }
        armCommit()
        endIfThrough()
    }

    /// A bounded stretch of one lane. False where nobody may begin anything now.
    private func advance(_ index: Int, _ budget: inout Int) -> Bool {
        while budget > 0 {
            guard mayBegin else { return false }
            guard !lanes[index].isGone, lanes[index].waitsFor == nil else { return true }
            if !lanes[index].retries.isEmpty {
                guard hasToken() else { return false }
                if let slot = lanes[index].retries.popFirst() { attemptAgain(index, slot) }
                budget -= 1
                continue
            }
            if let goodFor = pages.goodFor { lanes[index].dropPage(olderThan: goodFor, now: executor.now) }
            let candidate = lanes[index].candidate(
                selection, until: shown.until, maxInFlight: plan.maxInFlight, budget: &budget, progress: &shown)
            switch candidate {
            case .event(let item):
                guard hasToken() else { return false }
                let slot = lanes[index].take(item, progress: &shown)
                budget -= 1
                attempt(index, slot)
            case .page:
                guard let page = pages.page(holding: lanes[index].next, now: executor.now) else {
                    fetchPage(index)
                    return true
                }
                lanes[index].turn(to: page)
            case .owed:
                fetchOwed(index)
                return true
            case .more: continue
            case .full, .end: return true
            }
        }
        return true
    }

    /// A retry is due. One that was purged meanwhile is passed.
    private func attemptAgain(_ lane: Int, _ slot: Int) {
        guard selection.aside.contains(lanes[lane][slot].offset) else { return attempt(lane, slot) }
        shown.matched -= 1
        lanes[lane].close(slot)
    }

    /// Whether the pace lets one more go now; else a turn is had when it does.
    private func hasToken() -> Bool {
        guard let later = bucket?.take(now: executor.now) else { return true }
        guard timers.insert(later).inserted else { return false }
        let delay = min(later.elapsed(since: executor.now), bounds.timerMax)
        schedule(after: delay) { run in
            run.timers.remove(later)
            run.queueTurn()
        }
        return false
    }

    private func endIfThrough() {
        guard shown.state == .running, isSettled, pending.letters.isEmpty, flight?.letters.isEmpty ?? true else { return }
        guard lanes.allSatisfy({ $0.isThrough(shown.until) }) else { return }
        guard !lanes.isEmpty else {
            // Each of them was gone before a restart, and took its row along.
            report(LogMessage.replayFailed, "The triggers that it goes to were removed.")
            return end(.failed, "The triggers that it goes to were removed.")
        }
        let gone = lanes.filter { $0.isGone }.compactMap(\.trigger)
        if !gone.isEmpty, gone.count == lanes.count {
            report(LogMessage.replayFailed, "The trigger \(gone[0]) was removed.")
            return end(.failed, "The trigger \(gone[0]) was removed.")
        }
        var notes: [String] = []
        if !gone.isEmpty {
            notes.append("What was left for \(gone.joined(separator: ", ")) was not sent: the trigger was removed.")
        }
        if shown.damaged > 0 { notes.append("\(Self.count(shown.damaged, "record")) could not be read and were passed.") }
        if shown.leftOut > 0 {
            notes.append(
                "\(Self.count(shown.leftOut, "dead letter")) cannot be redriven: they are unreadable, or their trigger is gone.")
        }
        end(.completed, notes.isEmpty ? nil : notes.joined(separator: " "))
    }

    private static func count(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }

    // MARK: Pages

    /// Each reader holds on to a page of its own where they are far apart: the more there are, the smaller the pages.
    private var reader: ReplayReader {
        let pageRecords = plan.stream == .dead ? bounds.retryRecords : bounds.pageRecords
        let crowd = max(1, lanes.count / ReplayPages.pagesMax)
        return ReplayReader(
            log: log, cursors: cursors, stream: plan.stream, until: shown.until, named: selection.named,
            pageRecords: max(1, pageRecords / crowd), pageBytes: max(1, Limits.readPageBytesMax / crowd))
    }

    /// Reads the page that a lane needs, once for all that need the same.
    private func fetchPage(_ index: Int) {
        let next = lanes[index].next
        guard !isReadTimed, !lanes[index].isLoading else { return }
        guard loadingPages.insert(next).inserted else { return }
        lanes[index].isLoading = true
        let reader = reader
        Task {
            let result = await Self.result { () async throws(LogError) in try await reader.page(from: next) }
            self.loadingPages.remove(next)
            self.lanes[index].isLoading = false
            guard !self.isStopped else { return }
            switch result {
            case .success(let read):
                self.readCame()
                self.pages.keep(
                    ReplayPages.Page(
                        covers: read.covers, items: self.selection.items(of: read), readAt: self.executor.now))
            case .failure(let error): self.readFailed(error, at: next)
            }
            self.queueTurn()
        }
    }

    private func fetchOwed(_ index: Int) {
        guard !isReadTimed, !lanes[index].isLoading else { return }
        lanes[index].isLoading = true
        let (reader, owed) = (reader, lanes[index].owed)
        Task {
            let result = await Self.result { () async throws(LogError) in try await reader.records(at: owed) }
            self.lanes[index].isLoading = false
            guard !self.isStopped else { return }
            switch result {
            case .success(let read):
                self.readCame()
                if let missing = self.lanes[index].came(self.selection.items(of: read), of: owed) {
                    let oldest = self.log.bounds(of: self.plan.stream).oldest
                    self.readFailed(.trimmed(oldest: Position(offset: max(oldest.offset, missing + 1))), at: missing)
                }
            case .failure(let error): self.readFailed(error, at: owed[0])
            }
            self.queueTurn()
        }
    }

    private static func result<Value>(
        _ body: () async throws(LogError) -> Value
    ) async -> Result<Value, LogError> {
        do throws(LogError) { return .success(try await body()) } catch { return .failure(error) }
    }

    private func readCame() {
        readFailures = 0
        readError = nil
    }

    private func readFailed(_ error: LogError, at offset: Int64) {
        if case .trimmed(let oldest) = error, oldest.offset > offset {
            guard shown.state == .running || shown.state == .paused else { return }
            shown.isBroken = true
            let gap = "positions \(Position(offset: offset)) to \(Position(offset: min(oldest.offset, shown.until) - 1))"
            report(LogMessage.replayFailed, "\(gap) were trimmed before they were replayed")
            return end(.failed, "\(gap) were trimmed before they were replayed")
        }
        readFailures += 1
        readError = "The log cannot be read: \(error.sentence)"
        report(LogMessage.replayWaits, error.sentence)
        isReadTimed = true
        schedule(after: StoreBackoff.wait(afterFailures: readFailures)) { run in
            run.isReadTimed = false
            run.queueTurn()
        }
    }

    func report(_ message: Logger.Message, _ error: String) {
        logger.error(
            message, metadata: [LogKey.resource: "Replay \(plan.namespace)/\(plan.name)", LogKey.error: "\(error)"])
    }
}
