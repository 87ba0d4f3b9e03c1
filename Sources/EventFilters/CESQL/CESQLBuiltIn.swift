/// The functions of the specification (section 3.5). Characters are Unicode scalars.
enum CESQLBuiltIn {
    /// The explicit casts, of which the parser makes nodes of their own.
    static let casts: [String: CESQLType] = ["INT": .integer, "BOOL": .boolean, "STRING": .string]

    static let all: [CESQLFunction] = [
        cast("INT", .integer), cast("BOOL", .boolean), cast("STRING", .string), abs, length, concat, concatWithSeparator,
        string("LOWER") { $0.lowercased() }, string("UPPER") { $0.uppercased() }, string("TRIM", trimmed),
        side("LEFT") { $0.prefix($1) }, side("RIGHT") { $0.suffix($1) },
        substring(parameters: [.string, .integer]), substring(parameters: [.string, .integer, .integer]),
    ]

    private static func cast(_ name: String, _ type: CESQLType) -> CESQLFunction {
        CESQLFunction(name, [type], returns: type) { arguments in arguments[0] }
    }

    private static let abs = CESQLFunction("ABS", [.integer], returns: .integer) { arguments throws(CESQLFunctionFailure) in
        guard case .integer(let value) = arguments[0], value == .min else {
            return .integer(Swift.abs(arguments[0].integer ?? 0))
        }
        var failure = CESQLFunctionFailure(message: "ABS(\(value)) does not fit into 32 bits", value: .integer(.max))
        failure.kind = .math
        throw failure
    }

    private static let length = CESQLFunction("LENGTH", [.string], returns: .integer) { arguments in
        .integer(Int32(clamping: arguments[0].text.unicodeScalars.count))
    }

    private static let concat = CESQLFunction("CONCAT", [], variadic: .string, returns: .string) { arguments in
        .string(arguments.reduce(into: "") { $0 += $1.text })
    }

    /// The one function whose text can be far longer than its arguments.
    private static let concatWithSeparator = CESQLFunction("CONCAT_WS", [.string], variadic: .string, returns: .string) {
        arguments in
        .string(arguments.dropFirst().map(\.text).joined(separator: arguments[0].text))
    }.costing { arguments in
        // The separator is written again and again.
        arguments.count * arguments[0].text.utf8.count
    }

    private static func string(_ name: String, _ change: @escaping @Sendable (String) -> String) -> CESQLFunction {
        // A look into Unicode's tables for each scalar costs about as much as eight bytes elsewhere.
        CESQLFunction(name, [.string], returns: .string) { arguments in .string(change(arguments[0].text)) }
            .costing { arguments in 7 * arguments[0].text.utf8.count }
    }

    @Sendable private static func trimmed(_ text: String) -> String {
        let scalars = text.unicodeScalars
        let rest = scalars.drop { $0.properties.isWhitespace }
        let end = rest.lastIndex { !$0.properties.isWhitespace }.map(rest.index(after:)) ?? rest.startIndex
        return String(rest[..<end])
    }

    private static func side(
        _ name: String, _ take: @escaping @Sendable (String.UnicodeScalarView, Int) -> Substring.UnicodeScalarView
    ) -> CESQLFunction {
        CESQLFunction(name, [.string, .integer], returns: .string) { arguments throws(CESQLFunctionFailure) in
            let count = arguments[1].integer ?? 0
            guard count >= 0 else {
                throw CESQLFunctionFailure(message: "\(name) cannot take \(count) characters", value: arguments[0])
            }
            return .string(String(take(arguments[0].text.unicodeScalars, Int(count))))
        }
    }

    private static func substring(parameters: [CESQLType]) -> CESQLFunction {
        CESQLFunction("SUBSTRING", parameters, returns: .string) { arguments throws(CESQLFunctionFailure) in
            let scalars = arguments[0].text.unicodeScalars
            let position = Int(arguments[1].integer ?? 0)
            let wanted = arguments.count > 2 ? Int(arguments[2].integer ?? 0) : Int.max
            guard wanted >= 0 else { throw CESQLFunctionFailure(message: "SUBSTRING cannot take \(wanted) characters") }
            guard position != 0 else { return .string("") }
            let count = scalars.count
            guard position <= count, position >= -count else {
                throw CESQLFunctionFailure(message: "SUBSTRING cannot begin at \(position) of \(count) characters")
            }
            let tail = scalars.dropFirst(position > 0 ? position - 1 : count + position)
            return .string(String(tail.prefix(wanted)))
        }
    }
}
