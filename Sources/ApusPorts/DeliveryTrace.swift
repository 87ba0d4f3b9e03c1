public import CloudEvents

/// One attempt and what came of it, as the passport tells it (promise 22). It rides the commit of the cursor that moves for it.
public struct DeliveryTrace: Sendable, Equatable {
    public enum Ending: Sendable, Equatable {
        case delivered
        /// Delivered, and the subscriber's reply stands there.
        case replied(Position)
        /// Parked until then.
        case retry(dueAt: Timestamp)
        /// Given up; the dead letter stands there.
        case dead(Position)
        /// Given up without a dead letter: a dead letter sink, or a redrive that failed.
        case abandoned
    }

    /// A trigger, or a replay's reader (``ReaderName/isTrigger``).
    public var reader: ReaderName
    /// The event, in the stream of the change that carries this.
    public var offset: Int64
    /// Counted from 1.
    public var attempt: Int
    public var beganAt: Timestamp
    /// From the attempt's begin to the last byte of its answer.
    public var microseconds: Int64
    /// The HTTP status; 0 where no whole answer came.
    public var status: Int
    /// Of an attempt that failed: the first ``Limits/traceTextBytesMax`` bytes of the answer's body, or the transport error.
    public var text: [UInt8]
    public var ending: Ending

    public init(
        reader: ReaderName, offset: Int64, attempt: Int, beganAt: Timestamp, microseconds: Int64, status: Int,
        text: [UInt8] = [], ending: Ending
    ) {
        self.reader = reader
        self.offset = offset
        self.attempt = attempt
        self.beganAt = beganAt
        self.microseconds = microseconds
        self.status = status
        self.text = text
        self.ending = ending
    }
}

extension Position {
    /// In a trace that rides an append (``AppendBatch/changes``): where the batch's own first record comes to stand, which only
    /// the log knows. It keeps that position instead (``CursorChange/placed(at:)``).
    public static let ownRecord = Position(lane: -1, offset: -1)
}

extension CursorChange {
    /// The changes of a batch whose first record stands at `first`, as a log makes them durable with it.
    public func placed(at first: Position) -> CursorChange {
        guard traces.contains(where: { $0.ending.isOwnRecord }) else { return self }
        var placed = self
        for index in placed.traces.indices { placed.traces[index].ending.place(at: first) }
        return placed
    }
}

extension DeliveryTrace.Ending {
    fileprivate var isOwnRecord: Bool {
        switch self {
        case .replied(.ownRecord), .dead(.ownRecord): true
        case .delivered, .replied, .retry, .dead, .abandoned: false
        }
    }

    fileprivate mutating func place(at first: Position) {
        switch self {
        case .replied(.ownRecord): self = .replied(first)
        case .dead(.ownRecord): self = .dead(first)
        case .delivered, .replied, .retry, .dead, .abandoned: break
        }
    }
}
