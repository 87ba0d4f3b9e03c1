import CloudEvents
import EventFilters
import Testing

/// Functions as a user would register them.
enum CESQLExamples {
    static let hasPrefix = CESQLFunction("HASPREFIX", [.string, .string], returns: .boolean) { arguments in
        .boolean(arguments[0].text.utf8.starts(with: arguments[1].text.utf8))
    }
    static let konkat = CESQLFunction("KONKAT", [], variadic: .string, returns: .string) { arguments in
        .string(arguments.map(\.text).joined())
    }

    /// A function that tells how it was called.
    static func spy(_ name: String, _ parameters: [CESQLType], variadic: CESQLType? = nil) -> CESQLFunction {
        CESQLFunction(name, parameters, variadic: variadic, returns: .string) { arguments in
            .string(arguments.map { "\($0.type.rawValue) \($0.text)" }.joined(separator: ", "))
        }
    }
}

@Suite struct `A function of one's own` {
    private func evaluate(_ expression: String, _ functions: CESQLFunction...) throws -> CESQLResult {
        var all = CESQLFunctions.builtIn
        for function in functions { all = try all.adding(function) }
        return try CESQLExpression(expression, functions: all).evaluate(cesqlEvent(nil))
    }

    private func overloads(_ arities: [(fixed: Int, isVariadic: Bool)]) throws -> CESQLFunctions {
        var functions = CESQLFunctions.builtIn
        for arity in arities {
            let parameters = Array(repeating: CESQLType.string, count: arity.fixed)
            let variadic: CESQLType? = arity.isVariadic ? .string : nil
            functions = try functions.adding(
                CESQLFunction("ABC", parameters, variadic: variadic, returns: .string) { arguments in
                    .string("\(arity.fixed)\(arity.isVariadic ? "+" : "") of \(arguments.count)")
                })
        }
        return functions
    }

    @Test func `is called in any case of letters, and where it stands in an expression`() throws {
        let result = try evaluate(
            "HasPrefix(type, 'order.') AND KONKAT('a', 1, TRUE) = 'a1true'",
            CESQLExamples.hasPrefix, CESQLExamples.konkat)
        #expect(result == CESQLResult(value: .boolean(true)))
        let lower = CESQLFunction("shout", [.string], returns: .string) { arguments in .string(arguments[0].text + "!") }
        #expect(try evaluate("SHOUT('a')", lower).value == .string("a!"))
    }

    @Test func `is unknown where it is not registered`() throws {
        #expect(try evaluate("HASPREFIX(type, 'order.')").kinds == ["missingFunction"])
        #expect(try evaluate("HASPREFIX(type)", CESQLExamples.hasPrefix).kinds == ["missingFunction"])
        #expect(try evaluate("HASPREFIX(type)", CESQLExamples.hasPrefix).value == .boolean(false))
    }

    @Test func `is told apart by the number of arguments, as section 3.5 shows`() throws {
        let functions = try overloads([(1, false), (2, false), (3, true)])
        let expected = [
            "ABC('a')": "1 of 1", "ABC('a', 'b')": "2 of 2", "ABC('a', 'b', 'c')": "3+ of 3", "ABC(1, 2, 3, 4, 5)": "3+ of 5",
        ]
        for (expression, text) in expected {
            let result = try CESQLExpression(expression, functions: functions).evaluate(cesqlEvent(nil))
            #expect(result == CESQLResult(value: .string(text)), "\(expression)")
        }
        #expect(try CESQLExpression("ABC()", functions: functions).evaluate(cesqlEvent(nil)).kinds == ["missingFunction"])
    }

    @Test(
        arguments: [
            [(1, false), (1, false)], [(3, false), (0, true)], [(0, true), (3, false)], [(3, false), (3, true)],
            [(3, true), (3, false)], [(2, true), (4, true)], [(1, true), (2, false)], [(0, false), (0, true)],
        ] as [[(fixed: Int, isVariadic: Bool)]])
    func `is refused where it could not be told apart`(arities: [(fixed: Int, isVariadic: Bool)]) throws {
        let first = try overloads([arities[0]])
        #expect(throws: CESQLFunctions.Refusal.self) { _ = try overloads(arities) }
        _ = first
    }

    @Test(
        arguments: [[(3, false), (4, true)], [(4, true), (3, false)], [(0, false), (1, true)], [(0, false), (5, false)]]
            as [[(fixed: Int, isVariadic: Bool)]])
    func `is accepted where it can be told apart, in either order`(arities: [(fixed: Int, isVariadic: Bool)]) throws {
        _ = try overloads(arities)
    }

    @Test(arguments: ["", "1A", "A1", "_A", "A B", "A-B", "AND", "not", "True", "IN", "ÄB", "straße", "\u{131}x", "A("])
    func `is refused under a name that no expression could call`(name: String) {
        #expect(throws: CESQLFunctions.Refusal.self) {
            _ = try CESQLFunctions.builtIn.adding(CESQLExamples.spy(name, []))
        }
    }

    @Test(arguments: [
        CESQLExamples.spy("LENGTH", [.string]), CESQLExamples.spy("concat", [.string]), CESQLExamples.spy("Int", [.boolean]),
        CESQLExamples.spy("SUBSTRING", [.string], variadic: .string),
    ])
    func `does not take a built-in's place`(function: CESQLFunction) {
        #expect(throws: CESQLFunctions.Refusal.self) { _ = try CESQLFunctions.builtIn.adding(function) }
    }

    @Test func `may be a built-in's overload`() throws {
        let result = try evaluate("LENGTH('a', 2) = 'String a, Integer 2'", CESQLExamples.spy("LENGTH", [.string, .integer]))
        #expect(result == CESQLResult(value: .boolean(true)))
    }

    @Test func `leaves the set that it was added to as it was`() throws {
        _ = try CESQLFunctions.builtIn.adding(CESQLExamples.konkat)
        #expect(try CESQLExpression("KONKAT()").evaluate(cesqlEvent(nil)).kinds == ["missingFunction"])
    }

    @Test func `gets its arguments in its parameters' types`() throws {
        let spy = CESQLExamples.spy("SPY", [.integer, .boolean, .string], variadic: .integer)
        #expect(
            try evaluate("SPY('05', 1, TRUE, FALSE, '-7')", spy).value
                == .string("Integer 5, Boolean true, String true, Integer 0, Integer -7"))
        #expect(try evaluate("SPY(1, 'true', 2)", spy).value == .string("Integer 1, Boolean true, String 2"))
    }

    @Test func `is not called where an argument has an error`() throws {
        let never = CESQLFunction("NEVER", [.integer], variadic: .boolean, returns: .integer) { _ in
            Issue.record("it was called")
            return .integer(7)
        }
        let result = try evaluate("NEVER('a', nowhere, 'b', 1 / 0)", never)
        #expect(result.value == .integer(0))
        #expect(result.kinds == ["cast", "missingAttribute", "cast", "math"])
    }

    @Test(arguments: [
        (CESQLType.boolean, CESQLValue.string("true"), CESQLValue.boolean(false)), (.integer, .boolean(true), .integer(0)),
        (.string, .integer(5), .string("")),
    ])
    func `that returns another type gives its zero value and an error`(type: CESQLType, value: CESQLValue, zero: CESQLValue)
        throws
    {
        let liar = CESQLFunction("LIAR", [], returns: type) { _ in value }
        let result = try evaluate("LIAR()", liar)
        #expect(result.value == zero)
        #expect(result.kinds == ["functionEvaluation"])
    }

    @Test func `that fails gives its zero value, or the value that it names`() throws {
        func failing(_ value: CESQLValue?) -> CESQLFunction {
            CESQLFunction("FAIL", [], returns: .integer) { _ throws(CESQLFunctionFailure) in
                throw CESQLFunctionFailure(message: "no luck", value: value)
            }
        }
        for (value, expected) in [(nil, 0), (.integer(9), 9), (.string("9"), 0)] as [(CESQLValue?, Int32)] {
            let result = try evaluate("FAIL()", failing(value))
            #expect(result.value == .integer(expected))
            #expect(result.errors == [CESQLError(kind: .functionEvaluation, message: "no luck")])
        }
        let inside = try evaluate("FAIL() + 1 = 10", failing(.integer(9)))
        #expect(inside.value == .boolean(false))
        #expect(inside.kinds == ["functionEvaluation"])
    }
}
