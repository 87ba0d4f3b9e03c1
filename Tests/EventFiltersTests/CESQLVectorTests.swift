import CloudEvents
import EventFilters
import Foundation
import Specs
import Testing

@Suite struct `A CESQL expression` {
    private static let files = [
        "arithmetic", "attribute-types", "casts", "comparison", "equality", "errors", "exists", "functions", "fuzz-findings",
        "identifiers", "in", "like", "literals", "logic", "precedence", "strings",
    ]

    private static func vectors<Vector: Decodable & Sendable>(_ file: String) -> [Vector] {
        Specs.vectors("filters/cesql/\(file).yaml")
    }

    @Test(arguments: files)
    func `has the value and the errors that its vectors say`(file: String) throws {
        for vector in Self.vectors(file) as [CESQLVector] {
            do throws(CESQLParseError) {
                let result = try CESQLExpression(vector.expression).evaluate(cesqlEvent(vector.event))
                #expect(result.value == vector.result.value, "\(vector.name): \(vector.expression)")
                #expect(result.kinds == vector.errors ?? [], "\(vector.name): \(vector.expression): \(result.errors)")
                for (error, piece) in zip(result.errors, vector.says ?? []) {
                    #expect(error.message.contains(piece), "\(vector.name): \(vector.expression)")
                }
            } catch {
                Issue.record("\(vector.name): \(vector.expression) does not parse: \(error)")
            }
        }
    }

    /// A filter stops at the first error, so its way is another one to the same verdict.
    @Test(arguments: files)
    func `passes as a filter where it is true without an error`(file: String) throws {
        for vector in Self.vectors(file) as [CESQLVector] {
            let attributes = cesqlEvent(vector.event)
            let expected = vector.result.value == .boolean(true) && (vector.errors ?? []).isEmpty
            #expect(try cesqlPasses(vector.expression, attributes) == expected, "\(vector.name): \(vector.expression)")
            #expect(try !expected || !cesqlPasses("NOT (\(vector.expression))", attributes), "NOT \(vector.name)")
        }
    }

    @Test func `passes as a filter where its vectors say so`() throws {
        for vector in Self.vectors("as-filter") as [CESQLFilterVector] {
            let attributes = cesqlEvent(vector.event)
            #expect(try cesqlPasses(vector.expression, attributes) == vector.passes, "\(vector.name): \(vector.expression)")
        }
    }

    @Test func `that does not parse says where and why`() {
        for vector in Self.vectors("parse-errors") as [CESQLParseVector] {
            do throws(CESQLParseError) {
                _ = try CESQLExpression(vector.expression)
                Issue.record("\(vector.name): \(vector.expression) should not parse")
            } catch {
                let place = "\(error.line):\(error.column)"
                #expect(place == "\(vector.line):\(vector.column)", "\(vector.name): \(vector.expression): \(error)")
                #expect(error.message.contains(vector.message), "\(vector.name): \(vector.expression): \(error)")
                let before = vector.expression.utf8.prefix(error.offset)
                #expect(before.count == error.offset, "\(vector.name): the offset is inside the expression or at its end")
                #expect(before.count { $0 == UInt8(ascii: "\n") } + 1 == error.line, "\(vector.name): offset and line agree")
            }
        }
    }

    @Test func `warns of what is likely to be a mistake`() throws {
        for vector in Self.vectors("warnings") as [CESQLWarningVector] {
            let found = try CESQLExpression(vector.expression).warnings
            let expected = vector.warnings ?? []
            let places = expected.map { "\($0.line):\($0.column)" }
            #expect(found.map { "\($0.line):\($0.column)" } == places, "\(vector.name): \(vector.expression): \(found)")
            for (warning, piece) in zip(found, expected) {
                #expect(warning.message.contains(piece.message), "\(vector.name): \(vector.expression)")
            }
        }
    }

    @Test func `has no file of vectors that no test reads`() {
        let names = Specs.files(below: "filters/cesql").map { $0.deletingPathExtension().lastPathComponent }
        #expect(Set(names) == Set(Self.files + ["as-filter", "parse-errors", "warnings"]))
    }

    @Test func `compares strings as bytes, in values too`() {
        #expect(CESQLValue.string("\u{e9}") != .string("e\u{301}"))
        #expect(CESQLValue.string("a\r\nb") == .string("a\r\nb"))
        #expect(CESQLValue.string("1") != .integer(1))
        #expect(CESQLValue.boolean(true) != .integer(1))
    }
}
