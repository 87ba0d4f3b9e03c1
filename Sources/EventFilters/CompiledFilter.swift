public import CloudEvents

/// A filter that is ready to be asked: compiled once, pure, and free of allocations when it is asked.
///
/// Names and values are compared as bytes, values in their canonical text (CloudEvents core specification, section 2.4).
/// An attribute that the event does not have makes `exact`, `prefix`, `suffix` and `attributes` false, and therefore `not` of
/// them true. That is the CloudEvents Subscriptions API; Knative reads an absent `subject` or `dataschema` as the empty text,
/// which no filter value can equal, so only `prefix` and `suffix` could tell, and empty values are refused for both.
public struct CompiledFilter: Sendable {
    /// How deep expressions may be nested.
    public static let nestingMax = 64
    /// How many predicates (one attribute held against one value) a filter may have.
    public static let predicatesMax = 1024

    /// Matches every event.
    public static let everything = CompiledFilter(expressions: [], graph: PredicateGraph(), requirements: [])

    /// What was compiled, as it was written.
    public let expressions: [FilterExpression]
    private let graph: PredicateGraph
    /// All of them must be met.
    let requirements: [Requirement]

    private init(expressions: [FilterExpression], graph: PredicateGraph, requirements: [Requirement]) {
        self.expressions = expressions
        self.graph = graph
        self.requirements = requirements
    }

    /// Compiles expressions that must all match. An empty list matches everything.
    ///
    /// Throws the first error in reading order; ``FilterError/path`` is relative to the list, e.g. `[1].any[0].exact.type`.
    public init(_ expressions: [FilterExpression]) throws(FilterError) {
        var compiler = FilterCompiler()
        for (index, expression) in expressions.enumerated() {
            try compiler.check(expression, path: "[\(index)]", depth: 1)
        }
        self.init(
            expressions: expressions, graph: compiler.graph(of: expressions),
            requirements: expressions.flatMap { compiler.requirements(of: $0) })
    }

    /// Whether an event with these attributes passes.
    ///
    /// Allocates nothing, unless a predicate meets an attribute of the type Binary, whose canonical text is Base64, or a CESQL
    /// expression calls a function.
    public func matches(_ attributes: Attributes) -> Bool {
        var errors = 0
        return matches(attributes, evaluationErrors: &errors)
    }

    /// Whether an event with these attributes passes; adds the CESQL expressions that ended in an error, which is a no.
    public func matches(_ attributes: Attributes, evaluationErrors: inout Int) -> Bool {
        graph.passes(attributes, errors: &evaluationErrors)
    }
}
