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
    public static let everything = CompiledFilter(
        expressions: [], predicates: [], requirements: [], entry: Predicate.accept)

    /// What was compiled, as it was written.
    public let expressions: [FilterExpression]
    let predicates: [Predicate]
    /// All of them must be met.
    let requirements: [Requirement]
    /// The predicate that is asked first, or a verdict.
    let entry: Int32

    private init(expressions: [FilterExpression], predicates: [Predicate], requirements: [Requirement], entry: Int32) {
        self.expressions = expressions
        self.predicates = predicates
        self.requirements = requirements
        self.entry = entry
    }

    /// Compiles expressions that must all match. An empty list matches everything.
    ///
    /// Throws the first error in reading order; ``FilterError/path`` is relative to the list, e.g. `[1].any[0].exact.type`.
    public init(_ expressions: [FilterExpression]) throws(FilterError) {
        var compiler = FilterCompiler()
        for (index, expression) in expressions.enumerated() {
            try compiler.check(expression, path: "[\(index)]", depth: 1)
        }
        let entry = compiler.emitAll(expressions, whenTrue: Predicate.accept, whenFalse: Predicate.reject)
        let requirements = expressions.flatMap { compiler.requirements(of: $0) }
        self.init(expressions: expressions, predicates: compiler.predicates, requirements: requirements, entry: entry)
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
        var next = entry
        while next >= 0 {
            let holds = predicates[Int(next)].holds(for: attributes, errors: &evaluationErrors)
            next = holds ? predicates[Int(next)].whenTrue : predicates[Int(next)].whenFalse
        }
        return next == Predicate.accept
    }
}
