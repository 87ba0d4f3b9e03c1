/// Why a replay was not created or changed, as the resource API says it.
package struct ReplayRefusal: Error, Sendable, Equatable {
    /// The HTTP status.
    package var status: Int
    /// Kubernetes' word for it: `NotFound`, `AlreadyExists`, `Conflict`, `Invalid`.
    package var reason: String
    /// A sentence for a person.
    package var message: String
    /// The path of what is wrong, where that is a field.
    package var field: String?

    package init(status: Int, reason: String, message: String, field: String? = nil) {
        self.status = status
        self.reason = reason
        self.message = message
        self.field = field
    }
}
