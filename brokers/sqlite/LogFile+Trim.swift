internal import ApusPorts

extension LogFile {
    /// Rows that one transaction of a trim deletes at most.
    static let trimRowsMax = 64

    /// Forgets records before `target`, up to ``trimRowsMax`` rows of them, and the marks and traces of what goes; to be called
    /// in a transaction. `isWhole` is false where more is left to do.
    ///
    /// A row goes when all of its records do. Of the row that `target` stands in, `oldest` hides the first part.
    func trim(
        _ stream: Stream, _ state: StreamState, to target: Int64
    ) throws(SQLiteError) -> (state: StreamState, isWhole: Bool) {
        let after = try trimRecords(stream, state, to: target)
        if stream == .dead, after.oldest > state.oldest {
            // No more marks than records of those rows. They stand in the order of the offsets, which have leading zeros.
            let delete = try connection.prepare("DELETE FROM entries WHERE key >= ?1 AND key < ?2")
            try delete.run(
                .blob(Array(StateKey.deadLetter(0).utf8)), .blob(Array(StateKey.deadLetter(after.oldest).utf8)))
        }
        let isWhole = try traces.trim(stream, to: after.oldest)
        return (after, isWhole && after.oldest >= target)
    }

    private func trimRecords(_ stream: Stream, _ state: StreamState, to target: Int64) throws(SQLiteError) -> StreamState {
        var state = state
        var last: Int64?
        var rows = 0
        let chunks = try connection.prepare(
            """
            SELECT first, count, length(bytes) FROM \(stream.rawValue)
            WHERE first >= coalesce((SELECT max(first) FROM \(stream.rawValue) WHERE first <= ?1), ?1) ORDER BY first
            """)
        try chunks.bind(.integer(state.oldest))
        while rows < Self.trimRowsMax, state.oldest < target, try chunks.step() {
            let (first, count) = (chunks.integer(0), chunks.integer(1))
            let end = first + count
            // Where nothing of a row is hidden and all of it goes, its bytes need not be read.
            if end <= target, state.oldest <= first {
                state.bytes -= chunks.integer(2)
            } else {
                let (from, to) = (max(state.oldest, first) - first, min(end, target) - first)
                state.bytes -= try bytes(of: from..<to, count: count, first: first, stream)
            }
            state.oldest = min(end, target)
            if end <= target { last = first }
            rows += 1
        }
        chunks.reset()
        if rows < Self.trimRowsMax { state.oldest = max(state.oldest, target) }
        if let last {
            let delete = try connection.prepare("DELETE FROM \(stream.rawValue) WHERE first <= ?1")
            try delete.run(.integer(last))
        }
        try write(state, stream)
        return state
    }

    /// What some records of a row count for: their own bytes and their place in the row's list of ends.
    private func bytes(
        of indices: Range<Int64>, count: Int64, first: Int64, _ stream: Stream
    ) throws(SQLiteError) -> Int64 {
        let row = try connection.prepare("SELECT bytes FROM \(stream.rawValue) WHERE first = ?1")
        try row.bind(.integer(first))
        guard try row.step() else { return 0 }
        return row.withBlob(0) { bytes in
            var sum: Int64 = 0
            for index in indices {
                guard let place = Chunk.range(of: Int(index), count: Int(count), in: bytes) else { continue }
                sum += Int64(place.count + Chunk.endBytes)
            }
            return sum
        }
    }
}
