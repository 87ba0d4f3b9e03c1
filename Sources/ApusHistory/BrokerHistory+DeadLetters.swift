import ApusPorts
import ApusResources
import CloudEvents

extension BrokerHistory {
    /// A page of dead letters, the newest first.
    ///
    /// - Parameter limit: How many at most.
    package func deadLetters(_ query: DeadLetterQuery, limit: Int) async throws(HistoryError) -> DeadLetterPage {
        var lines: [DeadLetterLine] = []
        let reach = try await walk(query) { line in
            lines.append(line)
            return lines.count < limit
        }
        return DeadLetterPage(lines: lines, reach: reach)
    }

    /// Dead letters by trigger, reason and kind of error, the largest group first.
    package func deadLetterGroups(_ query: DeadLetterQuery) async throws(HistoryError) -> DeadLetterGroups {
        var groups: [DeadLetterGroup.Key: DeadLetterGroup] = [:]
        var (others, count) = (0, 0)
        let reach = try await walk(query) { line in
            count += 1
            let key = DeadLetterGroup.Key(
                trigger: line.letter.trigger, reason: line.letter.reason,
                error: ErrorSignature(status: line.letter.status, body: line.letter.body))
            let at = line.record.appendedAt
            if var group = groups[key] {
                group.count += 1
                group.firstAt = at
                groups[key] = group
            } else if groups.count < Limits.deadLetterGroupsMax {
                groups[key] = DeadLetterGroup(key: key, count: 1, firstAt: at, lastAt: at, sample: line.position)
            } else {
                others += 1
            }
            return true
        }
        let sorted = groups.values.sorted { ($0.count, $0.sample) > ($1.count, $1.sample) }
        return DeadLetterGroups(groups: sorted, others: others, count: count, reach: reach)
    }

    /// Hands the letters of a query to `body`, the newest first, until it says false, until there are no more, or until
    /// ``Limits/scannedRecordsMax`` records were looked at.
    private func walk(
        _ query: DeadLetterQuery, _ body: (DeadLetterLine) -> Bool
    ) async throws(HistoryError) -> DeadLetterReach {
        let range = try await range(of: query)
        var reach = DeadLetterReach(range: range)
        var end = min(range.upperBound, query.before ?? .max)
        var named = query.selection.offsets.map { $0.filter { range.contains($0) && $0 < end }.sorted() }
        while end > range.lowerBound, !Task.isCancelled {
            guard reach.scanned < Limits.scannedRecordsMax else {
                reach.isIncomplete = true
                reach.next = end
                return reach
            }
            let window: DeadLetterWindow, lines: [DeadLetterLine]
            do throws(LogError) {
                if let offsets = named {
                    guard let first = offsets.suffix(Self.namedRecords).first else { break }
                    window = try await self.window(at: offsets.suffix(Self.namedRecords), query)
                    named = offsets.dropLast(Self.namedRecords)
                    end = first
                } else {
                    let start = max(range.lowerBound, end - Self.windowOffsets)
                    window = try await self.window(start..<end, query)
                    end = start
                }
                lines = try await marked(window.records)
            } catch {
                throw HistoryError(error)
            }
            reach.scanned += window.scanned
            reach.damaged += window.damaged
            for line in lines.reversed() where query.states.contains(line.state) {
                guard body(line) else {
                    reach.next = line.position.offset > range.lowerBound ? line.position.offset : nil
                    return reach
                }
            }
        }
        return reach
    }

    /// Offsets that are looked at together; of their records only what a line has is kept.
    private static let windowOffsets: Int64 = 512
    /// Records that are fetched by their offsets at once, whole.
    private static let namedRecords = 64

    private struct DeadLetterWindow {
        /// Those that the query takes, ascending.
        var records: [LogRecord] = []
        var scanned = 0
        var damaged = 0
    }

    private func range(of query: DeadLetterQuery) async throws(HistoryError) -> Range<Int64> {
        let range = try await range(query.from, query.until, in: .dead)
        // A trim may have come since a time was looked up.
        let oldest = log.bounds(of: .dead).oldest.offset
        return max(range.lowerBound, oldest)..<max(range.upperBound, oldest)
    }

    private func window(_ range: Range<Int64>, _ query: DeadLetterQuery) async throws(LogError) -> DeadLetterWindow {
        var window = DeadLetterWindow(), start = range.lowerBound
        while start < range.upperBound {
            do throws(LogError) {
                let end = try await log.scan(.dead, start..<range.upperBound) { record in
                    if query.takes(record) { window.records.append(record.withoutBody) }
                    return true
                }
                window.scanned += end.scanned
                window.damaged += end.damaged
                break
            } catch {
                // What was trimmed meanwhile is not missed: it has gone.
                guard case .trimmed(let oldest) = error, oldest.offset > start else { throw error }
                window = DeadLetterWindow()
                start = oldest.offset
            }
        }
        return window
    }

    private func window(at offsets: some Collection<Int64>, _ query: DeadLetterQuery) async throws(LogError) -> DeadLetterWindow {
        let records = try await log.read(.dead, at: Array(offsets))
        return DeadLetterWindow(records: records.filter(query.takes).map(\.withoutBody), scanned: records.count)
    }

    /// The records, ascending, with their marks.
    private func marked(_ records: [LogRecord]) async throws(LogError) -> [DeadLetterLine] {
        guard let first = records.first?.position.offset, let last = records.last?.position.offset else { return [] }
        var marks: [Int64: DeadLetterMark] = [:]
        let entries = try await cursors.entries(
            from: StateKey.deadLetter(first), until: StateKey.deadLetter(last + 1), pageEntriesMax: Int(Self.windowOffsets))
        for entry in entries {
            if let offset = StateKey.deadLetterOffset(entry.key), let value = entry.value {
                marks[offset] = DeadLetterMark(value)
            }
        }
        return records.compactMap { record in
            record.event.deadLetter.map { letter in
                DeadLetterLine(record: record, letter: letter, mark: marks[record.position.offset])
            }
        }
    }
}

extension LogRecord {
    fileprivate var withoutBody: LogRecord {
        var copy = self
        copy.event.body = []
        return copy
    }
}
