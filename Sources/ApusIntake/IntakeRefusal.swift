package import ApusPorts
package import CloudEvents

/// Why the door did not take a message: what a producer is told (promise 5).
package struct IntakeRefusal: Error, Sendable, Equatable {
    package var code: ErrorCode
    /// What was wrong, and what would be right.
    package var message: String
    /// The attribute, member or header that is wrong.
    package var field: String?
    /// In a batch, the index of the event that is wrong.
    package var index: Int?
    /// When it is worth trying again: `Retry-After`.
    package var retryAfterSeconds: Int?

    package init(
        _ code: ErrorCode, _ message: String, field: String? = nil, index: Int? = nil, retryAfterSeconds: Int? = nil
    ) {
        self.code = code
        self.message = message
        self.field = field
        self.index = index
        self.retryAfterSeconds = retryAfterSeconds
    }

    /// A message that is no valid CloudEvent.
    package init(_ error: CloudEventError) {
        self.init(
            ErrorCode(rawValue: error.code.rawValue) ?? .notACloudEvent, error.message, field: error.field, index: error.index)
    }

    /// An append that failed. What the store said stays in the house: the log's health shows it.
    package init(_ error: LogError) {
        switch error {
        case .tooLarge(let limit):
            self.init(.eventTooLarge, "The broker's log holds no event larger than \(limit) bytes.")
        case .unavailable, .trimmed, .corrupt, .closed:
            self.init(
                .logUnavailable, "The broker's log cannot take events now, and none was stored; send again.",
                retryAfterSeconds: Self.retryAfterSeconds)
        }
    }

    static let queueFull = IntakeRefusal(
        .queueFull, "Too many events wait to become durable; send again a little later.", retryAfterSeconds: retryAfterSeconds)

    /// A queue drains, and a store comes back, within about this time or not soon.
    private static let retryAfterSeconds = 1
}
