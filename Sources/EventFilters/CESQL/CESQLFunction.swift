/// A function that expressions can call (specification, section 3.5).
///
/// Arguments arrive cast to their parameters' types; the function is not called where one of them has an error. It must be
/// pure and quick: it runs for every event that a filter with it is asked about.
///
///     CESQLFunction("HASPREFIX", [.string, .string], returns: .boolean) { arguments throws(CESQLFunctionFailure) in
///         .boolean(arguments[0].text.utf8.starts(with: arguments[1].text.utf8))
///     }
public struct CESQLFunction: Sendable {
    public typealias Body = @Sendable ([CESQLValue]) throws(CESQLFunctionFailure) -> CESQLValue

    /// In upper case; expressions may write it in any.
    public let name: String
    public let parameters: [CESQLType]
    /// The type of the arguments that may follow the parameters, none to many; nil where none may.
    public let variadic: CESQLType?
    public let returns: CESQLType
    let body: Body
    /// What a call costs beside looking at each byte of its arguments once.
    private(set) var cost: @Sendable ([CESQLValue]) -> Int = { _ in 0 }

    public init(
        _ name: String, _ parameters: [CESQLType], variadic: CESQLType? = nil, returns: CESQLType, body: @escaping Body
    ) {
        self.name = CESQLCharacter.uppercased(name)
        self.parameters = parameters
        self.variadic = variadic
        self.returns = returns
        self.body = body
    }

    /// The same function at another cost.
    func costing(_ cost: @escaping @Sendable ([CESQLValue]) -> Int) -> CESQLFunction {
        var function = self
        function.cost = cost
        return function
    }

    func accepts(_ argumentCount: Int) -> Bool {
        argumentCount == parameters.count || (variadic != nil && argumentCount > parameters.count)
    }

    /// The type of an argument that ``accepts(_:)`` lets in.
    func type(ofArgument index: Int) -> CESQLType {
        index < parameters.count ? parameters[index] : variadic ?? .string
    }
}

/// What a function throws where it has no answer.
public struct CESQLFunctionFailure: Error, Sendable {
    public var message: String
    /// What the call is worth nonetheless; nil for the zero value of the function's type.
    public var value: CESQLValue?
    /// `functionEvaluation`, except for the arithmetic of `ABS`.
    var kind: CESQLError.Kind = .functionEvaluation

    public init(message: String, value: CESQLValue? = nil) {
        self.message = message
        self.value = value
    }
}

/// The functions that an expression may call, told apart by name and number of arguments.
public struct CESQLFunctions: Sendable {
    /// A function that cannot be added, and why.
    public struct Refusal: Error, Sendable, Equatable, CustomStringConvertible {
        public var message: String
        public var description: String { message }
    }

    /// Those of the specification, and the casts `INT`, `BOOL` and `STRING`.
    public static let builtIn = CESQLFunctions(functions: Dictionary(grouping: CESQLBuiltIn.all, by: \.name))

    private var functions: [String: [CESQLFunction]]

    /// These functions and one more.
    ///
    /// Throws where the name is no function identifier (letters and `_`, a letter first; no keyword), where another function
    /// takes as many arguments, or where it could not be told apart from a variadic one (section 3.5).
    public func adding(_ function: CESQLFunction) throws(Refusal) -> CESQLFunctions {
        let name = function.name
        let isIdentifier = name.utf8.first.map(CESQLCharacter.isLetter) ?? false
        guard isIdentifier, name.utf8.allSatisfy({ CESQLCharacter.isLetter($0) || $0 == UInt8(ascii: "_") }),
            !CESQLParser.keywords.contains(name.lowercased())
        else {
            throw Refusal(
                message: "\(name) is no function identifier: it has letters and _, begins with a letter, and is no keyword")
        }
        for other in functions[name] ?? [] {
            let (count, otherCount) = (function.parameters.count, other.parameters.count)
            let isApart =
                switch (function.variadic != nil, other.variadic != nil) {
                case (false, false): count != otherCount
                case (true, false): count > otherCount
                case (false, true): otherCount > count
                case (true, true): false
                }
            guard isApart else {
                throw Refusal(message: "\(name) with \(count) arguments could not be told apart from the \(name) that is there")
            }
        }
        var more = self
        more.functions[name, default: []].append(function)
        return more
    }

    /// The function to which a call goes; nil where there is none.
    func function(_ name: String, argumentCount: Int) -> CESQLFunction? {
        functions[name]?.first { $0.accepts(argumentCount) }
    }

    /// How a missing function is told: that there is none of the name, or how many arguments those of the name take.
    func reason(whyMissing name: String, argumentCount: Int) -> String {
        let counts = (functions[name] ?? []).map { "\($0.parameters.count)\($0.variadic == nil ? "" : " or more")" }
        if counts.isEmpty { return "there is no function \(name)" }
        return "there is no \(name) with \(argumentCount) arguments: it takes \(counts.joined(separator: " or "))"
    }
}
