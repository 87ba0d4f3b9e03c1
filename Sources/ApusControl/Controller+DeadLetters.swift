import ApusDispatch
package import ApusHistory
import ApusIntake
package import ApusPorts
package import ApusResources
import CloudEvents

/// What an edit has made.
package struct DeadLetterEdit: Sendable, Equatable {
    /// In the dead stream.
    package var original: Position
    package var copy: Position
}

/// What one step of a purge has done.
package struct DeadLetterPurge: Sendable, Equatable {
    package var purged: Int
    package var reach: DeadLetterReach

    package var document: DocumentNode { .mapping([("purged", .integer(purged))] + reach.members) }
}

// What is written to dead letters. The history room only reads.
extension Controller {
    /// Appends a changed copy of a dead letter, and marks both.
    ///
    /// The original is marked in the copy's own transaction, where the log can. The copy's offset is not known before it, so a
    /// second commit gives each the other's. A crash between the two leaves the original edited and the copy to be redriven,
    /// and ``BrokerHistory/deadLetter(at:)`` finds the copy by itself.
    ///
    /// - Parameters:
    ///   - position: In the dead stream.
    ///   - json: The whole event, in the JSON event format.
    package func editDeadLetter(
        namespace: String, broker: String, at position: Position, event json: [UInt8]
    ) async throws(DeadLetterRefusal) -> DeadLetterEdit {
        let identity = ResourceIdentity(kind: Broker.kind, namespace: namespace, name: broker)
        guard let service = services[identity], let history = history(namespace: namespace, broker: broker) else {
            throw .unknownBroker(namespace, broker)
        }
        // No redrive begins between the look at those that run and the mark, and no other edit.
        await replayTurn.enter()
        defer { replayTurn.leave() }
        let original: DeadLetterDetail
        do throws(DeadLetterMiss) {
            original = try await history.deadLetter(at: position)
        } catch {
            throw DeadLetterRefusal(error, at: position)
        }
        for (replay, running) in replays where running.broker == identity && running.stream == .dead {
            guard let run = running.run, await run.holds(original.record) else { continue }
            throw .conflict("\(position) is being redriven by Replay \(replay.name): wait for its end, or cancel it.")
        }
        let copy = try EditedLetter.copy(of: original, event: json) { event throws(IntakeRefusal) in
            try service.door.admit(event)
        }
        do throws(LogError) {
            return try await append(copy, of: original, to: service)
        } catch {
            throw DeadLetterRefusal(error)
        }
    }

    private func append(
        _ copy: EventRecord, of original: DeadLetterDetail, to service: BrokerService
    ) async throws(LogError) -> DeadLetterEdit {
        let offset = original.record.position.offset
        var mark = original.mark ?? DeadLetterMark(.edited, at: environment.now())
        (mark.state, mark.at, mark.copy) = (.edited, environment.now(), nil)
        var changes = CursorChange(stream: .dead)
        changes.entries = [StateEntry(key: StateKey.deadLetter(offset), value: mark.value)]
        let position = try await LogReceipt.of { receipt in
            service.log.append(AppendBatch(stream: .dead, records: [copy], changes: changes, receiver: receipt))
        }.get()
        mark.copy = position.offset
        let copied = DeadLetterMark(.copied, at: mark.at, original: offset)
        try await commit(
            [
                StateEntry(key: StateKey.deadLetter(offset), value: mark.value),
                StateEntry(key: StateKey.deadLetter(position.offset), value: copied.value),
            ], to: service)
        return DeadLetterEdit(original: original.record.position, copy: position)
    }

    /// Marks the dead letters of a query as purged, some at a time. What a mark said before stays in it.
    ///
    /// - Returns: How many; where `reach` says that there are more, go on with its `next`.
    package func purgeDeadLetters(
        namespace: String, broker: String, _ query: DeadLetterQuery
    ) async throws(DeadLetterRefusal) -> DeadLetterPurge {
        let identity = ResourceIdentity(kind: Broker.kind, namespace: namespace, name: broker)
        guard let service = services[identity], let history = history(namespace: namespace, broker: broker) else {
            throw .unknownBroker(namespace, broker)
        }
        var query = query
        query.states.remove(.purged)
        var total: DeadLetterPurge?
        repeat {
            let page: DeadLetterPage
            do throws(HistoryError) {
                page = try await history.deadLetters(query, limit: Limits.deadLetterMarksMax)
            } catch {
                throw DeadLetterRefusal(error)
            }
            do throws(LogError) {
                if !page.lines.isEmpty { try await purge(page.lines, of: service) }
            } catch {
                throw DeadLetterRefusal(error)
            }
            var reach = page.reach
            reach.scanned += total?.reach.scanned ?? 0
            reach.damaged += total?.reach.damaged ?? 0
            reach.range = total?.reach.range ?? reach.range
            total = DeadLetterPurge(purged: (total?.purged ?? 0) + page.lines.count, reach: reach)
            query.before = reach.next
            if reach.next != nil, reach.scanned >= Limits.scannedRecordsMax {
                total?.reach.isIncomplete = true
                break
            }
        } while query.before != nil && !Task.isCancelled
        guard let total else { preconditionFailure("a purge looks at one page at least") }
        return total
    }

    /// Whoever could still send one is told before, so that nothing of it is written behind the mark; and again after, as a
    /// redrive may have begun meanwhile.
    private func purge(_ lines: [DeadLetterLine], of service: BrokerService) async throws(LogError) {
        let offsets = lines.map(\.position.offset)
        await service.dispatcher.putAside(offsets)
        await putAside(offsets, of: service.key)
        try await commit(lines.map { $0.purged(at: environment.now()) }, to: service)
        await putAside(offsets, of: service.key)
    }

    private func putAside(_ offsets: [Int64], of broker: ResourceIdentity) async {
        for running in replays.values where running.broker == broker && running.stream == .dead {
            for run in running.runs { await run.putAside(offsets) }
        }
    }

    private func commit(_ entries: [StateEntry], to service: BrokerService) async throws(LogError) {
        var change = CursorChange(stream: .dead)
        change.entries = entries
        _ = try await LogReceipt.of { service.cursors.commit(change, receiver: $0, token: 0) }.get()
    }
}

extension DeadLetterLine {
    fileprivate func purged(at now: Timestamp) -> StateEntry {
        var mark = mark ?? DeadLetterMark(.purged, at: now)
        (mark.state, mark.at) = (.purged, now)
        return StateEntry(key: StateKey.deadLetter(position.offset), value: mark.value)
    }
}

/// Waits for what becomes of one append, or of one commit.
final class LogReceipt: AppendReceiver {
    private let continuation: CheckedContinuation<Result<Position, LogError>, Never>

    private init(_ continuation: CheckedContinuation<Result<Position, LogError>, Never>) { self.continuation = continuation }

    static func of(_ write: (LogReceipt) -> Void) async -> Result<Position, LogError> {
        await withCheckedContinuation { write(LogReceipt($0)) }
    }

    func appended(_ outcomes: [AppendOutcome]) {
        guard let outcome = outcomes.first else { return }
        continuation.resume(returning: outcome.result)
    }
}
