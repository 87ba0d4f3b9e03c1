internal import ApusPorts
internal import CloudEvents
internal import Synchronization

/// Looking an id up. All of it on the index's thread.
extension IDIndex {
    /// A look-up and what it found so far, newest first.
    private struct Search {
        let id: String
        let hash: UInt64
        let limit: Int
        var found: [Int64] = []

        var isDone: Bool { found.count >= limit }
    }

    /// Offsets of events with this id, ascending; the newest `limit` of them.
    func offsets(ofID id: String, limit: Int) throws(SQLiteError) -> [Int64] {
        let log = try opened()
        var search = Search(id: id, hash: hash.hash(id), limit: limit)
        let (first, end, inTail) = tail.withLock { ($0.first, $0.end, $0.offsets(of: search.hash)) }
        let (oldest, next) = (events.bounds.oldest.offset, events.bounds.next.offset)
        if max(end, oldest) < next { try scan(max(end, oldest)..<next, log, &search) }
        try verify(inTail, log, &search)
        guard oldest < min(first, next) else { return search.found.reversed() }
        for piece in pieces(oldest..<min(first, next)).reversed() where !search.isDone && !isStopped {
            if let run = piece.run, let candidates = candidates(of: search.hash, in: run) {
                try verify(candidates, log, &search)
            } else {
                try scan(piece.range, log, &search)
            }
        }
        return search.found.reversed()
    }

    /// What a run says; nil where it is damaged, and forgotten, to be made anew.
    private func candidates(of hash: UInt64, in run: IDRun) -> [Int64]? {
        guard let file else { return nil }
        do throws(SQLiteError) {
            if let offsets = try file.offsets(of: hash, in: run) { return offsets }
            try file.drop(run)
        } catch {
            failed(error)
        }
        thread.run { self.fill() }
        return nil
    }

    /// Takes those of some candidates, given ascending, whose record can be read and has the id.
    private func verify(_ candidates: [Int64], _ log: ReaderFile, _ search: inout Search) throws(SQLiteError) {
        for offset in candidates.reversed() where !search.isDone && !isStopped {
            let id = try id(at: offset, log)
            if id?.utf8.elementsEqual(search.id.utf8) == true { search.found.append(offset) }
        }
    }

    /// The id of an event; nil where it is trimmed or damaged.
    private func id(at offset: Int64, _ log: ReaderFile) throws(SQLiteError) -> String? {
        do throws(SQLiteError) {
            let records = try log.snapshot { () throws(SQLiteError) in try log.records(.events, at: [offset]) }
            guard case .success(let found) = records else { return nil }
            return found.first?.event.attributes.text(of: "id")
        } catch {
            guard error.isCorruption else { throw error }
            return nil
        }
    }

    /// Looks at every event of a stretch.
    private func scan(_ range: Range<Int64>, _ log: ReaderFile, _ search: inout Search) throws(SQLiteError) {
        let id = Array(search.id.utf8)
        var candidates: [Int64] = []
        var next = range.lowerBound
        while next < range.upperBound, !isStopped {
            (next, _) = try page(next..<range.upperBound, 0, log) { offset, other in
                if other.elementsEqual(id) { candidates.append(offset) }
            }
        }
        try verify(candidates, log, &search)
    }
}
