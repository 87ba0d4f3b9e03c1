import ApusPorts

// Dead letters that a person has purged, and that their trigger's sink has not had yet: they go to no sink.
extension BrokerDispatcher {
    /// Dead letters that a person purges now. None is tried from here on; an attempt that is being made ends.
    package func putAside(_ offsets: [Int64]) {
        let needed = keepFrom(.dead)
        if aside.count >= asidePrunedAt {
            aside = aside.filter { $0 >= needed }
            asidePrunedAt = max(Limits.deadLetterMarksMax, aside.count * 2)
        }
        aside.formUnion(offsets.filter { $0 >= needed })
    }

    /// Whether the event in a reader's slot was purged; it is passed then.
    func passesPurged(_ slot: Int, _ reader: ReaderRun, _ run: StreamRun) -> Bool {
        guard run.stream == .dead, aside.remove(reader.events[slot].offset) != nil else { return false }
        close(slot, reader, run, isMarked: false)
        return true
    }

    /// What was purged of what the sinks of `loaded` have still to be fed.
    func loadAside(_ loaded: StreamCursors) async throws(LogError) -> Set<Int64> {
        reading += 1
        defer { reading -= 1 }
        let starts = loaded.readers.filter { $0.key.isTrigger }.map { $0.value.start(shared: loaded.shared) }
        guard let first = starts.min() else { return [] }
        var aside: Set<Int64> = []
        var from = StateKey.deadLetter(max(0, first))
        while true {
            let page = try await cursors.entries(
                from: from, until: StateKey.end(of: StateKey.deadLetters), limit: bounds.pageRecords)
            for entry in page where entry.value.flatMap(DeadLetterMark.init)?.state == .purged {
                if let offset = StateKey.deadLetterOffset(entry.key) { aside.insert(offset) }
            }
            guard page.count == bounds.pageRecords, let last = page.last else { return aside }
            from = last.key + "\0"
        }
    }
}

extension ReaderCursor {
    /// The first offset that it has still to do with.
    fileprivate func start(shared: Int64) -> Int64 {
        min(next ?? shared, open.first ?? .max, parked.map(\.offset).min() ?? .max)
    }
}
