public import CloudEvents

/// Why an event does not pass a filter: the first predicate that said no, and the value that it saw (promise 22).
public struct Mismatch: Sendable, Equatable {
    /// Below the list of filters, e.g. `[1].any[0].exact.type`.
    public var path: String
    /// `exact`, `prefix`, `suffix` or `attributes`.
    public var dialect: String
    public var attribute: String
    /// The value in the filter. Empty where the filter asks only that the attribute is there.
    public var expected: String
    /// The event's value in its canonical text; nil where the event does not have the attribute.
    public var seen: String?
    /// Whether the predicate did hold, and a `not` around it turned that into a no.
    public var isNegated: Bool
    /// How many alternatives of the innermost `any` said no as well, beside this one.
    public var otherAlternatives: Int

    public init(
        path: String, dialect: String, attribute: String, expected: String, seen: String?, isNegated: Bool = false,
        otherAlternatives: Int = 0
    ) {
        self.path = path
        self.dialect = dialect
        self.attribute = attribute
        self.expected = expected
        self.seen = seen
        self.isNegated = isNegated
        self.otherAlternatives = otherAlternatives
    }
}

extension Mismatch: CustomStringConvertible {
    /// One sentence, e.g. `type must be "a.b", was "a.c"`.
    public var description: String {
        let was = seen.map { ", was \"\($0)\"" } ?? ", and the event does not have it"
        let others = otherAlternatives == 0 ? "" : " (nor does any of \(otherAlternatives) other alternatives match)"
        return "\(attribute) must \(isNegated ? "not " : "")\(relation)\(isNegated && seen == nil ? "" : was)\(others)"
    }

    private var relation: String {
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
        case .cesql: nil
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
        for list: [AttributePredicate], _ test: Predicate.Test, _ dialect: String, _ path: String, _ wanted: Bool
    ) -> Mismatch? {
        var first: Mismatch?
        for item in list {
            let asked: Predicate.Test = test == .present && !item.value.isEmpty ? .equal : test
            let predicate = Predicate(
                test: asked, name: Array(item.name.utf8), value: Array(item.value.utf8), whenTrue: Predicate.accept,
                whenFalse: Predicate.reject)
            let holds = predicate.holds(for: attributes)
            if holds == wanted {
                if wanted { continue }
                return nil
            }
            first =
                first
                ?? Mismatch(
                    path: "\(path).\(dialect).\(item.name)", dialect: dialect, attribute: item.name, expected: item.value,
                    seen: attributes.text(of: item.name), isNegated: !wanted)
            if wanted { break }
        }
        return first
    }
}
