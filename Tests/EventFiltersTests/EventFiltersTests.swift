import CloudEvents
import EventFilters
import Specs
import TestSupport
import Testing

@Suite struct `A filter` {
    @Test(arguments: ["exact", "prefix", "suffix", "nesting", "attributes"])
    func `obeys its vectors`(file: String) throws {
        for vector in Specs.vectors("filters/\(file).yaml", as: MatchVector.self) {
            let filter = try CompiledFilter(vector.filters.map(\.expression))
            for texts in vector.matches {
                #expect(filter.matches(event(texts)), "\(vector.name): \(texts) should pass")
                #expect(filter.firstMismatch(event(texts)) == nil, "\(vector.name): \(texts)")
            }
            for texts in vector.misses {
                #expect(!filter.matches(event(texts)), "\(vector.name): \(texts) should not pass")
                #expect(filter.firstMismatch(event(texts)) != nil, "\(vector.name): \(texts)")
            }
        }
    }

    @Test func `is refused with its path where it cannot mean anything`() {
        for vector in Specs.vectors("filters/refused.yaml", as: RefusalVector.self) {
            let expected = FilterError(path: vector.path, message: vector.message)
            #expect(throws: expected, "\(vector.name)") { _ = try CompiledFilter(vector.filters.map(\.expression)) }
        }
    }

    @Test func `says which predicate kept an event out`() throws {
        for vector in Specs.vectors("filters/mismatch.yaml", as: MismatchVector.self) {
            let filter = try CompiledFilter(vector.filters.map(\.expression))
            let mismatch = filter.firstMismatch(event(vector.event))
            #expect(mismatch?.path == vector.path, "\(vector.name)")
            #expect(mismatch?.description == vector.sentence, "\(vector.name)")
        }
    }

    @Test func `compares values of other types in their canonical text`() throws {
        var attributes = Attributes()
        attributes.append("count", .integer(-42))
        attributes.append("flag", .boolean(true))
        attributes.append("link", .uriReference("/a/b"))
        attributes.append("time", .timestamp("2026-11-21T10:00:00Z"))
        func passes(_ expression: FilterExpression) throws -> Bool { try CompiledFilter([expression]).matches(attributes) }
        #expect(try passes(.exact([AttributePredicate(name: "count", value: "-42")])))
        #expect(try !passes(.exact([AttributePredicate(name: "count", value: "42")])))
        #expect(try passes(.prefix([AttributePredicate(name: "count", value: "-4")])))
        #expect(try passes(.exact([AttributePredicate(name: "flag", value: "true")])))
        #expect(try passes(.suffix([AttributePredicate(name: "link", value: "/b")])))
        #expect(try passes(.prefix([AttributePredicate(name: "time", value: "2026-11")])))
        #expect(try !passes(.exact([AttributePredicate(name: "time", value: "2026-11-21T10:00:00.0Z")])))
    }

    @Test func `has a limit on its depth and on its size`() throws {
        var nested = FilterExpression.exact([AttributePredicate(name: "type", value: "a")])
        for _ in 1..<CompiledFilter.nestingMax { nested = .not(nested) }
        _ = try CompiledFilter([nested])
        #expect(throws: FilterError.self) { _ = try CompiledFilter([.not(nested)]) }
        let one = FilterExpression.prefix([AttributePredicate(name: "type", value: "a")])
        _ = try CompiledFilter(Array(repeating: one, count: CompiledFilter.predicatesMax))
        #expect(throws: FilterError.self) {
            _ = try CompiledFilter(Array(repeating: one, count: CompiledFilter.predicatesMax + 1))
        }
    }
}

/// Filters and events drawn from a seed, held against the plainest reading of the dialects.
@Suite struct `Any filter at all` {
    private static let names = ["type", "source", "region"]
    private static let values = ["a", "ab", "b", "ba", "aba"]

    private func expression(_ draw: inout SeededRandom, depth: Int) -> FilterExpression {
        let choice = Int.random(in: 0..<(depth == 0 ? 4 : 7), using: &draw)
        func children(_ draw: inout SeededRandom) -> [FilterExpression] {
            (0..<Int.random(in: 1...3, using: &draw)).map { _ in expression(&draw, depth: depth - 1) }
        }
        switch choice {
        case 4: return .all(children(&draw))
        case 5: return .any(children(&draw))
        case 6: return .not(expression(&draw, depth: depth - 1))
        default:
            let list = Self.names.shuffled(using: &draw).prefix(Int.random(in: 1...2, using: &draw)).map {
                AttributePredicate(name: $0, value: Self.values.randomElement(using: &draw)!)
            }
            return [.exact(list), .prefix(list), .suffix(list), .attributes(list)][choice]
        }
    }

    private func holds(_ expression: FilterExpression, _ event: [String: String]) -> Bool {
        func every(_ list: [AttributePredicate], _ test: (String, String) -> Bool) -> Bool {
            list.allSatisfy { item in event[item.name].map { test($0, item.value) } ?? false }
        }
        switch expression {
        case .exact(let list): return every(list) { $0 == $1 }
        case .prefix(let list): return every(list) { $0.hasPrefix($1) }
        case .suffix(let list): return every(list) { $0.hasSuffix($1) }
        case .attributes(let list): return every(list) { $1.isEmpty || $0 == $1 }
        case .all(let children): return children.allSatisfy { holds($0, event) }
        case .any(let children): return children.contains { holds($0, event) }
        case .not(let child): return !holds(child, event)
        case .cesql: return false
        }
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `means the same compiled, explained and read plainly`(seed: UInt64) throws {
        var draw = SeededRandom(seed: seed)
        var passed = 0
        for _ in 0..<2000 {
            let expressions = (0..<Int.random(in: 1...2, using: &draw)).map { _ in expression(&draw, depth: 3) }
            let filter = try CompiledFilter(expressions)
            var texts: [String: String] = [:]
            for name in Self.names where Bool.random(using: &draw) { texts[name] = Self.values.randomElement(using: &draw)! }
            let expected = expressions.allSatisfy { holds($0, texts) }
            passed += expected ? 1 : 0
            #expect(filter.matches(event(texts)) == expected, "\(expressions) on \(texts)")
            #expect((filter.firstMismatch(event(texts)) == nil) == expected, "\(expressions) on \(texts)")
        }
        #expect(passed > 200 && passed < 1800, "both outcomes must be drawn often: \(passed) of 2000 passed")
    }
}
