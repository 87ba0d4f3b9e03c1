public import CloudEvents

/// Something in a filter that is valid and still likely to be a mistake.
public struct FilterWarning: Sendable, Equatable {
    /// Path below the filter field, e.g. `[1].any[0].cesql`.
    public var path: String
    /// The expression, as it was written.
    public var expression: String
    public var warning: CESQLWarning
}

/// A CESQL expression that came to an error for an event, and therefore to no.
public struct FilterEvaluationError: Sendable, Equatable {
    /// Path below the filter field, e.g. `[1].any[0].cesql`.
    public var path: String
    /// The part of the expression that has the error.
    public var expression: String
    /// The first error.
    public var error: CESQLError
}

extension FilterEvaluationError: CustomStringConvertible {
    /// One sentence on one line, e.g. `region = 'eu' is an error: the event has no attribute region`; what is long is cut.
    public var description: String { "\(Self.line(expression)) is an error: \(Self.line(error.message))" }

    private static func line(_ text: String) -> String {
        let scalars = text.unicodeScalars.prefix(200).map { $0.value < 0x20 ? " " : Character($0) }
        return String(scalars) + (text.unicodeScalars.count > scalars.count ? "…" : "")
    }
}

extension CompiledFilter {
    /// What its expressions are warned about, in reading order.
    public var warnings: [FilterWarning] { Self.warnings(of: expressions, path: "") }

    private static func warnings(of list: [FilterExpression], path: String) -> [FilterWarning] {
        list.enumerated().flatMap { warnings(of: $0.element, path: "\(path)[\($0.offset)]") }
    }

    private static func warnings(of expression: FilterExpression, path: String) -> [FilterWarning] {
        switch expression {
        case .exact, .prefix, .suffix, .attributes: []
        case .all(let children): warnings(of: children, path: "\(path).all")
        case .any(let children): warnings(of: children, path: "\(path).any")
        case .not(let child): warnings(of: child, path: "\(path).not")
        case .cesql(let text):
            ((try? CESQLExpression(text))?.warnings ?? []).map {
                FilterWarning(path: "\(path).cesql", expression: text, warning: $0)
            }
        }
    }

    /// The first evaluation error that ``matches(_:evaluationErrors:)`` counts for these attributes; nil where it counts none.
    ///
    /// Not for an event's way: it parses again, and builds texts.
    public func firstEvaluationError(_ attributes: Attributes) -> FilterEvaluationError? {
        var witness = Witness(attributes: attributes)
        _ = witness.allHold(expressions, path: "")
        return witness.error
    }
}

/// Asks what ``CompiledFilter/matches(_:)`` asks, in its order, and remembers the first error.
private struct Witness {
    let attributes: Attributes
    var error: FilterEvaluationError?

    mutating func allHold(_ list: [FilterExpression], path: String) -> Bool {
        for (index, child) in list.enumerated() where !holds(child, path: "\(path)[\(index)]") { return false }
        return true
    }

    private mutating func anyHolds(_ list: [FilterExpression], path: String) -> Bool {
        for (index, child) in list.enumerated() where holds(child, path: "\(path)[\(index)]") { return true }
        return false
    }

    private mutating func holds(_ expression: FilterExpression, path: String) -> Bool {
        switch expression {
        case .all(let children): allHold(children, path: "\(path).all")
        case .any(let children): anyHolds(children, path: "\(path).any")
        case .not(let child): !holds(child, path: "\(path).not")
        case .cesql(let text): holds(text, path: "\(path).cesql")
        case .exact, .prefix, .suffix, .attributes: (try? CompiledFilter([expression]))?.matches(attributes) ?? false
        }
    }

    private mutating func holds(_ text: String, path: String) -> Bool {
        guard let expression = try? CESQLExpression(text) else { return false }
        var kind: CESQLError.Kind?
        let passes = expression.passes(attributes, firstError: &kind)
        guard kind != nil, error == nil else { return passes }
        let obstacle = expression.obstacle(attributes)
        guard let first = obstacle?.result.errors.first ?? expression.evaluate(attributes).errors.first else { return passes }
        error = FilterEvaluationError(path: path, expression: obstacle?.text ?? text, error: first)
        return passes
    }
}
