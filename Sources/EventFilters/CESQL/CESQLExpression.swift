public import CloudEvents

/// A CloudEvents SQL expression (CESQL 1.0.0): parsed once, evaluated as often as events come.
///
///     let expression = try CESQLExpression("type LIKE 'order.%' AND total > 100")
///     expression.evaluate(event.attributes).value      // .boolean(true)
///
/// What the specification leaves open is decided in `docs/decisions/0005-cesql.md`.
public struct CESQLExpression: Sendable {
    /// The longest expression, in UTF-8 bytes.
    public static let bytesMax = 65_536
    /// How deep parentheses, calls, NOT, `-`, LIKE and IN may be nested. A chain such as `a OR b OR c` is one level, however
    /// long.
    public static let nestingMax = 64
    /// What one evaluation may cost: a step for each operator and value, and for each byte of text that one of them looks at.
    public static let workMax = 4_194_304
    /// How many errors of one evaluation are kept.
    public static let errorsMax = 100
    /// How many warnings of one expression are kept.
    public static let warningsMax = 100

    /// As it was written.
    public let text: String
    /// What parses and is still likely to be a mistake, in reading order.
    public let warnings: [CESQLWarning]
    let program: CESQLProgram

    /// Parses an expression. Throws the first error.
    public init(_ text: String, functions: CESQLFunctions = .builtIn) throws(CESQLParseError) {
        self.text = text
        (program, warnings) = try CESQLParser.parse(text, functions: functions)
    }

    /// The expression's value for an event with these attributes, and every error on the way.
    public func evaluate(_ attributes: Attributes) -> CESQLResult {
        var evaluation = CESQLEvaluation(program, attributes: attributes, isComplete: true)
        let value = evaluation.run(from: program.root)
        return CESQLResult(value: value, errors: evaluation.errors)
    }

    /// Whether an event with these attributes passes a filter of this expression: the value is the Boolean true, and there is no
    /// error (section 1.2). Ends at the first error, and says of which kind it is.
    ///
    /// Allocates nothing but what functions and binary attributes need.
    public func passes(_ attributes: Attributes, firstError: inout CESQLError.Kind?) -> Bool {
        var evaluation = CESQLEvaluation(program, attributes: attributes, isComplete: false)
        let value = evaluation.run(from: program.root)
        firstError = evaluation.firstError
        guard evaluation.firstError == nil, case .boolean(true) = value else { return false }
        return true
    }
}
