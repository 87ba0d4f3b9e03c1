/// A moment in UTC with nanosecond resolution: nanoseconds since 1970-01-01T00:00:00Z.
///
/// Holds years 1678 to 2261. An event's own `time` attribute stays text (``AttributeValue/timestamp(_:)``).
public struct Timestamp: Sendable, Hashable, Comparable {
    public var nanoseconds: Int64

    @inlinable
    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    @inlinable
    public static func < (left: Timestamp, right: Timestamp) -> Bool { left.nanoseconds < right.nanoseconds }
}
