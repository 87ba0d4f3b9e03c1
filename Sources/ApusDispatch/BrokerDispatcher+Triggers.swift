package import ApusPorts
import ApusResources
import CloudEvents

// Triggers come, change and go.
extension BrokerDispatcher {
    /// Loads the cursors of both streams. Triggers go on when they are applied; until then each keeps its place.
    package func start() async throws(LogError) {
        // Both or neither, so that a start that failed can be made again.
        let loaded = [try await load(.events), try await load(.dead)]
        marks = try await loadMarks()
        aside.formUnion(try await loadAside(loaded[1]))
        for (run, loaded) in zip(runs, loaded) {
            run.shared = loaded.shared
            run.durableShared = loaded.shared
            // A replay's readers are its own business: it keeps, pins and forgets them itself.
            for (name, cursor) in loaded.readers.sorted(by: { $0.key < $1.key }) where name.isTrigger {
                if let retiredAt = cursor.retiredAt {
                    shelve(name, cursor, retiredAt: retiredAt, run)
                } else {
                    rest(name, cursor, run)
                }
            }
            observe(run.stream)
        }
        isStarted = true
    }

    /// Runs a trigger as the plan says, new or changed. Returns when its cursor is durable.
    package func apply(_ plan: TriggerPlan) async throws(LogError) {
        await enter(plan.name)
        defer { leave(plan.name) }
        guard isStarted else { throw .unavailable(reason: "the cursors are not loaded yet") }
        // The sink's reader first: it is to see the first dead letter.
        if let feed = plan.ofDeadLetters { try await apply(feed, on: dead) } else { try await retire(plan.name, dead) }
        try await apply(plan, on: events)
    }

    /// Stops a trigger. Its cursor is kept for ``Limits/removedKeptHours``; attempts in flight are let go.
    package func remove(_ trigger: String) async throws(LogError) {
        await enter(trigger)
        defer { leave(trigger) }
        for run in runs { try await retire(trigger, run) }
    }

    /// Stops a trigger, and forgets its cursor and what it has parked.
    package func forget(_ trigger: String) async throws(LogError) {
        await enter(trigger)
        defer { leave(trigger) }
        for run in runs where run.byName[trigger] != nil || run.shelf[trigger] != nil {
            if let reader = run.byName[trigger] { detach(reader, run) }
            try await edit(run, remove: [trigger], entries: forgottenMark(of: trigger, run))
            run.shelf[trigger] = nil
            if run === events { marks[trigger] = nil }
        }
    }

    /// Forgets the cursors of triggers that were removed more than ``Limits/removedKeptHours`` ago.
    package func forgetExpired() async throws(LogError) {
        let now = executor.now
        for run in runs {
            let expired = run.shelf.filter { isExpired($0.value.retiredAt, now) }.keys.sorted()
            for name in expired where busy[name] == nil { try await forget(name) }
        }
    }

    /// Removes every trigger that is not named: those whose removal a stopped node has missed.
    package func removeAll(except names: Set<String>) async throws(LogError) {
        let gone = Set(runs.flatMap { $0.byName.keys }).subtracting(names)
        for name in gone.sorted() { try await remove(name) }
    }

    // MARK: One stream

    private func apply(_ plan: TriggerPlan, on run: StreamRun) async throws(LogError) {
        if let reader = run.byName[plan.name] {
            change(reader, to: plan, run)
        } else if let shelved = run.shelf[plan.name] {
            try await takeDown(shelved, plan, run)
        } else {
            try await create(plan, run)
        }
    }

    private func create(_ plan: TriggerPlan, _ run: StreamRun) async throws(LogError) {
        let next = try await start(of: plan, run)
        let row = CursorChange.Reader(name: plan.name, next: next, open: [])
        let mark = TriggerMark(began: next, beganAt: executor.now, filterSince: next, filter: plan.filter.text)
        try await edit(run, readers: [row], entries: run === events ? [mark.entry(of: plan.name)] : [])
        if run === events { marks[plan.name] = mark }
        let reader = add(plan.name, CursorLedger(next: next), run)
        reader.durableRow = row
        change(reader, to: plan, run)
    }

    /// Goes on with the cursor of a trigger that was removed, unless that is too long ago.
    private func takeDown(_ shelved: ShelvedCursor, _ plan: TriggerPlan, _ run: StreamRun) async throws(LogError) {
        let loaded = try await load(run.stream)
        guard var cursor = loaded.readers[plan.name], !isExpired(shelved.retiredAt, executor.now) else {
            try await edit(run, remove: [plan.name], entries: forgottenMark(of: plan.name, run))
            run.shelf[plan.name] = nil
            if run === events { marks[plan.name] = nil }
            return try await create(plan, run)
        }
        cursor.next = shelved.row.next
        cursor.open = shelved.row.open
        try await edit(run, readers: [shelved.row])
        run.shelf[plan.name] = nil
        rest(plan.name, cursor, run)
        if let reader = run.byName[plan.name] { change(reader, to: plan, run) }
    }

    private func change(_ reader: ReaderRun, to plan: TriggerPlan, _ run: StreamRun) {
        let former = reader.plan
        reader.plan = plan
        run.filtersChanged()
        if run === events { markFilter(of: plan, from: reader.ledger.next ?? run.shared) }
        if let former, !former.hasFilter(of: plan) {
            reader.filterErrors = 0
            reader.lastFilterError = nil
        }
        if former?.rate != plan.rate { reader.bucket = plan.rate.map { TokenBucket(rate: $0) } }
        if let former, former.order != plan.order { disorder(reader) }
        if reader.isFollowing, !reader.isLive { leave(reader, run, at: run.shared) }
        if let cursor = reader.loaded { return recover(reader, run, from: cursor) }
        pump(reader, run)
        feed(reader, run)
    }

    /// Nobody waits for a key any more; those that come from now on keep the new order among themselves.
    private func disorder(_ reader: ReaderRun) {
        for waiter in reader.lanes.dissolve() {
            guard let slot = waiter.slot else { continue }
            if reader.events[slot].machine.state == .ready {
                reader.fresh.append(slot)
            } else {
                reader.events[slot].isPromoted = true
            }
        }
        for (_, event) in reader.events.all { event.key = nil }
        reader.parked.forgetKeys(now: executor.now)
    }

    private func retire(_ name: ReaderName, _ run: StreamRun) async throws(LogError) {
        if let reader = run.byName[name] {
            let row = CursorChange.Reader(
                name: name, next: reader.ledger.next ?? run.shared, open: reader.ledger.open)
            run.shelf[name] = ShelvedCursor(row: row, retiredAt: nil, pin: reader.pin(durableShared: run.durableShared))
            detach(reader, run)
        }
        guard let shelved = run.shelf[name], shelved.retiredAt == nil else { return }
        let now = executor.now
        try await edit(run, readers: [shelved.row], retire: [CursorChange.Retirement(name: name, at: now)])
        run.shelf[name]?.retiredAt = now
    }

    private func detach(_ reader: ReaderRun, _ run: StreamRun) {
        run.detach(reader)
        ReaderMeters.drop(meters, namespace: namespace, broker: broker, stream: run.stream, trigger: reader.name)
    }

    private func add(_ name: ReaderName, _ ledger: CursorLedger, _ run: StreamRun) -> ReaderRun {
        let meters = ReaderMeters(meters, namespace: namespace, broker: broker, stream: run.stream, trigger: name)
        return run.add(name, ledger: ledger, meters: meters)
    }

    /// A loaded cursor keeps its place until its trigger is applied. One that followed the shared reader is behind from now
    /// on: its row goes with the first commit that moves the shared reader.
    private func rest(_ name: ReaderName, _ cursor: ReaderCursor, _ run: StreamRun) {
        let reader = add(name, CursorLedger(next: cursor.next ?? run.shared, open: cursor.open), run)
        reader.durableRow = CursorChange.Reader(name: name, next: cursor.next, open: cursor.open)
        reader.loaded = cursor
        reader.isDirty = true
        run.dirty.append(reader)
    }

    private func shelve(_ name: ReaderName, _ cursor: ReaderCursor, retiredAt: Timestamp, _ run: StreamRun) {
        let row = CursorChange.Reader(name: name, next: cursor.next ?? run.shared, open: cursor.open)
        let lowest = cursor.parked.map(\.offset).min() ?? .max
        let pin = min(cursor.open.first ?? .max, cursor.next ?? run.shared, lowest)
        run.shelf[name] = ShelvedCursor(row: row, retiredAt: retiredAt, pin: pin)
    }

    /// Where a trigger without a cursor begins (promise 8).
    private func start(of plan: TriggerPlan, _ run: StreamRun) async throws(LogError) -> Int64 {
        let bounds = log.bounds(of: run.stream)
        switch plan.startFrom {
        case .latest: return bounds.next.offset
        case .earliest: return bounds.oldest.offset
        case .position(_, let offset): return min(max(offset, bounds.oldest.offset), bounds.next.offset)
        case .time(let moment): return try await log.position(in: run.stream, at: moment).offset
        }
    }

    private func load(_ stream: Stream) async throws(LogError) -> StreamCursors {
        reading += 1
        defer { reading -= 1 }
        return try await cursors.load(stream)
    }

    private func isExpired(_ retiredAt: Timestamp?, _ now: Timestamp) -> Bool {
        guard let retiredAt else { return false }
        return now.elapsed(since: retiredAt) > .seconds(Limits.removedKeptHours * 3600)
    }

    // MARK: One at a time for each trigger

    private func enter(_ trigger: String) async {
        while busy[trigger] != nil {
            await withCheckedContinuation { busy[trigger]?.append($0) }
        }
        busy[trigger] = []
    }

    private func leave(_ trigger: String) {
        for waiter in busy.removeValue(forKey: trigger) ?? [] { waiter.resume() }
    }
}
