import CloudEvents
import EventFilters
import Testing

/// What a stranger may ask for. Everything here ends in an error, and soon.
@Suite struct `The limits of CESQL` {
    private func nested(_ open: String, _ core: String, _ close: String, times: Int) -> String {
        String(repeating: open, count: times) + core + String(repeating: close, count: times)
    }

    private static let nestings = [
        ("(", "TRUE", ")"), ("NOT ", "TRUE", ""), ("- ", "1", ""), ("-", "n", ""), ("BOOL(", "TRUE", ")"), ("CONCAT(", "1", ")"),
        ("1 IN (", "1", ")"), ("", "1", " IN (1)"), ("", "'a'", " LIKE 'a'"), ("NOT (", "TRUE", ")"), ("1 + (", "1", ")"),
        ("TRUE AND (", "TRUE", ")"), ("NOSUCH(", "1", ")"),
    ]

    @Test(arguments: nestings)
    func `hold nesting below a number of levels`(open: String, core: String, close: String) throws {
        _ = try CESQLExpression(nested(open, core, close, times: CESQLExpression.nestingMax / 2))
        let deep = nested(open, core, close, times: CESQLExpression.nestingMax + 1)
        let error = #expect(throws: CESQLParseError.self) { _ = try CESQLExpression(deep) }
        #expect(error?.message.contains("\(CESQLExpression.nestingMax)") == true, "\(deep): \(String(describing: error))")
    }

    @Test(arguments: nestings)
    func `refuse the deepest that their bytes allow, closed or not`(open: String, core: String, close: String) {
        let times = (CESQLExpression.bytesMax - core.utf8.count) / (open.utf8.count + close.utf8.count)
        let whole = nested(open, core, close, times: times)
        for expression in [whole, nested(open, core, "", times: times), nested(open, "", "", times: times)]
        where expression != core {
            #expect(throws: CESQLParseError.self) { _ = try CESQLExpression(expression) }
        }
    }

    @Test(arguments: ["(", "NOT ", "-", "INT(", "1 IN("])
    func `refuse what is nested 100 000 deep`(open: String) {
        #expect(throws: CESQLParseError.self) { _ = try CESQLExpression(nested(open, "1", ")", times: 100_000)) }
    }

    @Test func `hold an expression to a number of bytes`() throws {
        let most = CESQLExpression.bytesMax
        let fits = "'" + String(repeating: "a", count: most - 2) + "'"
        #expect(try CESQLExpression(fits).evaluate(cesqlEvent(nil)).value.text.utf8.count == most - 2)
        let error = #expect(throws: CESQLParseError.self) { _ = try CESQLExpression(fits + " ") }
        #expect(error?.message.contains("\(most)") == true)
        #expect(throws: CESQLParseError.self) { _ = try CESQLExpression(String(repeating: "\u{1F680}", count: most)) }
    }

    @Test(arguments: [" AND TRUE", " + 1", " = 1", " XOR FALSE", " - 1 * 1"])
    func `let a row be as long as it likes`(step: String) throws {
        let times = (CESQLExpression.bytesMax - 4) / step.utf8.count
        let result = try CESQLExpression("1" + String(repeating: step, count: times)).evaluate(cesqlEvent(nil))
        #expect(result.kinds == [])
    }

    private func event(_ name: String, _ text: String) -> Attributes {
        var attributes = cesqlEvent(nil)
        attributes.set(name, to: .string(text))
        return attributes
    }

    private static func row(_ part: String, _ count: Int, _ separator: String = ",") -> String {
        Array(repeating: part, count: count).joined(separator: separator)
    }

    /// Each would look at, or make, far more than is allowed, where `a` and `b` are long.
    private static let costly: [String] = {
        let joined = "CONCAT_WS(a\(String(repeating: ",''", count: 50)))"
        return [
            "CONCAT(\(row("a", 20_000)))", "LENGTH(CONCAT_WS(a,\(row("''", 20_000))))", row("a = b", 6_000, " AND "),
            row("a LIKE '%x%'", 4_000, " OR "), row("UPPER(a) = 'x'", 3_000, " OR "), "'x' IN (\(row("a", 20_000)))",
            row("BOOL(\(joined))", 300, " OR "), row("LENGTH(a)", 5_000, " + "),
        ]
    }()

    @Test(arguments: costly)
    func `end an evaluation that costs too much`(expression: String) throws {
        var attributes = event("a", String(repeating: "a", count: 60_000))
        attributes.set("b", to: .string(String(repeating: "a", count: 60_000)))
        let compiled = try CESQLExpression(expression)
        let result = compiled.evaluate(attributes)
        #expect(result.kinds.contains("generic"), "\(expression.prefix(40)): \(result.kinds.prefix(5))")
        #expect(result.errors.count <= 1000)
        #expect(result.value.text.utf8.count <= CESQLExpression.workMax)
        #expect(try !cesqlPasses(expression, attributes))
    }

    @Test func `keep LIKE from going back and forth`() throws {
        let text = String(repeating: "a", count: 50_000)
        let pattern = String(repeating: "%a", count: 10_000) + "%b"
        let result = try CESQLExpression("a LIKE '\(pattern)'").evaluate(event("a", text))
        #expect(result.value == .boolean(false))
        let hard = try CESQLExpression("a LIKE '%\(String(repeating: "a", count: 20_000))b%'").evaluate(event("a", text))
        #expect(hard.value == .boolean(false))
    }

    @Test func `keep a number of errors`() throws {
        let many = Array(repeating: "no", count: 8_000).joined(separator: " XOR ")
        let result = try CESQLExpression(many).evaluate(cesqlEvent(nil))
        #expect(result.value == .boolean(false))
        #expect(result.errors.count == CESQLExpression.errorsMax)
        #expect(Set(result.kinds) == ["missingAttribute"])
    }

    @Test func `keep a number of warnings`() throws {
        let mixed = "TRUE" + String(repeating: " OR TRUE AND TRUE", count: 3_000)
        #expect(try CESQLExpression(mixed).warnings.count == CESQLExpression.warningsMax)
    }
}
