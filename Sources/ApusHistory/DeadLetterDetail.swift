package import ApusPorts
import CloudEvents

/// One dead letter with all that is known of it.
package struct DeadLetterDetail: Sendable {
    /// With its data.
    package var record: LogRecord
    package var letter: DeadLetter
    package var mark: DeadLetterMark?
    /// The attempts of the trigger that gave up, as far as they were kept.
    package var attempts: [DeliveryTrace]
    /// The attempts of its dead letter sink and of redrives.
    package var later: [DeliveryTrace]
    /// Where changed copies of it stand in the dead stream.
    package var copies: [Position]
    /// Where it stands what this is a changed copy of; nil where it is none, or that is trimmed.
    package var original: Position?

    package var state: DeadLetterState { DeadLetterState(letter, mark) }
}

/// Why there is no dead letter at a position.
package enum DeadLetterMiss: Error, Sendable, Equatable {
    /// It was there, and the dead stream's retention took it.
    case trimmed(oldest: Position)
    /// The dead stream has not come so far. `isEvent`: the stream of events has, and the event there became these dead letters.
    case absent(end: Position, isEvent: Bool, letters: [Position])
    case unreadable(LogError)

    /// - Parameter position: What was asked for.
    package func sentence(_ position: Position) -> String {
        switch self {
        case .trimmed(let oldest):
            return "The dead letter at \(position) is trimmed; dead letters begin at \(oldest)."
        case .absent(let end, let isEvent, let letters):
            let there =
                end.offset == 0
                ? "this broker has no dead letters"
                : "the newest is at \(Position(lane: end.lane, offset: end.offset - 1))"
            var sentence = "There is no dead letter at \(position): \(there)."
            if isEvent {
                sentence += " Dead letters have positions of their own; \(position) is an event's"
                let names = letters.map { "\($0)" }.joined(separator: ", ")
                switch letters.count {
                case 0: sentence += ", of which no dead letter is known."
                case 1: sentence += ", and its dead letter is at \(names)."
                default: sentence += ", and its dead letters are at \(names)."
                }
            }
            return sentence
        case .unreadable(let error): return error.sentence
        }
    }
}

extension BrokerHistory {
    /// One dead letter.
    ///
    /// - Parameter position: In the dead stream.
    package func deadLetter(at position: Position) async throws(DeadLetterMiss) -> DeadLetterDetail {
        do throws(LogError) {
            if let detail = try await detail(at: position) { return detail }
        } catch {
            throw .unreadable(error)
        }
        throw await miss(position)
    }

    private func detail(at position: Position) async throws(LogError) -> DeadLetterDetail? {
        let bounds = log.bounds(of: .dead)
        guard position.lane == bounds.next.lane, (bounds.oldest.offset..<bounds.next.offset).contains(position.offset),
            let record = try await log.read(.dead, at: [position.offset]).first, let letter = record.event.deadLetter
        else { return nil }
        let mark = try await deadLetterMark(at: position.offset)
        // A source's record never was an event: its position is none of this log's.
        let isOfEvent = letter.reason != .unreadable
        let attempts = isOfEvent ? try await cursors.traces(.events, at: letter.position.offset) : []
        return DeadLetterDetail(
            record: record, letter: letter, mark: mark,
            attempts: attempts.filter { $0.reader.utf8.elementsEqual(letter.trigger.utf8) },
            later: try await cursors.traces(.dead, at: position.offset),
            copies: try await copies(of: record, letter, mark), original: mark?.original.map { Position(offset: $0) })
    }

    /// What became of a dead letter; nil where nothing did yet.
    package func deadLetterMark(at offset: Int64) async throws(LogError) -> DeadLetterMark? {
        let entries = try await cursors.entries(
            from: StateKey.deadLetter(offset), until: StateKey.deadLetter(offset + 1), limit: 1)
        return entries.first?.value.flatMap(DeadLetterMark.init)
    }

    /// The mark names the copy. Where a crash came between the copy and its name, the copy is looked for among what was written
    /// after the letter.
    private func copies(
        of record: LogRecord, _ letter: DeadLetter, _ mark: DeadLetterMark?
    ) async throws(LogError) -> [Position] {
        if let copy = mark?.copy { return [Position(offset: copy)] }
        guard mark?.state == .edited else { return [] }
        let start = record.position.offset + 1
        let end = min(log.bounds(of: .dead).next.offset, start + Int64(Limits.scannedRecordsMax))
        var found: [Position] = []
        _ = try await log.scan(.dead, start..<max(start, end)) { later in
            if let copy = later.event.deadLetter, copy.reason == .edited, copy.position == letter.position,
                copy.trigger.utf8.elementsEqual(letter.trigger.utf8)
            {
                found.append(later.position)
            }
            return found.isEmpty
        }
        return found
    }

    private func miss(_ position: Position) async -> DeadLetterMiss {
        let dead = log.bounds(of: .dead), events = log.bounds(of: .events)
        if position.lane == dead.oldest.lane, position.offset < dead.oldest.offset { return .trimmed(oldest: dead.oldest) }
        let isEvent =
            position.lane == events.oldest.lane
            && (events.oldest.offset..<events.next.offset).contains(position.offset)
        var letters: [Position] = []
        if isEvent {
            do throws(LogError) {
                for trace in try await cursors.traces(.events, at: position.offset) {
                    if case .dead(let letter) = trace.ending, letter >= dead.oldest { letters.append(letter) }
                }
            } catch {
                return .unreadable(error)
            }
        }
        return .absent(end: dead.next, isEvent: isEvent, letters: letters)
    }
}
