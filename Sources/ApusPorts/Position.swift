internal import ApusResources

/// Where a record stands in a stream: a lane (a partition where the engine has them, else 0) and an offset in it.
///
/// Written `LANE:OFFSET`; with one lane the bare offset is read too. Offsets of a lane start at 0 and only grow.
public struct Position: Sendable, Hashable, Comparable, CustomStringConvertible {
    public var lane: Int32
    public var offset: Int64

    public init(lane: Int32 = 0, offset: Int64) {
        self.lane = lane
        self.offset = offset
    }

    /// Reads `LANE:OFFSET` or `OFFSET`; nil for anything else, a sign included.
    public init?(_ text: String) {
        guard case .position(let lane, let offset)? = LogPoint(position: text) else { return nil }
        self.init(lane: lane, offset: offset)
    }

    public var description: String { "\(lane):\(offset)" }

    public static func < (left: Position, right: Position) -> Bool {
        (left.lane, left.offset) < (right.lane, right.offset)
    }
}

/// The two streams of a broker: what was accepted, and what a trigger gave up on (promise 17).
public enum Stream: String, Sendable, Hashable, CaseIterable {
    case events
    case dead
}

/// What a stream holds: `oldest..<next`, empty where they are equal.
public struct StreamBounds: Sendable, Equatable {
    /// The oldest position that can be read.
    public var oldest: Position
    /// The position that the next append will take.
    public var next: Position

    public init(oldest: Position, next: Position) {
        self.oldest = oldest
        self.next = next
    }
}
