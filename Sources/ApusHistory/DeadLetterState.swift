package import ApusPorts

/// Where a dead letter stands now, by its mark (promise 18).
package enum DeadLetterState: String, Sendable, Hashable, CaseIterable {
    /// Nothing came of it yet.
    case open
    /// A redrive delivered it.
    case redriven
    /// A redrive tried and gave up.
    case failed
    /// Its dead letter sink gave up on it.
    case sinkFailed = "sink-failed"
    /// A changed copy stands in its place.
    case edited
    /// It is a changed copy that was not redriven yet.
    case copied
    /// Put aside by a person.
    case purged

    /// What still wants someone's attention: all but what is redriven, edited or purged.
    package static let attention: Set<DeadLetterState> = [.open, .failed, .sinkFailed, .copied]

    /// - Parameter mark: nil where the letter has none. A copy whose mark was lost to a crash is known by its reason.
    package init(_ letter: DeadLetter, _ mark: DeadLetterMark?) {
        switch mark?.state {
        case nil: self = letter.reason == .edited ? .copied : .open
        case .redriven: self = .redriven
        case .failed: self = .failed
        case .sinkFailed: self = .sinkFailed
        case .edited: self = .edited
        case .copied: self = .copied
        case .purged: self = .purged
        }
    }
}

/// A dead letter as lists and groups have it: without its data.
package struct DeadLetterLine: Sendable {
    /// Its body is empty: a list of large events must not take their room.
    package var record: LogRecord
    package var letter: DeadLetter
    package var mark: DeadLetterMark?

    package var state: DeadLetterState { DeadLetterState(letter, mark) }
    package var position: Position { record.position }
}
