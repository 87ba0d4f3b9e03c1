import CloudEvents
import EventFilters
import Foundation
import Specs
import Testing

/// The conformance tests of CESQL and the cases beyond them that lie beside the checkout.
@Suite(.enabled(if: Specs.sharedVectors != nil)) struct `The shared vectors of CESQL` {
    private struct Case: Decodable, Sendable {
        var name: String?
        /// Unquoted scalars such as `tRuE` and `-10` arrive as the text that they are in the file.
        var expression: String
        var result: CESQLScalar?
        var error: String?
        var event: [String: CESQLScalar]?
        var eventOverrides: [String: CESQLScalar]?
    }

    private struct EdgeFile: Decodable {
        var event: [String: CESQLScalar]
        var tests: [Case]
    }

    /// It contradicts section 3.7 of the specification; the Go and the Java SDK changed it alike.
    private static let overridden = "not_operator.yaml Invalid int cast"

    private func attributes(_ values: [String: CESQLScalar]) -> Attributes {
        var attributes = Attributes()
        for (name, scalar) in values.sorted(by: { $0.key < $1.key }) {
            switch scalar.value {
            case .boolean(let value): attributes.append(name, .boolean(value))
            case .integer(let value): attributes.append(name, .integer(value))
            case .string(let text) where name == "time": attributes.append(name, .timestamp(text))
            case .string(let text) where name == "source": attributes.append(name, .uriReference(text))
            case .string(let text): attributes.append(name, .string(text))
            }
        }
        return attributes
    }

    private func event(of entry: Case) -> Attributes {
        var event = cesqlEvent(nil)
        if let values = entry.event { event = attributes(values) }
        for attribute in attributes(entry.eventOverrides ?? [:]) { event.set(attribute.name, to: attribute.value) }
        return event
    }

    private func check(
        _ name: String, _ expression: String, _ event: Attributes, result: CESQLValue?, error: String?,
        functions: CESQLFunctions = .builtIn
    ) {
        do throws(CESQLParseError) {
            let found = try CESQLExpression(expression, functions: functions).evaluate(event)
            if let result { #expect(found.value == result, "\(name): \(expression)") }
            if let error {
                #expect(found.kinds.contains(error), "\(name): \(expression): \(found.errors)")
            } else {
                #expect(found.errors.isEmpty, "\(name): \(expression)")
            }
        } catch let failure {
            #expect(error == "parse", "\(name): \(expression): \(failure)")
        }
    }

    @Test func `of the TCK hold as written, but for one`() throws {
        let folder = try #require(Specs.sharedVectors).appendingPathComponent("cesql_tck")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".yaml") }.sorted()
        var asWritten = 0
        var overridden = 0
        for file in names {
            let url = folder.appendingPathComponent(file)
            for entry in try Specs.documents(at: url, as: Specs.File<Case>.self).flatMap(\.tests) {
                let name = "\(file) \(entry.name ?? "")"
                if name == Self.overridden {
                    overridden += 1
                    check(name, entry.expression, event(of: entry), result: .boolean(false), error: nil)
                    Specs.overridden("cesql_tck \(name)", "section 3.7 casts integers to booleans: NOT 10 is false, no error")
                } else {
                    asWritten += 1
                    check(name, entry.expression, event(of: entry), result: entry.result?.value, error: entry.error)
                }
            }
        }
        #expect(names.count == 18)
        #expect(asWritten == 274)
        #expect(overridden == 1)
        Specs.count(asWritten, in: "shared/vectors/cesql_tck as written")
        Specs.count(overridden, in: "shared/vectors/cesql_tck overridden")
    }

    @Test func `for functions of one's own hold`() throws {
        let folder = try #require(Specs.sharedVectors).appendingPathComponent("cesql_tck/extra")
        let functions = try CESQLFunctions.builtIn
            .adding(CESQLExamples.hasPrefix)
            .adding(CESQLExamples.konkat)
        let url = folder.appendingPathComponent("user_defined_functions.yaml")
        let cases = try Specs.documents(at: url, as: Specs.File<Case>.self).flatMap(\.tests)
        for entry in cases {
            check(
                entry.name ?? "", entry.expression, event(of: entry), result: entry.result?.value, error: entry.error,
                functions: functions)
        }
        #expect(cases.count == 8)
        Specs.count(cases.count, in: "shared/vectors/cesql_tck extra")
    }

    @Test func `at the edges hold, decisions included`() throws {
        let url = try #require(Specs.sharedVectors).appendingPathComponent("cesql_edge/cases.json")
        let file = try JSONDecoder().decode(EdgeFile.self, from: Data(contentsOf: url))
        let event = attributes(file.event)
        for entry in file.tests {
            check(entry.expression, entry.expression, event, result: entry.result?.value, error: entry.error)
        }
        #expect(file.tests.count == 74)
        Specs.count(file.tests.count, in: "shared/vectors/cesql_edge")
    }
}
