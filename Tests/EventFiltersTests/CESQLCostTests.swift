import CloudEvents
import EventFilters
import Testing

/// What a stranger's expression would cost if it were not counted: each of these was found by asking it.
@Suite struct `The work of an expression` {
    private static let attributes: Attributes = {
        var attributes = Attributes()
        attributes.append("zeros", .string(String(repeating: "0", count: 65_536)))
        attributes.append("long", .string(String(repeating: "a", count: 65_536)))
        attributes.append("raw", .binary(Array(repeating: 7, count: 65_536)))
        attributes.append("e", .string(""))
        return attributes
    }()

    private func row(_ term: String, _ separator: String, _ count: Int = 3000) -> String {
        Array(repeating: term, count: count).joined(separator: separator)
    }

    @Test(arguments: [("zeros", "+"), ("-zeros", "+"), ("(zeros > zeros)", " OR ")])
    func `counts the digits that a cast reads`(term: String, separator: String) throws {
        let result = try CESQLExpression(row(term, separator)).evaluate(Self.attributes)
        #expect(result.errors.map(\.kind) == [.generic])
    }

    @Test func `counts the bytes of a separator as often as it is written`() throws {
        let result = try CESQLExpression("LENGTH(CONCAT_WS(long, \(row("e", ",")))) = 1").evaluate(Self.attributes)
        #expect(result.errors.map(\.kind) == [.generic])
        #expect(try CESQLExpression("CONCAT_WS(', ', 'a', 'b') = 'a, b'").evaluate(Self.attributes).value == .boolean(true))
    }

    @Test func `counts the bytes that Base64 is made of`() throws {
        let result = try CESQLExpression(row("raw IN (1)", " OR ")).evaluate(Self.attributes)
        #expect(result.errors.map(\.kind) == [.generic])
    }

    @Test func `shows the beginning of a long text in an error`() throws {
        let error = try #require(try CESQLExpression("INT(long)").evaluate(Self.attributes).errors.first)
        #expect(error.message.utf8.count < 300)
        #expect(error.message.hasSuffix("aaa…\" cannot be cast to Integer"))
    }

    @Test func `is bounded where a filter says why it does not match`() throws {
        let filter = try CompiledFilter([.cesql(row("(long = long)", " AND "))])
        #expect(!filter.matches(Self.attributes))
        #expect(filter.firstMismatch(Self.attributes) != nil)
    }
}
