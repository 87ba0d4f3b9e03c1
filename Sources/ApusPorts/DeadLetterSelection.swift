/// Which dead letters are meant, besides a range of positions and a filter over the events: what a list, a redrive and a purge
/// have in common.
public struct DeadLetterSelection: Sendable, Equatable {
    /// The trigger that gave up; nil for any.
    public var trigger: String?
    /// nil for any.
    public var reason: DeadLetter.Reason?
    /// Offsets in the dead stream; nil for any.
    public var offsets: Set<Int64>?

    public init(trigger: String? = nil, reason: DeadLetter.Reason? = nil, offsets: Set<Int64>? = nil) {
        self.trigger = trigger
        self.reason = reason
        self.offsets = offsets
    }

    /// Whether a record of the dead stream is meant. Marks are not looked at.
    public func takes(_ record: LogRecord) -> Bool {
        guard let letter = record.event.deadLetter else { return false }
        if let trigger, !letter.trigger.utf8.elementsEqual(trigger.utf8) { return false }
        if let reason, letter.reason != reason { return false }
        return offsets?.contains(record.position.offset) ?? true
    }
}
