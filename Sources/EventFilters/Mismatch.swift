public import CloudEvents

/// Why an event does not pass a filter: the first predicate that said no, and the value that it saw (promise 22).
public struct Mismatch: Sendable, Equatable {
    /// What said no.
    public enum Reason: Sendable, Equatable {
        /// An attribute held against a value by one of the dialects. `expected` is empty where the filter asks only that the
        /// attribute is there; `seen` is the event's value in its canonical text, nil where the event does not have it.
        case attribute(dialect: String, name: String, expected: String, seen: String?)
        /// The part of a CESQL expression that said no, what it came to, and the attributes that it names with the values seen.
        case expression(text: String, result: CESQLResult, seen: [SeenAttribute])
    }

    public struct SeenAttribute: Sendable, Equatable {
        public var name: String
        /// In its canonical text; nil where the event does not have it.
        public var value: String?
    }

    /// Below the list of filters, e.g. `[1].any[0].exact.type`.
    public var path: String
    public var reason: Reason
    /// Whether the predicate did hold, and a `not` around it turned that into a no.
    public var isNegated: Bool
    /// How many alternatives of the innermost `any` said no as well, beside this one.
    public var otherAlternatives = 0
}

extension Mismatch: CustomStringConvertible {
    /// One sentence, e.g. `type must be "a.b", was "a.c"`.
    public var description: String {
        let others =
            switch otherAlternatives {
            case 0: ""
            case 1: " (nor does the other alternative match)"
            default: " (nor does any of \(otherAlternatives) other alternatives match)"
            }
        return sentence + others
    }

    private var sentence: String {
        switch reason {
        case .attribute(let dialect, let name, let expected, let seen):
            let was = seen.map { ", was \"\($0)\"" } ?? (isNegated ? "" : ", and the event does not have it")
            return "\(name) must \(isNegated ? "not " : "")\(Self.relation(dialect, expected))\(was)"
        case .expression(let text, let result, let seen):
            // An error for an attribute that is not there says so itself.
            let told = result.errors.isEmpty ? seen : seen.filter { $0.value != nil }
            let values = told.map { "\($0.name) \($0.value.map { "was \"\($0)\"" } ?? "is not there")" }
            let came =
                if let error = result.errors.first {
                    "is an error: \(error.message)"
                } else if result.value.type != .boolean {
                    "gives the \(result.value.type.rawValue) \(result.value), and a filter must give a Boolean"
                } else {
                    "must \(isNegated ? "not " : "")be true"
                }
            return ([text + " " + came] + values).joined(separator: ", ")
        }
    }

    private static func relation(_ dialect: String, _ expected: String) -> String {
        switch dialect {
        case "prefix": "start with \"\(expected)\""
        case "suffix": "end with \"\(expected)\""
        case "attributes" where expected.isEmpty: "be there"
        default: "be \"\(expected)\""
        }
    }
}

extension CompiledFilter {
    /// The first predicate, in reading order, that kept the event out; nil where the event passes.
    ///
    /// Not for an event's way: it builds texts.
    public func firstMismatch(_ attributes: Attributes) -> Mismatch? {
        let explainer = Explainer(attributes: attributes)
        for (index, expression) in expressions.enumerated() {
            if let mismatch = explainer.reason(for: expression, path: "[\(index)]", wanted: true) { return mismatch }
        }
        return nil
    }
}

/// Walks the expressions as they were written, where ``CompiledFilter/matches(_:)`` follows the arrows.
private struct Explainer {
    let attributes: Attributes

    /// Why the expression does not come out as wanted; nil where it does.
    func reason(for expression: FilterExpression, path: String, wanted: Bool) -> Mismatch? {
        switch expression {
        case .not(let child): reason(for: child, path: "\(path).not", wanted: !wanted)
        case .all(let children): reason(for: children, path: "\(path).all", needsEvery: wanted, wanted: wanted)
        case .any(let children): reason(for: children, path: "\(path).any", needsEvery: !wanted, wanted: wanted)
        case .exact(let list): reason(for: list, .equal, "exact", path, wanted)
        case .prefix(let list): reason(for: list, .prefix, "prefix", path, wanted)
        case .suffix(let list): reason(for: list, .suffix, "suffix", path, wanted)
        case .attributes(let list): reason(for: list, .present, "attributes", path, wanted)
        case .cesql(let text): reason(forExpression: text, path: "\(path).cesql", wanted: wanted)
        }
    }

    /// `all` that should be true, and `any` that should be false, need every child to come out as wanted; the others need one.
    private func reason(for children: [FilterExpression], path: String, needsEvery: Bool, wanted: Bool) -> Mismatch? {
        var first: Mismatch?
        for (index, child) in children.enumerated() {
            let mismatch = reason(for: child, path: "\(path)[\(index)]", wanted: wanted)
            guard let mismatch else {
                if needsEvery { continue }
                return nil
            }
            if needsEvery { return mismatch }
            first = first ?? mismatch
        }
        if wanted, first?.otherAlternatives == 0 { first?.otherAlternatives = children.count - 1 }
        return first
    }

    private func reason(
        for list: [AttributePredicate], _ relation: AttributeTest.Relation, _ dialect: String, _ path: String, _ wanted: Bool
    ) -> Mismatch? {
        var first: Mismatch?
        for item in list {
            let asked: AttributeTest.Relation = relation == .present && !item.value.isEmpty ? .equal : relation
            if AttributeTest(item, asked).holds(for: attributes) == wanted {
                if wanted { continue }
                return nil
            }
            let reason = Mismatch.Reason.attribute(
                dialect: dialect, name: item.name, expected: item.value, seen: attributes.text(of: item.name))
            first = first ?? Mismatch(path: "\(path).\(dialect).\(item.name)", reason: reason, isNegated: !wanted)
            if wanted { break }
        }
        return first
    }

    /// An expression that was compiled with the filter parses again.
    private func reason(forExpression text: String, path: String, wanted: Bool) -> Mismatch? {
        guard let expression = try? CESQLExpression(text) else { return nil }
        if let obstacle = expression.obstacle(attributes) {
            let seen = obstacle.seen.map(Mismatch.SeenAttribute.init)
            let reason = Mismatch.Reason.expression(text: obstacle.text, result: obstacle.result, seen: seen)
            return wanted ? Mismatch(path: path, reason: reason, isNegated: false) : nil
        }
        if wanted { return nil }
        let seen = expression.attributes.map { Mismatch.SeenAttribute(name: $0, value: attributes.text(of: $0)) }
        let reason = Mismatch.Reason.expression(text: text, result: expression.evaluate(attributes), seen: seen)
        return Mismatch(path: path, reason: reason, isNegated: true)
    }
}
