internal import ApusPorts
internal import CloudEvents

/// One transaction of the writer: batches and changes as they are staged, and what becomes of them.
struct GroupCommit {
    /// A stream's share of the transaction.
    struct Stage {
        let stream: Stream
        var state: LogFile.StreamState
        /// The append time of every record of this commit.
        let time: Int64
        var chunk = Chunk()
        var records: [LogRecord] = []
        var sizes: [Int] = []
        var traces = TraceStage()

        init(_ stream: Stream, _ state: LogFile.StreamState, now: Timestamp) {
            self.stream = stream
            self.state = state
            time = max(now.nanoseconds, state.lastTime)
        }

        mutating func add(_ append: Write.Append, to file: LogFile) throws(SQLiteError) {
            let appendedAt = Timestamp(nanoseconds: time)
            var start = 0
            for (record, end) in zip(append.batch.records, append.encoded.ends) {
                if !chunk.takes(end - start) { try flush(to: file) }
                let offset = state.next
                chunk.append(append.encoded.bytes[start..<end], offset: offset, appendedAt: time)
                records.append(LogRecord(position: Position(offset: offset), appendedAt: appendedAt, event: record))
                sizes.append(end - start + Self.recordOverheadBytes)
                state.next += 1
                state.bytes += Int64(end - start + Chunk.endBytes)
                start = end
            }
        }

        mutating func flush(to file: LogFile) throws(SQLiteError) {
            guard chunk.count > 0 else { return }
            chunk.finish()
            try file.insert(chunk, stream)
            chunk.clear()
            state.lastTime = time
        }

        /// What a record takes in memory beside its bytes: the values, and the heap's headers.
        private static let recordOverheadBytes = 512
    }

    var events: Stage
    var dead: Stage
    private(set) var outcomes: [(receiver: any AppendReceiver, outcome: AppendOutcome)] = []

    init(events: LogFile.StreamState, dead: LogFile.StreamState, now: Timestamp) {
        self.events = Stage(.events, events, now: now)
        self.dead = Stage(.dead, dead, now: now)
    }

    /// Stages all of `writes` in the open transaction.
    mutating func stage(_ writes: [Write], in file: LogFile) throws(SQLiteError) {
        outcomes.reserveCapacity(writes.count)
        for write in writes {
            switch write {
            case .append(let append): try stage(append, in: file)
            case .change(let change, let receiver, let token):
                if let refusal = change.refusal {
                    outcomes.append((receiver, AppendOutcome(token: token, result: .failure(refusal))))
                    continue
                }
                try stage(change, in: file)
                outcomes.append((receiver, AppendOutcome(token: token, result: .success(Position(offset: 0)))))
            case .trim: continue
            }
        }
        try events.flush(to: file)
        try dead.flush(to: file)
        try events.traces.flush(to: file.traces, .events)
        try dead.traces.flush(to: file.traces, .dead)
    }

    private mutating func stage(_ change: CursorChange, in file: LogFile) throws(SQLiteError) {
        try file.cursors.apply(change)
        switch change.stream {
        case .events: events.traces.add(change.traces)
        case .dead: dead.traces.add(change.traces)
        }
    }

    private mutating func stage(_ append: Write.Append, in file: LogFile) throws(SQLiteError) {
        let batch = append.batch
        if let refusal = append.refusal {
            outcomes.append((batch.receiver, AppendOutcome(token: batch.token, result: .failure(refusal))))
            return
        }
        let first =
            switch batch.stream {
            case .events: events.state.next
            case .dead: dead.state.next
            }
        switch batch.stream {
        case .events: try events.add(append, to: file)
        case .dead: try dead.add(append, to: file)
        }
        if let change = batch.changes { try stage(change.placed(at: Position(offset: first)), in: file) }
        outcomes.append(
            (batch.receiver, AppendOutcome(token: batch.token, result: .success(Position(offset: first)))))
    }

    /// The outcomes where nothing of it was kept.
    static func failures(
        of writes: [Write], _ error: LogError
    ) -> [(receiver: any AppendReceiver, outcome: AppendOutcome)] {
        writes.compactMap { write in
            switch write {
            case .append(let append):
                let result = Result<Position, LogError>.failure(append.refusal ?? error)
                return (append.batch.receiver, AppendOutcome(token: append.batch.token, result: result))
            case .change(let change, let receiver, let token):
                return (receiver, AppendOutcome(token: token, result: .failure(change.refusal ?? error)))
            case .trim: return nil
            }
        }
    }

    /// Tells each receiver once, of all that is its own, in the order in which it came.
    static func tell(_ outcomes: [(receiver: any AppendReceiver, outcome: AppendOutcome)]) {
        var places: [ObjectIdentifier: Int] = [:]
        var groups: [(receiver: any AppendReceiver, outcomes: [AppendOutcome])] = []
        for (receiver, outcome) in outcomes {
            // Most commits have one receiver, and it is the last one.
            if let last = groups.last, last.receiver === receiver {
                groups[groups.count - 1].outcomes.append(outcome)
            } else if let place = places[ObjectIdentifier(receiver)] {
                groups[place].outcomes.append(outcome)
            } else {
                places[ObjectIdentifier(receiver)] = groups.count
                groups.append((receiver, [outcome]))
            }
        }
        for group in groups { group.receiver.appended(group.outcomes) }
    }
}

extension Write.Append {
    /// Why it can never be kept; nil where it can.
    fileprivate var refusal: LogError? {
        if encoded.largest > RecordFormat.recordBytesMax { return .tooLarge(limit: RecordFormat.recordBytesMax) }
        return batch.changes?.refusal
    }
}

extension CursorChange {
    /// Why it can never be kept; nil where it can.
    fileprivate var refusal: LogError? {
        let isTooLarge = entries.contains { ($0.value?.count ?? 0) > Limits.stateValueBytesMax }
        return isTooLarge ? .tooLarge(limit: Limits.stateValueBytesMax) : nil
    }
}
