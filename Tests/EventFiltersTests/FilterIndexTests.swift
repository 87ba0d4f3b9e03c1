import CloudEvents
import TestSupport
import Testing

@testable import EventFilters

@Suite struct `An index of filters` {
    @Test func `finds what asking each filter finds`() throws {
        let types = ["a", "b", "caf\u{e9}", "cafe\u{301}"]
        func exact(_ name: String, _ value: String) -> FilterExpression {
            .exact([AttributePredicate(name: name, value: value)])
        }
        var filters: [(id: Int, filter: CompiledFilter)] = []
        for (index, type) in (types + types).enumerated() {
            let region = index % 2 == 0 ? "eu" : "us"
            let legacy = FilterExpression.attributes([
                AttributePredicate(name: "source", value: ""), AttributePredicate(name: "region", value: region),
            ])
            let expressions: [[FilterExpression]] = [
                [exact("type", type)], [.not(exact("type", type))], [.any([exact("type", type), exact("region", region)])],
                [.prefix([AttributePredicate(name: "type", value: type)]), exact("region", region)],
                [.all([exact("region", region), exact("type", type)])], [legacy], [],
            ]
            for list in expressions { filters.append((id: filters.count * 3, filter: try CompiledFilter(list))) }
        }
        let index = FilterIndex(filters.reversed())
        for type in types + ["", "none"] {
            for rest in [[:], ["region": "eu"], ["region": "us", "source": "s"], ["source": "s"]] {
                let attributes = event(rest.merging(["type": type]) { $1 })
                let expected = filters.filter { $0.filter.matches(attributes) }.map(\.id)
                var found: [Int] = []
                index.forEachMatch(attributes) { found.append($0) }
                #expect(found == expected, "\(type) \(rest)")
                #expect(index.countMatches(attributes) == expected.count)
            }
        }
    }

    @Test func `calls each id that matches, ascending, and counts them`() throws {
        func type(_ value: String) throws -> CompiledFilter {
            try CompiledFilter([.exact([AttributePredicate(name: "type", value: value)])])
        }
        let index = FilterIndex([
            (id: 7, filter: try type("a")), (id: 2, filter: .everything), (id: 5, filter: try type("b")),
            (id: 3, filter: try type("a")),
        ])
        var ids: [Int] = []
        index.forEachMatch(event(["type": "a"])) { ids.append($0) }
        #expect(ids == [2, 3, 7])
        #expect(index.countMatches(event(["type": "a"])) == 3)
        #expect(index.countMatches(event(["type": "x"])) == 1)
        #expect(FilterIndex([]).countMatches(event([:])) == 0)
    }

    /// How many of 2000 filters an event with the values of one of them asks.
    @Test(arguments: [
        "type = 'type.#'", "'type.#' = type", "type LIKE 'type.#.%'", "type LIKE '%.#.type'", "subject IN ('#', '#-x')",
        "source = '/same' AND extension = '#'", "source = '/same' AND (type = 'type.#' OR subject = '#')",
        "number = 5 AND subject = '#'",
        "type = 'type.#' XOR FALSE AND subject = '#'",
    ])
    func `asks few of many filters in which an expression implies a value`(expression: String) throws {
        let filters = try (0..<2_000).map { number in
            let text = expression.replacing("#", with: "\(number + 10_000)")
            return (id: number, filter: try CompiledFilter([.cesql(text)]))
        }
        let tree = FilterTree(filters.map(\.filter.requirements))
        for type in ["type.11321", "type.11321.x", "x.11321.type"] {
            let attributes = event([
                "type": type, "source": "/same", "subject": "11321", "extension": "11321", "number": "5",
            ])
            var asked = 0
            tree.forEachCandidate(attributes) { _ in asked += 1 }
            #expect(asked <= 1, "\(expression): \(asked) of 2000 were asked")
        }
        let index = FilterIndex(filters)
        var matches: [Int] = []
        for type in ["type.11321", "type.11321.x", "x.11321.type"] {
            let attributes = event(["type": type, "source": "/same", "subject": "11321", "extension": "11321", "number": "5"])
            index.forEachMatch(attributes) { matches.append($0) }
        }
        #expect(Set(matches) == [1321], "\(expression)")
    }

    @Test func `tells filters apart by a second value where many share the first`() throws {
        func exact(_ name: String, _ value: Int) -> FilterExpression {
            .exact([AttributePredicate(name: name, value: "\(value)")])
        }
        let filters = try (0..<100).flatMap { type in
            try (0..<100).map { source in try CompiledFilter([exact("type", type), exact("source", source)]) }
        }
        var asked: [Int] = []
        FilterTree(filters.map(\.requirements)).forEachCandidate(event(["type": "42", "source": "7"])) { asked.append($0) }
        #expect(asked == [4207])
    }
}

/// Filters of every dialect and events of every type, drawn from a seed: the index against asking each filter.
@Suite struct `Any filters in an index` {
    private static let names = ["type", "source", "region", "n"]
    private static let values = ["a", "ab", "abc", "b", "ba", "5", "05", "-7", "true", "TRUE", "caf\u{e9}", "cafe\u{301}"]

    private func value(_ draw: inout SeededRandom) -> String { Self.values.randomElement(using: &draw)! }
    private func name(_ draw: inout SeededRandom) -> String { Self.names.randomElement(using: &draw)! }

    private func filter(_ draw: inout SeededRandom, depth: Int) -> FilterExpression {
        func children(_ draw: inout SeededRandom) -> [FilterExpression] {
            (0..<Int.random(in: 1...3, using: &draw)).map { _ in filter(&draw, depth: depth - 1) }
        }
        switch Int.random(in: 0..<(depth == 0 ? 5 : 8), using: &draw) {
        case 0: return .exact([AttributePredicate(name: name(&draw), value: value(&draw))])
        case 1: return .prefix([AttributePredicate(name: name(&draw), value: value(&draw))])
        case 2: return .suffix([AttributePredicate(name: name(&draw), value: value(&draw))])
        case 3: return .attributes([AttributePredicate(name: name(&draw), value: Bool.random(using: &draw) ? "" : value(&draw))])
        case 4: return .cesql(expression(&draw, depth: 2))
        case 5: return .all(children(&draw))
        case 6: return .any(children(&draw))
        default: return .not(filter(&draw, depth: depth - 1))
        }
    }

    private func literal(_ draw: inout SeededRandom) -> String {
        ["'\(value(&draw))'", "5", "-7", "TRUE", "FALSE"].randomElement(using: &draw)!
    }

    private func expression(_ draw: inout SeededRandom, depth: Int) -> String {
        func deeper(_ draw: inout SeededRandom) -> String { expression(&draw, depth: depth - 1) }
        let pattern = ["", "a", "a%", "%a", "%b%", "a_", "_", "a%c", "caf%"].randomElement(using: &draw)!
        switch Int.random(in: 0..<(depth == 0 ? 8 : 12), using: &draw) {
        case 0: return "\(name(&draw)) = \(literal(&draw))"
        case 1: return "\(literal(&draw)) = \(name(&draw))"
        case 2: return "\(name(&draw)) LIKE '\(pattern)'"
        case 3: return "\(name(&draw)) NOT LIKE '\(pattern)'"
        case 4: return "\(name(&draw)) IN (\(literal(&draw)), \(literal(&draw)), \(literal(&draw)))"
        case 5: return "EXISTS \(name(&draw))"
        case 6: return "\(name(&draw)) != \(literal(&draw))"
        case 7: return "LENGTH(\(name(&draw))) > 2"
        case 8: return "(\(deeper(&draw)))  AND (\(deeper(&draw)))"
        case 9: return "(\(deeper(&draw))) OR (\(deeper(&draw)))"
        case 10: return "NOT (\(deeper(&draw)))"
        default: return "\(deeper(&draw)) \(["AND", "OR", "XOR"].randomElement(using: &draw)!) \(deeper(&draw))"
        }
    }

    private func event(_ draw: inout SeededRandom) -> Attributes {
        var attributes = Attributes()
        for name in Self.names where Int.random(in: 0..<5, using: &draw) > 0 {
            let values: [AttributeValue] = [
                .string(value(&draw)), .string(value(&draw)), .integer(5), .boolean(true), .uri("abc"), .binary([0x69, 0xB7]),
            ]
            attributes.append(name, values.randomElement(using: &draw)!)
        }
        return attributes
    }

    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func `are found as if each were asked`(seed: UInt64) throws {
        var draw = SeededRandom(seed: seed)
        var found = 0
        for round in 0..<60 {
            let filters = try (0..<[1, 4, 5, 40, 200][round % 5]).map { place in
                let list = (0..<Int.random(in: 1...2, using: &draw)).map { _ in filter(&draw, depth: 2) }
                return (id: place * 2, filter: try CompiledFilter(list))
            }
            let index = FilterIndex(filters.shuffled(using: &draw))
            for _ in 0..<20 {
                let attributes = event(&draw)
                let expected = filters.filter { $0.filter.matches(attributes) }.map(\.id)
                var ids: [Int] = []
                index.forEachMatch(attributes) { ids.append($0) }
                #expect(ids == expected, "seed \(seed), round \(round): \(attributes.map { "\($0.name)=\($0.value)" })")
                found += ids.count
            }
        }
        #expect(found > 10_000, "matches must be drawn often: \(found)")
    }
}
