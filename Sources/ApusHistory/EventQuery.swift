package import ApusPorts
package import ApusResources
package import EventFilters

/// Which records of a broker's log are asked for, and in which order.
package struct EventQuery: Sendable {
    package enum Order: String, Sendable, CaseIterable { case oldest, newest }

    package var stream: Stream
    /// Inclusive.
    package var from: LogPoint
    /// Exclusive.
    package var until: LogPoint
    package var filter: CompiledFilter
    package var order: Order
    /// Records of the page: 1 to ``Limits/listedEventsMax``.
    package var limit: Int
    /// Where the page before this one ended (``EventPage/cursor``). It holds the bounds as they were resolved for the first
    /// page, so `from` and `until` are not looked at then.
    package var cursor: String?

    package init(
        stream: Stream = .events, from: LogPoint = .earliest, until: LogPoint = .latest, filter: CompiledFilter = .everything,
        order: Order = .newest, limit: Int = 100, cursor: String? = nil
    ) {
        self.stream = stream
        self.from = from
        self.until = until
        self.filter = filter
        self.order = order
        self.limit = limit
        self.cursor = cursor
    }
}

/// One page of records. It may be short, even empty, and still have a cursor: the work of one request is bounded.
package struct EventPage: Sendable {
    package var records: [LogRecord]
    /// Where the next page begins; nil where there is none.
    package var cursor: String?
    /// Where the log begins and ends now.
    package var bounds: StreamBounds
    /// Records that were looked at for this page.
    package var scanned: Int
    /// Those among them whose bytes are damaged, in the order of the page.
    package var damaged: [Position]
}

/// What a count came to, of the part of the range that one request looked at.
package struct EventCount: Sendable {
    package var matched: Int
    package var scanned: Int
    /// Records whose bytes are damaged; they are not among `scanned`.
    package var damaged: Int
    /// The newest of those that matched, in the order of the log.
    package var sample: [LogRecord]
    /// The range as it was resolved for the first part.
    package var from: Position
    package var until: Position
    /// Where the next part begins; nil where the range is through.
    package var cursor: String?
}

/// What stands at a position.
package enum RecordAnswer: Sendable, Equatable {
    case found(LogRecord)
    case trimmed(oldest: Position)
    /// Nothing stands there yet; the next record will stand at `end`.
    case ahead(end: Position)
    case damaged(detail: String)
}

/// Why a log does not answer a question.
package enum HistoryError: Error, Sendable, Equatable {
    /// The question is wrong: which part of it, and a sentence.
    case invalid(field: String, message: String)
    /// What is asked for is no longer there; the log begins at `oldest`.
    case trimmed(field: String?, oldest: Position)
    /// What is asked for is not there yet; the log ends before `end`.
    case ahead(field: String?, end: Position)
    case log(LogError)

    init(_ error: LogError) {
        if case .trimmed(let oldest) = error {
            self = .trimmed(field: nil, oldest: oldest)
        } else {
            self = .log(error)
        }
    }

    /// The part of the question that is wrong; nil where none is.
    package var field: String? {
        switch self {
        case .invalid(let field, _): field
        case .trimmed(let field, _), .ahead(let field, _): field
        case .log: nil
        }
    }

    package var sentence: String {
        switch self {
        case .invalid(_, let message): message
        case .trimmed(_, let oldest): "The log begins at \(oldest): what was before is trimmed."
        case .ahead(_, let end): "The log ends before \(end): nothing stands there yet."
        case .log(let error): error.sentence
        }
    }
}
