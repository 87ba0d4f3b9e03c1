import CloudEvents
import EventFilters

/// What libFuzzer calls with each input: the expression, and after each byte 0xFF, which UTF-8 does not have, one attribute
/// (a byte that says its type, its name and whether it is long, then its value). Any disagreement ends the process.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzFilter(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = FuzzInput(UnsafeBufferPointer(start: start, count: count))
    Memory.check { FilterAgreement(input).check() }
    return 0
}

struct FuzzInput {
    private static let names = ["type", "source", "subject", "id", "time", "a", "b", "x", "flag", "count", "link", "raw"]
    private static let longTextBytes = 65_536

    let expression: String
    var attributes = Attributes()

    init(_ bytes: UnsafeBufferPointer<UInt8>) {
        let parts = Array(bytes).split(separator: 0xFF, omittingEmptySubsequences: false)
        expression = String(decoding: parts[0], as: UTF8.self)
        attributes.append("specversion", .string("1.0"))
        for part in parts.dropFirst().prefix(12) { add(part) }
        if parts.count < 2 { addUsual() }
    }

    private mutating func add(_ part: ArraySlice<UInt8>) {
        let head = part.first ?? 0
        var value = Array(part.dropFirst())
        if head & 0x80 != 0, !value.isEmpty {
            value = Array(repeatElement(value, count: 1 + Self.longTextBytes / value.count).joined())
        }
        let text = String(decoding: value, as: UTF8.self)
        let number = value.prefix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        let name = Self.names[Int(head >> 3 & 0xF) % Self.names.count]
        switch head & 7 {
        case 0: attributes.set(name, to: .boolean(number & 1 == 1))
        case 1: attributes.set(name, to: .integer(Int32(bitPattern: number)))
        case 2: attributes.set(name, to: .binary(value))
        case 3: attributes.set(name, to: .uri(text))
        case 4: attributes.set(name, to: .timestamp(text))
        default: attributes.set(name, to: .string(text))
        }
    }

    private mutating func addUsual() {
        attributes.append("id", .string("A234-1234-1234"))
        attributes.append("source", .uriReference("/orders/eu"))
        attributes.append("type", .string("order.created"))
        attributes.append("subject", .string("Bücher/\u{1F4D6}"))
        attributes.append("time", .timestamp("2026-11-21T10:00:00Z"))
        attributes.append("a", .string("a"))
        attributes.append("b", .string(""))
        attributes.append("x", .string("-2147483648"))
        attributes.append("flag", .boolean(true))
        attributes.append("count", .integer(-1))
        attributes.append("raw", .binary([0, 255, 7]))
    }
}

/// All ways to ask one expression must answer alike.
struct FilterAgreement {
    private let text: String
    private let attributes: Attributes

    init(_ input: FuzzInput) {
        text = input.expression
        attributes = input.attributes
    }

    func check() {
        checkLike(text)
        guard let first = parse(), let second = parse() else {
            agree(parse() == nil, "an expression that did not parse parses")
            return
        }
        agree(first.warnings == second.warnings, "the warnings of a second parsing differ")
        let result = first.evaluate(attributes)
        agree(result == second.evaluate(attributes), "a second evaluation differs")
        agree(result.errors.count <= CESQLExpression.errorsMax, "there are more errors than errorsMax")
        agree(result.value.text.utf8.count <= CESQLExpression.workMax, "the value is larger than the work that made it")
        var kind: CESQLError.Kind?
        let passes = first.passes(attributes, firstError: &kind)
        agree((kind == nil) == result.errors.isEmpty, "the filter's way and the complete way differ in whether there is an error")
        agree(kind == nil || result.errors.contains { $0.kind == kind }, "the first error is none of all")
        agree(passes == (result == CESQLResult(value: .boolean(true))), "the filter's way and the complete way differ")
        checkFilters(passes: passes)
    }

    private func parse() -> CESQLExpression? {
        do {
            return try CESQLExpression(text)
        } catch {
            agree(error.offset >= 0 && error.offset <= text.utf8.count, "an error lies outside the expression")
            agree(error.excerpt(of: text).count == 2, "an excerpt has two lines")
            return nil
        }
    }

    private func checkFilters(passes: Bool) {
        let type = AttributePredicate(name: "type", value: "order.created")
        let lists: [[FilterExpression]] = [
            [.cesql(text)], [.not(.cesql(text))], [.exact([type]), .cesql(text)], [.any([.prefix([type]), .cesql(text)])],
            [.cesql("type = 'order.created' AND (\(text))")], [.cesql("EXISTS a AND type LIKE 'order%' AND (\(text))")],
        ]
        var filters: [(id: Int, filter: CompiledFilter)] = []
        for list in lists {
            guard let filter = try? CompiledFilter(list) else { continue }
            let matches = filter.matches(attributes)
            agree((filter.firstMismatch(attributes) == nil) == matches, "the explanation of \(list) differs")
            filters.append((id: filters.count, filter: filter))
        }
        agree(filters.count >= 4, "an expression that parses does not compile")
        agree(filters[0].filter.matches(attributes) == passes, "the filter differs from its expression")
        agree(filters[1].filter.matches(attributes) != passes, "not differs from the expression's contrary")
        let index = FilterIndex(filters)
        let expected = filters.filter { $0.filter.matches(attributes) }.map(\.id)
        var found: [Int] = []
        index.forEachMatch(attributes) { found.append($0) }
        agree(found == expected && index.countMatches(attributes) == expected.count, "the index differs from asking each")
    }

    /// The input once more, its first third as a pattern and the rest as a text.
    private func checkLike(_ text: String) {
        let scalars = text.unicodeScalars.prefix(160).filter { $0 != "'" }
        let (pattern, rest) = (Array(scalars.prefix(scalars.count / 3)), Array(scalars.dropFirst(scalars.count / 3)))
        guard pattern.last != "\\" else { return }
        var event = Attributes()
        event.append("a", .string(Self.string(rest)))
        guard let expression = try? CESQLExpression("a LIKE '\(Self.string(pattern))'") else {
            return agree(false, "a pattern does not parse")
        }
        let expected = Self.isLike(rest, pattern)
        agree(expression.evaluate(event) == CESQLResult(value: .boolean(expected)), "LIKE differs from its table")
    }

    private static func string(_ scalars: [UnicodeScalar]) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        return String(view)
    }

    /// The plainest reading of LIKE: a row of the table says which beginnings of the text the pattern so far matches.
    private static func isLike(_ text: [UnicodeScalar], _ pattern: [UnicodeScalar]) -> Bool {
        var row = [true] + text.map { _ in false }
        var place = 0
        while place < pattern.count {
            var scalar = pattern[place]
            let isEscaped =
                scalar == "\\" && place + 1 < pattern.count && (pattern[place + 1] == "%" || pattern[place + 1] == "_")
            if isEscaped { scalar = pattern[place + 1] }
            place += isEscaped ? 2 : 1
            var next = text.map { _ in false } + [false]
            for index in next.indices {
                if !isEscaped, scalar == "%" {
                    next[index] = row[index] || (index > 0 && next[index - 1])
                } else if index > 0 {
                    next[index] = row[index - 1] && (text[index - 1] == scalar || (!isEscaped && scalar == "_"))
                }
            }
            row = next
        }
        return row[text.count]
    }
}

func agree(_ holds: Bool, _ message: @autoclosure () -> String) {
    if !holds { fatalError(message()) }
}
