package import ApusPorts
package import CloudEvents
import EventFilters

/// Where one trigger stands on one of the broker's streams, for status, `apus describe` and tests.
package struct TriggerProgress: Sendable, Equatable {
    package var trigger: String
    /// `.events`, or `.dead` for the feed of its dead letter sink.
    package var stream: Stream
    /// The next offset that is read.
    package var next: Int64
    /// Events on the log that were not read yet.
    package var lag: Int64
    package var inFlight: Int
    /// Matching events that were read and have no outcome yet, those in flight included.
    package var open: Int
    package var parked: Int
    package var nextDueAt: Timestamp?
    package var stopped: ReaderStop?
    /// What went wrong last with the log or the cursors, as a sentence; nil once it went well again.
    package var lastError: String?
    /// Since the process started.
    package var delivered: Int
    package var dead: Int
    /// Events that were trimmed or damaged before they were delivered, since the process started.
    package var lost: Int
    /// Events on which the filter met an evaluation error, which is no match, since the process started or the filter changed.
    package var filterErrors: Int
    package var lastFilterError: FilterErrorSighting?
}

/// An event on which a trigger's filter met an evaluation error.
///
/// Seeing one stores what is at hand; what went wrong is found when somebody asks.
package struct FilterErrorSighting: Sendable {
    package let position: Position
    /// When the log took the event.
    package let appendedAt: Timestamp
    let filter: CompiledFilter
    let attributes: Attributes

    /// What went wrong, e.g. `region = 'eu' is an error: the event has no attribute region`.
    ///
    /// Evaluates the filter again, and parses it for that: not for an event's way.
    package var sentence: String {
        filter.firstEvaluationError(attributes)?.description ?? "an expression that was an error gives a value now"
    }
}

extension FilterErrorSighting: Equatable {
    package static func == (left: FilterErrorSighting, right: FilterErrorSighting) -> Bool { left.position == right.position }
}
