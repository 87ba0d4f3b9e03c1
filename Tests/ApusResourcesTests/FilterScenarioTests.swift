import ApusResources
import CloudEvents
import EventFilters
import Specs
import Testing

@Suite struct `A trigger's filter` {
    private struct Vector: Decodable, Sendable {
        let name: String
        let filter: String
        let matches: [[String: String]]
        let misses: [[String: String]]
    }

    private func trigger(_ filter: String, file: String? = nil) throws -> (Trigger, [FieldError]) {
        let fields = filter.split(separator: "\n").map { "  \($0)\n" }.joined()
        let text = """
            apiVersion: eventing.knative.dev/v1
            kind: Trigger
            metadata: {name: t}
            spec:
              broker: default
              subscriber: {uri: http://localhost:9000/}

            """
        let manifests = try Manifests.load([Manifests.Source(file: file, text: text + fields)])
        let resource = try #require(manifests.resources.first)
        guard case .trigger(let trigger) = resource else { throw FieldErrors([]) }
        return (trigger, manifests.warnings)
    }

    private func attributes(_ texts: [String: String]) -> Attributes {
        var attributes = Attributes()
        let required = ["specversion": "1.0", "id": "1", "source": "/s", "type": "t"]
        for (name, value) in required.merging(texts, uniquingKeysWith: { $1 }).sorted(by: { $0.key < $1.key }) {
            attributes.append(name, .string(value))
        }
        return attributes
    }

    @Test func `takes what Knative's scenarios say`() throws {
        for vector in Specs.vectors("resources/matches.yaml", as: Vector.self) {
            let filter = try trigger(vector.filter).0.compiledFilter()
            for event in vector.matches { #expect(filter.matches(attributes(event)), "\(vector.name): \(event) should pass") }
            for event in vector.misses { #expect(!filter.matches(attributes(event)), "\(vector.name): \(event) should not") }
        }
    }

    @Test func `is warned about with its file, line, field and place`() throws {
        let filters = "filters:\n- any:\n  - exact: {type: a}\n  - not:\n      cesql: \"x OR\\n y AND z\""
        let warnings = try trigger(filters, file: "t.yaml").1
        #expect(
            warnings.map(\.description) == [
                "t.yaml:11: spec.filters[0].any[1].not.cesql: line 2, column 4: "
                    + "OR and AND are read from left to right: add parentheses to say what is meant"
            ])
        #expect(warnings.first?.excerpt == [" y AND z", "   ^"])
    }

    @Test func `that does not parse shows where, below its one line`() throws {
        do throws(FieldErrors) {
            _ = try Manifests.load([
                Manifests.Source(
                    file: "t.yaml",
                    text: "apiVersion: eventing.knative.dev/v1\nkind: Trigger\nmetadata: {name: t}\n"
                        + "spec:\n  broker: b\n  subscriber: {uri: http://a/}\n  filters: [{cesql: type = }]\n")
            ])
            Issue.record("it was taken")
        } catch {
            #expect(error.description == "t.yaml:7: spec.filters[0].cesql: line 1, column 7: expected a value, found the end")
            #expect(error.errors.first?.excerpt == ["type =", "      ^"])
        }
    }

    @Test func `names the first expression that it asked and that was an error`() throws {
        func error(_ filters: [FilterExpression], _ event: [String: String]) throws -> FilterEvaluationError? {
            let filter = try CompiledFilter(filters)
            var count = 0
            _ = filter.matches(attributes(event), evaluationErrors: &count)
            let error = filter.firstEvaluationError(attributes(event))
            #expect((error != nil) == (count > 0))
            return error
        }
        let other = FilterExpression.exact([AttributePredicate(name: "type", value: "other")])
        // The first expression is not asked: its neighbour in `all` has said no.
        let found = try error([.any([.all([other, .cesql("a = 1")]), .cesql("TRUE AND region = 'eu'")])], [:])
        #expect(found?.path == "[0].any[1].cesql")
        #expect(found?.description == "region = 'eu' is an error: the event has no attribute region")
        #expect(try error([.not(.cesql("a = 'b'"))], [:])?.path == "[0].not.cesql")
        #expect(try error([.cesql("a = 'b'")], ["a": "c"]) == nil)
        #expect(try error([other, .cesql("a = 'b'")], [:]) == nil)
    }

    @Test func `of a library's user can call a function of their own, as docs/filters.md shows`() throws {
        let functions = try CESQLFunctions.builtIn.adding(
            CESQLFunction("HAS_PREFIX", [.string, .string], returns: .boolean) { arguments in
                .boolean(arguments[0].text.utf8.starts(with: arguments[1].text.utf8))
            })
        let expression = try CESQLExpression("has_prefix(type, 'com.example.')", functions: functions)
        #expect(expression.evaluate(attributes(["type": "com.example.a"])) == CESQLResult(value: .boolean(true)))
        #expect(expression.evaluate(attributes(["type": "org.example.a"])) == CESQLResult(value: .boolean(false)))
        let filter = try CompiledFilter([
            .prefix([AttributePredicate(name: "type", value: "com.example.")]), .cesql("EXISTS region"),
        ])
        #expect(filter.matches(attributes(["type": "com.example.a", "region": "eu"])))
        #expect(
            filter.firstMismatch(attributes(["type": "com.example.a"]))?.description
                == "EXISTS region must be true, region is not there")
    }
}
