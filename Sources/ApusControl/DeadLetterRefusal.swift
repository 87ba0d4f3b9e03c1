package import ApusHistory
package import ApusIntake
package import ApusPorts

/// Why dead letters were not edited or purged: what a request is told.
package struct DeadLetterRefusal: Error, Sendable, Equatable {
    /// The HTTP status.
    package var status: Int
    package var code: String
    /// What was wrong, and what would be right.
    package var message: String
    /// The attribute or member that is wrong.
    package var field: String?

    package init(status: Int, code: String, message: String, field: String? = nil) {
        self.status = status
        self.code = code
        self.message = message
        self.field = field
    }

    /// The edited event is none, or one that the door would not take.
    package init(_ refusal: IntakeRefusal) {
        self.init(
            status: refusal.code.status, code: refusal.code.rawValue, message: refusal.message,
            field: refusal.field.map { "event.\($0)" })
    }

    package init(_ miss: DeadLetterMiss, at position: Position) {
        switch miss {
        case .trimmed: self.init(status: 410, code: "trimmed", message: miss.sentence(position))
        case .absent: self.init(status: 404, code: "unknown-dead-letter", message: miss.sentence(position))
        case .unreadable(let error): self.init(error)
        }
    }

    package init(_ error: HistoryError) {
        switch error {
        case .invalid: self.init(status: 400, code: "invalid-parameter", message: error.sentence, field: error.field)
        case .trimmed: self.init(status: 410, code: "trimmed", message: error.sentence, field: error.field)
        case .ahead: self.init(status: 404, code: "not-there-yet", message: error.sentence, field: error.field)
        case .log(let error): self.init(error)
        }
    }

    package init(_ error: LogError) {
        switch error {
        case .trimmed: self.init(status: 410, code: "trimmed", message: error.sentence)
        case .corrupt: self.init(status: 500, code: "damaged", message: error.sentence)
        case .tooLarge: self.init(status: 413, code: "event-too-large", message: error.sentence)
        case .unavailable, .closed: self.init(status: 503, code: "log-unavailable", message: error.sentence)
        }
    }

    static func unknownBroker(_ namespace: String, _ broker: String) -> DeadLetterRefusal {
        DeadLetterRefusal(
            status: 404, code: "unknown-broker",
            message: "There is no broker \(broker) in namespace \(namespace), or its log is not open.")
    }

    static func conflict(_ message: String) -> DeadLetterRefusal {
        DeadLetterRefusal(status: 409, code: "conflict", message: message)
    }
}
