import CloudEvents
import TestSupport
import Testing

@testable import EventFilters

/// Whatever asks a filter, in whichever way, is told the same. Filters and events are drawn from a seed, from values that are
/// near each other: what a cast makes equal, what only looks equal, the empty text, the pattern of everything.
@Suite struct `All ways of asking a filter` {
    private static let names = ["type", "source", "region", "n", "x1"]
    private static let values = [
        "", "a", "ab", "aab", "ba", "0", "1", "01", "+1", "-0", "-1", "5", "2147483648", "true", "TRUE", "false", "a%", "a_",
        "2026-11-21T10:00:00Z", "/a", "abc=", "abc", "caf\u{e9}", "cafe\u{301}", "\r\n", "\u{1F680}", "\u{1F680}a",
    ]
    private static let patterns = [
        "", "%", "%%", "_", "_%", "a", "a%", "%a", "%a%", "a_", "a%b", "\\%", "a\\%", "a\\_", "%\\%", "caf%", "%\u{301}", "1%",
        "%e", "\u{1F680}%", "__",
    ]

    private func one(_ list: [String], _ draw: inout SeededRandom) -> String { list.randomElement(using: &draw)! }
    private func name(_ draw: inout SeededRandom) -> String { one(Self.names, &draw) }

    private func predicate(_ draw: inout SeededRandom) -> AttributePredicate {
        AttributePredicate(name: name(&draw), value: one(Self.values.filter { !$0.isEmpty }, &draw))
    }

    private func literal(_ draw: inout SeededRandom) -> String {
        switch Int.random(in: 0..<4, using: &draw) {
        case 0: one(["0", "1", "+1", "-1", "5", "-2147483648"], &draw)
        case 1: one(["TRUE", "FALSE"], &draw)
        default: "'\(one(Self.values, &draw))'"
        }
    }

    /// A value of any type, an attribute most often.
    private func term(_ draw: inout SeededRandom, depth: Int) -> String {
        guard depth > 0 else { return Bool.random(using: &draw) ? name(&draw) : literal(&draw) }
        func deeper(_ draw: inout SeededRandom) -> String { term(&draw, depth: depth - 1) }
        switch Int.random(in: 0..<14, using: &draw) {
        case 0: return "INT(\(deeper(&draw)))"
        case 1: return "BOOL(\(deeper(&draw)))"
        case 2: return "STRING(\(deeper(&draw)))"
        case 3: return "LENGTH(\(deeper(&draw)))"
        case 4: return "CONCAT(\(deeper(&draw)), \(deeper(&draw)))"
        case 5: return "LEFT(\(deeper(&draw)), \(deeper(&draw)))"
        case 6: return "(\(deeper(&draw)) \(one(["+", "-", "*", "/", "%"], &draw)) \(deeper(&draw)))"
        case 7: return "(\(expression(&draw, depth: depth - 1)))"
        case 8: return literal(&draw)
        case 9: return "- \(name(&draw))"
        default: return name(&draw)
        }
    }

    private func expression(_ draw: inout SeededRandom, depth: Int) -> String {
        func term(_ draw: inout SeededRandom) -> String { self.term(&draw, depth: min(depth, 1)) }
        func row(_ draw: inout SeededRandom) -> String {
            let areLiterals = Bool.random(using: &draw)
            let members = (0..<Int.random(in: 1...5, using: &draw)).map { _ in areLiterals ? literal(&draw) : term(&draw) }
            return members.joined(separator: ", ")
        }
        func deeper(_ draw: inout SeededRandom) -> String { expression(&draw, depth: depth - 1) }
        let not = one(["", "", "NOT "], &draw)
        switch Int.random(in: 0..<(depth == 0 ? 7 : 11), using: &draw) {
        case 0, 1: return "\(term(&draw)) \(one(["=", "=", "=", "!=", "<>", "<", ">="], &draw)) \(term(&draw))"
        case 2: return "\(name(&draw)) \(not)LIKE '\(one(Self.patterns, &draw))'"
        case 3: return "\(one([name(&draw), name(&draw), term(&draw)], &draw)) \(not)IN (\(row(&draw)))"
        case 4: return "\(not)EXISTS \(name(&draw))"
        case 5: return term(&draw)
        case 6: return "\(name(&draw)) = \(literal(&draw)) \(one(["=", "!="], &draw)) \(literal(&draw))"
        case 7: return "NOT (\(deeper(&draw)))"
        case 8: return "(\(deeper(&draw)))"
        default:
            return (0..<Int.random(in: 2...4, using: &draw)).map { _ in deeper(&draw) }.reduce("") { row, next in
                row.isEmpty ? next : "\(row) \(one(["AND", "OR", "XOR"], &draw)) \(next)"
            }
        }
    }

    private func filter(_ draw: inout SeededRandom, depth: Int) -> FilterExpression {
        func children(_ draw: inout SeededRandom) -> [FilterExpression] {
            (0..<Int.random(in: 1...3, using: &draw)).map { _ in filter(&draw, depth: depth - 1) }
        }
        switch Int.random(in: 0..<(depth == 0 ? 8 : 12), using: &draw) {
        case 0: return .exact([predicate(&draw), predicate(&draw)])
        case 1: return .prefix([predicate(&draw)])
        case 2: return .suffix([predicate(&draw)])
        case 3:
            let value = Bool.random(using: &draw) ? "" : one(Self.values, &draw)
            return .attributes([AttributePredicate(name: name(&draw), value: value)])
        case 4...7: return .cesql(expression(&draw, depth: 2))
        case 8: return .all(children(&draw))
        case 9: return .any(children(&draw))
        default: return .not(filter(&draw, depth: depth - 1))
        }
    }

    private func event(_ draw: inout SeededRandom) -> Attributes {
        var attributes = Attributes()
        for name in Self.names where ["type", "source"].contains(name) || Int.random(in: 0..<4, using: &draw) > 0 {
            let text = one(Self.values, &draw)
            let values: [AttributeValue] = [
                .string(text), .string(text), .string(text), .integer([0, 1, -1, 5].randomElement(using: &draw)!), .boolean(true),
                .boolean(false), .uri("/a"), .uriReference("ab"), .timestamp("2026-11-21T10:00:00Z"), .binary([0x69, 0xB7]),
                .binary([]),
            ]
            attributes.append(name, values.randomElement(using: &draw)!)
        }
        return attributes
    }

    /// What one filter says of one event, by each of the ways.
    private func agree(_ filter: CompiledFilter, _ attributes: Attributes) -> (matches: Bool, errors: Int) {
        var errors = 0
        let matches = filter.matches(attributes, evaluationErrors: &errors)
        let shown = "\(filter.expressions) for \(attributes.map { "\($0.name)=\($0.value)" })"
        #expect(filter.matches(attributes) == matches)
        #expect((filter.firstMismatch(attributes) == nil) == matches, "\(shown)")
        #expect((filter.firstEvaluationError(attributes) == nil) == (errors == 0), "\(shown)")
        for case .cesql(let text) in filter.expressions {
            guard let expression = try? CESQLExpression(text) else { continue }
            var kind: CESQLError.Kind?
            let passes = expression.passes(attributes, firstError: &kind)
            let whole = expression.evaluate(attributes)
            #expect(passes == (whole == CESQLResult(value: .boolean(true))), "\(text) for \(shown)")
            #expect(whole.errors.first?.kind == kind, "\(text) for \(shown)")
        }
        if matches {
            for requirement in filter.requirements {
                #expect(requirement.anyOf.contains { $0.holds(for: attributes) }, "\(requirement.anyOf) is not met: \(shown)")
            }
        }
        return (matches, errors)
    }

    @Test(arguments: 1...6 as ClosedRange<UInt64>)
    func `say the same`(seed: UInt64) throws {
        var draw = SeededRandom(seed: seed &* 7919)
        var found = 0
        var failed = 0
        for round in 0..<8 {
            let filters = try (0..<[3, 5, 30, 120][round % 4]).map { place in
                let list = (0..<Int.random(in: 1...2, using: &draw)).map { _ in filter(&draw, depth: 2) }
                return (id: place, filter: try CompiledFilter(list))
            }
            let index = FilterIndex(filters)
            for _ in 0..<15 {
                let attributes = event(&draw)
                let answers = filters.map { agree($0.filter, attributes) }
                var (ids, errors): ([Int], [Int]) = ([], [])
                index.forEachMatch(attributes, onError: { errors.append($0) }, { ids.append($0) })
                #expect(ids == answers.indices.filter { answers[$0].matches }, "seed \(seed), round \(round)")
                #expect(errors.allSatisfy { answers[$0].errors > 0 })
                found += ids.count
                failed += errors.count
            }
        }
        #expect(found > 500 && failed > 500, "matches and errors must be drawn often: \(found), \(failed)")
    }
}
