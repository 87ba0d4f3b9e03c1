/// What a trigger asks of an event, as it is written: the dialects of the CloudEvents Subscriptions API and Knative.
public indirect enum FilterExpression: Sendable, Equatable {
    /// Every named attribute equals its value.
    case exact([AttributePredicate])
    case prefix([AttributePredicate])
    case suffix([AttributePredicate])
    case all([FilterExpression])
    case any([FilterExpression])
    case not(FilterExpression)
    case cesql(String)
    /// Knative's `filter.attributes`: as `exact`, but an empty value asks only that the attribute is there.
    case attributes([AttributePredicate])
}

public struct AttributePredicate: Sendable, Equatable {
    public var name: String
    public var value: String

    public init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}

/// A filter that cannot be compiled: where in the filter, and a sentence.
public struct FilterError: Error, Sendable {
    /// Path below the filter field, e.g. `[1].any[0].exact`.
    public var path: String
    public var message: String
    /// The line of a CESQL expression that does not parse, and below it a caret under the place; empty for the other dialects.
    public var excerpt: [String]

    public init(path: String, message: String, excerpt: [String] = []) {
        self.path = path
        self.message = message
        self.excerpt = excerpt
    }
}

extension FilterError: Equatable {
    /// By what is said, not by how it is shown.
    public static func == (left: FilterError, right: FilterError) -> Bool {
        left.path == right.path && left.message == right.message
    }
}
