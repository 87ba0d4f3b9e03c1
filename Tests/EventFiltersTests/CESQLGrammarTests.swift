import CloudEvents
import EventFilters
import TestSupport
import Testing

/// Expressions and events drawn from seeds: every way to ask must answer alike, and as the plainest reading does.
@Suite struct `Any CESQL expression at all` {
    private static let names = ["type", "source", "a", "b", "n", "flag", "missing"]
    private static let texts = ["a", "ab", "order.created", "", "7", "-2147483648", "true", "FALSE", "e\u{301}", "\u{e9}", "%_"]
    private static let numbers = ["0", "1", "-1", "7", "2147483647", "-2147483648"]
    private static let patterns = ["%", "a%", "%b", "_", "a_", "%\\%%", "order.%", "", "%r%d", "e_"]

    private func one(_ list: [String], _ draw: inout SeededRandom) -> String { list.randomElement(using: &draw) ?? "" }

    private func value(_ draw: inout SeededRandom) -> String {
        switch Int.random(in: 0..<5, using: &draw) {
        case 0: "'\(one(Self.texts, &draw))'"
        case 1: one(Self.numbers, &draw)
        case 2: one(["TRUE", "false"], &draw)
        default: one(Self.names, &draw)
        }
    }

    private func expression(_ draw: inout SeededRandom, depth: Int) -> String {
        guard depth > 0 else { return value(&draw) }
        func inner(_ draw: inout SeededRandom) -> String {
            expression(&draw, depth: depth - min(depth, Int.random(in: 1...2, using: &draw)))
        }
        let left = inner(&draw)
        switch Int.random(in: 0..<12, using: &draw) {
        case 0, 1: return "(\(left) \(one(["AND", "or", "XOR"], &draw)) \(inner(&draw)))"
        case 2, 3: return "(\(left) \(one(["=", "!=", "<>"], &draw)) \(inner(&draw)))"
        case 4: return "(\(left) \(one(["<", "<=", ">", ">="], &draw)) \(inner(&draw)))"
        case 5: return "(\(left) \(one(["+", "-", "*", "/", "%"], &draw)) \(inner(&draw)))"
        case 6: return "(\(left) \(one(["", "NOT"], &draw)) LIKE '\(one(Self.patterns, &draw))')"
        case 7: return "(\(left) \(one(["", "NOT"], &draw)) IN (\(inner(&draw)), \(value(&draw))))"
        case 8: return "(NOT \(left))"
        case 9: return "(EXISTS \(one(Self.names, &draw)) AND \(left))"
        case 10: return "\(one(["LENGTH", "ABS", "UPPER", "TRIM", "INT", "BOOL", "STRING", "NOFUNCTION"], &draw))(\(left))"
        default: return "\(one(["CONCAT", "LEFT", "RIGHT", "SUBSTRING", "CONCAT_WS"], &draw))(\(left), \(inner(&draw)))"
        }
    }

    private func event(_ draw: inout SeededRandom) -> Attributes {
        var attributes = Attributes()
        for name in Self.names.dropLast() where Int.random(in: 0..<4, using: &draw) > 0 {
            let text = one(Self.texts, &draw)
            switch Int.random(in: 0..<6, using: &draw) {
            case 0: attributes.append(name, .boolean(Bool.random(using: &draw)))
            case 1: attributes.append(name, .integer(Int32(one(Self.numbers, &draw)) ?? 0))
            case 2: attributes.append(name, .binary(Array(text.utf8)))
            case 3: attributes.append(name, .uri(text))
            default: attributes.append(name, .string(text))
            }
        }
        return attributes
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `gives one answer however it is asked`(seed: UInt64) throws {
        var draw = SeededRandom(seed: seed)
        var (passed, failed) = (0, 0)
        for _ in 0..<250 {
            let text = expression(&draw, depth: 4)
            let expression = try CESQLExpression(text)
            let filter = try CompiledFilter([.cesql(text)])
            let index = FilterIndex([(id: 3, filter: filter), (id: 5, filter: try CompiledFilter([.not(.cesql(text))]))])
            for _ in 0..<3 {
                let event = event(&draw)
                let result = expression.evaluate(event)
                var kind: CESQLError.Kind?
                let passes = expression.passes(event, firstError: &kind)
                #expect(kind == result.errors.first?.kind, "\(text) on \(Array(event))")
                #expect(passes == (result == CESQLResult(value: .boolean(true))), "\(text) on \(Array(event))")
                #expect(filter.matches(event) == passes, "\(text) on \(Array(event))")
                #expect((filter.firstMismatch(event) == nil) == passes, "\(text) on \(Array(event))")
                var found: [Int] = []
                index.forEachMatch(event) { found.append($0) }
                #expect(found == [passes ? 3 : 5], "\(text) on \(Array(event))")
                passed += passes ? 1 : 0
                failed += result.errors.isEmpty ? 0 : 1
            }
        }
        #expect(passed > 30 && failed > 100 && failed < 700, "every outcome is drawn often: \(passed), \(failed) of 750")
    }

    /// The plainest reading of LIKE.
    private func isLike(_ text: ArraySlice<UnicodeScalar>, _ pattern: ArraySlice<UnicodeScalar>) -> Bool {
        guard let first = pattern.first else { return text.isEmpty }
        let rest = pattern.dropFirst()
        switch first {
        case "%": return (text.startIndex...text.endIndex).contains { isLike(text[$0...], rest) }
        case "_": return !text.isEmpty && isLike(text.dropFirst(), rest)
        case "\\" where rest.first == "%" || rest.first == "_":
            return text.first == rest.first && isLike(text.dropFirst(), rest.dropFirst())
        default: return text.first == first && isLike(text.dropFirst(), rest)
        }
    }

    @Test(arguments: [1, 2] as [UInt64])
    func `finds with LIKE what its plainest reading finds`(seed: UInt64) throws {
        var draw = SeededRandom(seed: seed)
        let signs = ["a", "a", "b", "%", "_", "\\", "\u{e9}", "\u{1F680}"]
        func text(_ longest: Int, _ draw: inout SeededRandom) -> String {
            (0..<Int.random(in: 0...longest, using: &draw)).map { _ in one(signs, &draw) }.joined()
        }
        var found = 0
        for _ in 0..<1200 {
            var pattern = text(7, &draw)
            while pattern.hasSuffix("\\") { pattern.removeLast() }
            let value = text(10, &draw)
            var event = Attributes()
            event.append("a", .string(value))
            let expected = isLike(Array(value.unicodeScalars)[...], Array(pattern.unicodeScalars)[...])
            let result = try CESQLExpression("a LIKE '\(pattern)'").evaluate(event)
            #expect(result == CESQLResult(value: .boolean(expected)), "'\(value)' LIKE '\(pattern)'")
            found += expected ? 1 : 0
        }
        #expect(found > 30 && found < 1140, "both outcomes are drawn often: \(found) of 1200")
    }
}
