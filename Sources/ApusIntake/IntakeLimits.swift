import ApusPorts
package import CloudEvents

/// The door's bounds. They start as ``Limits`` has them; flags and tests set others.
package struct IntakeLimits: Sendable {
    /// An event's attributes, forwarded fields and bytes together.
    package var eventBytesMax = Limits.eventBytesMax
    package var batchBytesMax = Limits.batchBytesMax
    /// Events that wait to become durable; from this on the door answers 429, and replies wait.
    package var queueEventsMax = Limits.appendQueueEventsMax
    package var queueBytesMax = Limits.appendQueueBytesMax
    /// Remembered `source` and `id` pairs of one broker's window, and the bytes that their texts may take.
    package var deduplicationEntriesMax = Limits.deduplicationEntriesMax
    package var deduplicationBytesMax = Limits.deduplicationBytesMax
    /// What reading a message keeps to.
    package var format: FormatLimits

    package init() {
        format = FormatLimits()
        format.attributes = Limits.attributesMax
        format.nesting = Limits.jsonNestingMax
        format.batchEvents = Limits.batchEventsMax
    }

    /// Whether a log's queue is at its bound (promise 4).
    func isFull(_ depth: QueueDepth) -> Bool { depth.events >= queueEventsMax || depth.bytes >= queueBytesMax }
}
