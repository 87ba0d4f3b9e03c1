import ApusPorts

/// Why a Replay is not made, changed or removed: what Kubernetes' `Status` carries.
package struct ReplayRefusal: Error, Sendable, Equatable {
    /// Of HTTP.
    package var status: Int
    /// Kubernetes' word for it: `NotFound`, `AlreadyExists`, `Conflict`, `Invalid`, `Forbidden`, `ServiceUnavailable`.
    package var reason: String
    /// What was wrong, and what would be right.
    package var message: String
    /// The field of the document that is meant, where one is.
    package var field: String?

    package init(status: Int, reason: String, message: String, field: String? = nil) {
        self.status = status
        self.reason = reason
        self.message = message
        self.field = field
    }

    static func invalid(_ field: String, _ message: String) -> ReplayRefusal {
        ReplayRefusal(status: 422, reason: "Invalid", message: message, field: field)
    }

    static func conflict(_ message: String, field: String? = nil) -> ReplayRefusal {
        ReplayRefusal(status: 409, reason: "Conflict", message: message, field: field)
    }

    static func notFound(_ name: String) -> ReplayRefusal {
        ReplayRefusal(status: 404, reason: "NotFound", message: "replays.apus.dev \"\(name)\" not found")
    }

    static func exists(_ name: String) -> ReplayRefusal {
        ReplayRefusal(status: 409, reason: "AlreadyExists", message: "replays.apus.dev \"\(name)\" already exists")
    }

    static func unavailable(_ message: String) -> ReplayRefusal {
        ReplayRefusal(status: 503, reason: "ServiceUnavailable", message: message)
    }

    static func ownedBy(file: String, _ name: String, but: String = "") -> ReplayRefusal {
        conflict("Replay \(name) belongs to the file \(file): change it there\(but)")
    }

    static func log(_ error: LogError) -> ReplayRefusal { unavailable(error.sentence) }
}
