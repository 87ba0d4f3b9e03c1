internal import ApusPorts
internal import Synchronization

/// How runs come and go. All of it on the index's thread.
extension IDIndex {
    /// Records that one look at the log reads, in bytes.
    static let pageBytes = 8_388_608

    /// Makes runs of the tail as long as one is due.
    func build() {
        var isWritten = true
        while isWritten, !isStopped {
            guard let (first, hashes) = tail.withLock({ $0.isDue ? $0.due : nil }) else { break }
            do throws(SQLiteError) {
                let entries = hashes.enumerated().map { (offset: first + Int64($0.offset), hash: $0.element) }
                try write(first..<first + Int64(hashes.count), entries)
                tail.withLock { $0.covered(to: first + Int64(hashes.count)) }
            } catch {
                failed(error)
                isWritten = false
            }
        }
        tail.withLock { $0.done(isWritten: isWritten) }
        if isWritten { fill() }
    }

    /// Reads the oldest events that neither a run nor the tail covers, one run of them at most; then has the next ones read,
    /// after the look-ups that came meanwhile.
    func fill() {
        do throws(SQLiteError) {
            let log = try opened()
            let (first, bounds) = tail.withLock { ($0.first, $0.bounds) }
            let uncovered = pieces(events.bounds.oldest.offset..<first).first { $0.run == nil }
            guard let gap = uncovered?.range, !isStopped else { return }
            let (end, entries) = try read(gap, log, bounds)
            guard !isStopped else { return }
            if end == first, end - gap.lowerBound < Int64(bounds.runEvents) {
                var hashes = [UInt64](repeating: 0, count: Int(end - gap.lowerBound))
                for entry in entries { hashes[Int(entry.offset - gap.lowerBound)] = entry.hash }
                // Where the tail is another by now, the next look finds what is uncovered then.
                _ = tail.withLock { $0.prepend(hashes, first: gap.lowerBound) }
            } else {
                try write(gap.lowerBound..<end, entries)
            }
        } catch {
            // Tried again with the next run that is due.
            failed(error)
            return
        }
        thread.run { self.fill() }
    }

    /// Forgets runs of which no event is left.
    func dropTrimmed() {
        guard let file else { return }
        let oldest = events.bounds.oldest.offset
        do throws(SQLiteError) {
            for run in file.runs where run.end <= oldest { try file.drop(run) }
        } catch {
            failed(error)
        }
    }

    /// Stretches of `range`, ascending, each with the run that covers it, or none.
    func pieces(_ range: Range<Int64>) -> [(range: Range<Int64>, run: IDRun?)] {
        var pieces: [(range: Range<Int64>, run: IDRun?)] = []
        var next = range.lowerBound
        for run in file?.runs ?? [] where run.range.overlaps(range) {
            if next < run.first { pieces.append((next..<run.first, nil)) }
            let end = min(run.end, range.upperBound)
            pieces.append((max(next, run.first)..<end, run))
            next = end
        }
        if next < range.upperBound { pieces.append((next..<range.upperBound, nil)) }
        return pieces
    }

    private func write(_ range: Range<Int64>, _ entries: [(offset: Int64, hash: UInt64)]) throws(SQLiteError) {
        let log = try opened()
        // Where it is trimmed already, it needs no run.
        guard let time = try time(at: range.upperBound - 1, in: log) else { return }
        let (run, parts) = IDRun.make(first: range.lowerBound, count: range.count, hashes: entries, lastTime: time)
        try made().write(run, parts)
    }

    /// Hashes of a stretch's beginning, as long as a run may be, and where it ends.
    private func read(
        _ gap: Range<Int64>, _ log: ReaderFile, _ bounds: IDTail.Bounds
    ) throws(SQLiteError) -> (end: Int64, entries: [(offset: Int64, hash: UInt64)]) {
        let limit = min(gap.upperBound, gap.lowerBound + Int64(bounds.runEvents))
        var entries: [(offset: Int64, hash: UInt64)] = []
        var next = gap.lowerBound
        var bytes = 0
        while next < limit, bytes < bounds.runBytes, !isStopped {
            (next, bytes) = try page(next..<limit, bytes, log) { offset, id in entries.append((offset, hash.hash(id))) }
        }
        return (next, entries)
    }

    /// Hands the ids of a stretch's beginning to `body`; gives where to go on, and `bytes` with what was read. Damage is passed
    /// over.
    func page(
        _ range: Range<Int64>, _ bytes: Int, _ log: ReaderFile, _ body: (Int64, UnsafeRawBufferPointer) -> Void
    ) throws(SQLiteError) -> (next: Int64, bytes: Int) {
        do throws(SQLiteError) {
            let page = try log.snapshot { () throws(SQLiteError) in try log.ids(range, bytesMax: Self.pageBytes, body) }
            return (page.next, bytes + page.bytes)
        } catch {
            guard error.isCorruption else { throw error }
            return (range.lowerBound + 1, bytes)
        }
    }
}
