/// Checks expressions, and turns them into predicates with arrows.
struct FilterCompiler {
    private var graph = PredicateGraph()
    private var seen = 0
    /// By their bytes: texts that are only canonically equal are different expressions.
    private(set) var parsed: [[UInt8]: CESQLExpression] = [:]

    /// Refuses what the CloudEvents Subscriptions API (section 3.2.4) and Knative's admission refuse.
    mutating func check(_ expression: FilterExpression, path: String, depth: Int) throws(FilterError) {
        guard depth <= CompiledFilter.nestingMax else {
            throw FilterError(path: path, message: "is nested deeper than \(CompiledFilter.nestingMax) levels")
        }
        switch expression {
        case .exact(let list): try check(list, path: "\(path).exact", allowsEmptyValue: false)
        case .prefix(let list): try check(list, path: "\(path).prefix", allowsEmptyValue: false)
        case .suffix(let list): try check(list, path: "\(path).suffix", allowsEmptyValue: false)
        case .attributes(let list):
            guard depth == 1 || !list.isEmpty else {
                throw FilterError(path: "\(path).attributes", message: "must name at least one attribute")
            }
            try check(list, path: "\(path).attributes", allowsEmptyValue: true)
        case .all(let children): try check(children, path: "\(path).all", depth: depth)
        case .any(let children): try check(children, path: "\(path).any", depth: depth)
        case .not(let child): try check(child, path: "\(path).not", depth: depth + 1)
        case .cesql(let text): try check(text, path: "\(path).cesql")
        }
    }

    private mutating func check(_ text: String, path: String) throws(FilterError) {
        do {
            parsed[Array(text.utf8)] = try CESQLExpression(text)
        } catch {
            throw FilterError(path: path, message: error.description, excerpt: error.excerpt(of: text))
        }
        try count(1, path: path)
    }

    private mutating func check(_ children: [FilterExpression], path: String, depth: Int) throws(FilterError) {
        guard !children.isEmpty else { throw FilterError(path: path, message: "must have at least one filter") }
        for (index, child) in children.enumerated() {
            try check(child, path: "\(path)[\(index)]", depth: depth + 1)
        }
    }

    private mutating func check(
        _ list: [AttributePredicate], path: String, allowsEmptyValue: Bool
    ) throws(FilterError) {
        guard allowsEmptyValue || !list.isEmpty else {
            throw FilterError(path: path, message: "must name at least one attribute")
        }
        for predicate in list {
            guard FilterExpression.isAttributeName(predicate.name) else {
                throw FilterError(path: "\(path).\(predicate.name)", message: FilterExpression.attributeNameMessage)
            }
            guard allowsEmptyValue || !predicate.value.isEmpty else {
                throw FilterError(path: "\(path).\(predicate.name)", message: "the value must not be empty")
            }
        }
        try count(list.count, path: path)
    }

    private mutating func count(_ predicates: Int, path: String) throws(FilterError) {
        seen += predicates
        guard seen <= CompiledFilter.predicatesMax else {
            throw FilterError(path: path, message: "the filter has more than \(CompiledFilter.predicatesMax) predicates")
        }
    }

    /// The graph of expressions, once checked, that must all match.
    mutating func graph(of expressions: [FilterExpression]) -> PredicateGraph {
        graph.entry = emitAll(expressions, whenTrue: PredicateGraph.accept, whenFalse: PredicateGraph.reject)
        return graph
    }

    /// Emits from the last to the first, so that an arrow's target is known when it is drawn. Gives the entry.
    private mutating func emitAll(_ children: [FilterExpression], whenTrue: Int32, whenFalse: Int32) -> Int32 {
        var next = whenTrue
        for child in children.reversed() { next = emit(child, whenTrue: next, whenFalse: whenFalse) }
        return next
    }

    private mutating func emitAny(_ children: [FilterExpression], whenTrue: Int32, whenFalse: Int32) -> Int32 {
        var next = whenFalse
        for child in children.reversed() { next = emit(child, whenTrue: whenTrue, whenFalse: next) }
        return next
    }

    private mutating func emit(_ expression: FilterExpression, whenTrue: Int32, whenFalse: Int32) -> Int32 {
        switch expression {
        case .all(let children): emitAll(children, whenTrue: whenTrue, whenFalse: whenFalse)
        case .any(let children): emitAny(children, whenTrue: whenTrue, whenFalse: whenFalse)
        case .not(let child): emit(child, whenTrue: whenFalse, whenFalse: whenTrue)
        case .exact(let list): emit(list.map { .attribute(AttributeTest($0, .equal)) }, whenTrue: whenTrue, whenFalse: whenFalse)
        case .prefix(let list):
            emit(list.map { .attribute(AttributeTest($0, .prefix)) }, whenTrue: whenTrue, whenFalse: whenFalse)
        case .suffix(let list):
            emit(list.map { .attribute(AttributeTest($0, .suffix)) }, whenTrue: whenTrue, whenFalse: whenFalse)
        case .attributes(let list):
            emit(
                list.map { .attribute(AttributeTest($0, $0.value.isEmpty ? .present : .equal)) },
                whenTrue: whenTrue, whenFalse: whenFalse)
        case .cesql(let text):
            // One that was not checked does not match.
            parsed[Array(text.utf8)].map { emit([.expression($0)], whenTrue: whenTrue, whenFalse: whenFalse) } ?? whenFalse
        }
    }

    /// Tests that must all hold.
    private mutating func emit(_ tests: [PredicateGraph.Test], whenTrue: Int32, whenFalse: Int32) -> Int32 {
        var next = whenTrue
        for test in tests.reversed() { next = graph.add(test, whenTrue: next, whenFalse: whenFalse) }
        return next
    }
}

extension FilterExpression {
    /// Knative's message for a name that no attribute can have.
    public static let attributeNameMessage =
        "Attribute name must start with a letter and can only contain lowercase alphanumeric"

    /// Whether a filter may name this attribute: `^[a-z][a-z0-9]*$`.
    public static func isAttributeName(_ name: String) -> Bool {
        let bytes = name.utf8
        guard let first = bytes.first, isLetter(first) else { return false }
        return bytes.allSatisfy { isLetter($0) || isDigit($0) }
    }

    private static func isLetter(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z") }
    private static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }
}
