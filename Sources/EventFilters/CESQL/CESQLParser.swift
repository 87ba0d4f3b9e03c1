/// Parses an expression by descending its levels of precedence (specification, section 3.6).
///
///     AND OR XOR  ›  = != <> < <= > >=  ›  + -  ›  * / %  ›  LIKE IN  ›  NOT -  ›  values, calls, EXISTS, parentheses
struct CESQLParser {
    static let keywords: Set<String> = ["and", "or", "xor", "not", "like", "in", "exists", "true", "false"]

    private typealias Operator = CESQLProgram.Operator

    /// The binary operators, loosest first; those of one level bind alike, from left to right.
    private static let levels: [[String: Operator]] = [
        ["and": .and, "or": .or, "xor": .xor],
        [
            "=": .equal, "!=": .notEqual, "<>": .notEqual, "<": .less, "<=": .lessOrEqual, ">": .greater, ">=": .greaterOrEqual,
        ],
        ["+": .add, "-": .subtract], ["*": .multiply, "/": .divide, "%": .remainder],
    ]

    private let functions: CESQLFunctions
    private var lexer: CESQLLexer
    private var token: CESQLToken
    /// Where the token before this one ended.
    private var end = 0
    private var depth = 0
    private var program = CESQLProgramBuilder()
    private(set) var warnings: [CESQLWarning] = []

    private init(_ text: [UInt8], functions: CESQLFunctions) throws(CESQLParseError) {
        self.functions = functions
        lexer = CESQLLexer(text)
        token = try lexer.next()
    }

    static func parse(
        _ text: String, functions: CESQLFunctions
    ) throws(CESQLParseError) -> (program: CESQLProgram, warnings: [CESQLWarning]) {
        let bytes = Array(text.utf8)
        guard bytes.count <= CESQLExpression.bytesMax else {
            let message = "the expression has \(bytes.count) bytes; at most \(CESQLExpression.bytesMax) are allowed"
            throw CESQLParseError(message, at: 0, of: [])
        }
        var parser = try CESQLParser(bytes, functions: functions)
        let root = try parser.expression(level: 0)
        guard parser.token.kind == .end else { throw parser.unexpected("an operator or the end") }
        let program = CESQLProgram(parser.program, root: root)
        parser.warnAboutType(of: program)
        return (program, parser.warnings)
    }

    private mutating func expression(level: Int) throws(CESQLParseError) -> Int32 {
        guard level < Self.levels.count else { return try postfix() }
        let start = token.start
        let first = try expression(level: level + 1)
        var steps: [CESQLProgram.Step] = []
        while let op = binaryOperator(level) {
            if level == 0, let before = steps.last?.op, before != op {
                warn("\(before.rawValue) and \(op.rawValue) are read from left to right: add parentheses to say what is meant")
            }
            try advance()
            steps.append(CESQLProgram.Step(op: op, operand: try expression(level: level + 1)))
        }
        if steps.isEmpty { return first }
        return program.add(.chain(first, steps: program.slice(steps: steps)), at: start..<end)
    }

    private func binaryOperator(_ level: Int) -> Operator? {
        switch token.kind {
        case .word(let word): Self.levels[level][word]
        case .symbol(let symbol): Self.levels[level][symbol]
        default: nil
        }
    }

    /// A value, and any LIKE and IN after it.
    private mutating func postfix() throws(CESQLParseError) -> Int32 {
        let (start, outer) = (token.start, depth)
        var operand = try unary()
        while true {
            let isNegated = token.kind == .word("not")
            if isNegated { try advance() }
            switch token.kind {
            case .word("like"):
                try advance()
                guard case .string(let text) = token.kind else { throw unexpected("a string after LIKE") }
                try advance()
                let pattern = program.pattern(text)
                operand = program.add(.like(operand, pattern: pattern, isNegated: isNegated), at: start..<end)
            case .word("in"):
                try advance()
                try take("(", expected: "( after IN")
                let members = program.slice(operands: try list(of: "a member of the set"))
                operand = program.add(.membership(operand, members: members, isNegated: isNegated), at: start..<end)
            default:
                if isNegated { throw unexpected("LIKE or IN after NOT") }
                depth = outer
                return operand
            }
            // Each of them wraps what stands before it, and so counts as a level of nesting.
            try descend()
        }
    }

    private mutating func unary() throws(CESQLParseError) -> Int32 {
        let (start, outer) = (token.start, depth)
        defer { depth = outer }
        switch token.kind {
        case .word("not"):
            try descend()
            try advance()
            let operand = try unary()
            warnAboutReach(ofNotAt: start)
            return program.add(.not(operand), at: start..<end)
        case .symbol("-"), .symbol("+"):
            let isNegative = token.kind == .symbol("-")
            try descend()
            try advance()
            if case .digits(let digits) = token.kind, token.start == start + 1 {
                return try integer((isNegative ? "-" : "+") + digits, at: start)
            }
            guard isNegative else { throw error("there is no unary +", at: start) }
            let operand = try unary()
            return program.add(.negate(operand), at: start..<end)
        default: return try primary()
        }
    }

    private mutating func primary() throws(CESQLParseError) -> Int32 {
        let start = token.start
        switch token.kind {
        case .digits(let digits): return try integer(digits, at: start)
        case .string(let text):
            try advance()
            return program.constant(.string(text), at: start..<end)
        case .symbol("("):
            try descend()
            try advance()
            let inner = try expression(level: 0)
            try take(")", expected: ") or an operator")
            depth -= 1
            return inner
        case .word("true"), .word("false"):
            let value = CESQLValue.boolean(token.kind == .word("true"))
            try advance()
            return program.constant(value, at: start..<end)
        case .word("exists"):
            try advance()
            guard case .word(let name) = token.kind else { throw unexpected("the name of an attribute after EXISTS") }
            let index = try attribute(name)
            return program.add(.exists(name: index), at: start..<end)
        case .word(let word) where !Self.keywords.contains(word): return try callOrAttribute(word)
        default: throw unexpected("a value")
        }
    }

    private mutating func integer(_ digits: String, at start: Int) throws(CESQLParseError) -> Int32 {
        guard let value = Int32(digits) else {
            throw error("\(digits) is no 32-bit integer (-2147483648 to 2147483647)", at: start)
        }
        try advance()
        return program.constant(.integer(value), at: start..<end)
    }

    private mutating func callOrAttribute(_ word: String) throws(CESQLParseError) -> Int32 {
        let place = token
        let next = try lexer.peek()
        guard next.kind == .symbol("(") else {
            let index = try attribute(word)
            return program.add(.attribute(name: index), at: place.start..<end)
        }
        guard word.utf8.allSatisfy({ CESQLCharacter.digit($0) == nil }), word.utf8.first != UInt8(ascii: "_") else {
            throw error("\(word) cannot name a function: it has only letters and _, and begins with a letter", at: place.start)
        }
        try advance()
        try advance()
        var arguments: [Int32] = []
        if token.kind == .symbol(")") { try advance() } else { arguments = try list(of: "an argument or )") }
        return call(word.uppercased(), arguments, at: place.start..<end)
    }

    private mutating func call(_ name: String, _ arguments: [Int32], at place: Range<Int>) -> Int32 {
        guard let function = functions.function(name, argumentCount: arguments.count) else {
            let reason = functions.reason(whyMissing: name, argumentCount: arguments.count)
            warn("\(reason), so this is always an error", at: place.lowerBound)
            return program.add(.missingFunction(reason: program.missingFunction(reason)), at: place)
        }
        if let type = CESQLBuiltIn.casts[name] { return program.add(.cast(arguments[0], to: type), at: place) }
        let index = program.function(function)
        return program.add(.call(function: index, arguments: program.slice(operands: arguments)), at: place)
    }

    /// Expressions with commas between, up to and with the parenthesis.
    private mutating func list(of expected: String) throws(CESQLParseError) -> [Int32] {
        if token.kind == .symbol(")") { throw unexpected(expected) }
        var items: [Int32] = []
        let outer = depth
        try descend()
        while true {
            items.append(try expression(level: 0))
            guard token.kind == .symbol(",") else { break }
            try advance()
        }
        depth = outer
        try take(")", expected: ", or ) or an operator")
        return items
    }

    private mutating func attribute(_ name: String) throws(CESQLParseError) -> Int32 {
        guard !Self.keywords.contains(name) else {
            throw error("\(name.uppercased()) is a keyword and cannot name an attribute", at: token.start)
        }
        guard !name.utf8.contains(UInt8(ascii: "_")) else {
            throw error("\(name) cannot name an attribute: it has only letters and digits", at: token.start)
        }
        if name == "data" { warn("data is not an attribute, and CESQL cannot look into it") }
        try advance()
        return program.name(name)
    }
}

// MARK: - Tokens, depth, errors and warnings

extension CESQLParser {
    private mutating func advance() throws(CESQLParseError) {
        end = token.end
        token = try lexer.next()
    }

    private mutating func take(_ symbol: String, expected: String) throws(CESQLParseError) {
        guard token.kind == .symbol(symbol) else { throw unexpected(expected) }
        try advance()
    }

    private mutating func descend() throws(CESQLParseError) {
        depth += 1
        guard depth <= CESQLExpression.nestingMax else {
            throw error("the expression is nested deeper than \(CESQLExpression.nestingMax) levels", at: token.start)
        }
    }

    private func error(_ message: String, at offset: Int) -> CESQLParseError {
        CESQLParseError(message, at: offset, of: lexer.text)
    }

    private func unexpected(_ expected: String) -> CESQLParseError {
        let found =
            switch token.kind {
            case .end: "the end"
            case .string: "a string"
            case .word(let word) where Self.keywords.contains(word): word.uppercased()
            default: String(decoding: lexer.text[token.start..<token.end], as: UTF8.self)
            }
        let isTwice = token.kind == .symbol("=") && token.start > 0 && lexer.text[token.start - 1] == UInt8(ascii: "=")
        return error("expected \(expected), found \(found)\(isTwice ? " (equality is written =)" : "")", at: token.start)
    }

    private mutating func warn(_ message: String, at offset: Int? = nil) {
        guard warnings.count < CESQLExpression.warningsMax else { return }
        warnings.append(CESQLWarning(message, at: offset ?? token.start, of: lexer.text))
    }

    /// NOT binds tighter than all that can follow it but a call, so `NOT a = b` is `(NOT a) = b`.
    private mutating func warnAboutReach(ofNotAt start: Int) {
        let isComparison = binaryOperator(1) != nil
        guard isComparison || token.kind == .word("like") || token.kind == .word("in") else { return }
        warn("NOT takes only the value right after it: add parentheses to negate the whole", at: start)
    }

    private mutating func warnAboutType(of program: CESQLProgram) {
        let type = program.type(of: program.root)
        guard type != .boolean else { return }
        let seldom = "as a filter this matches only an attribute of the type Boolean: write BOOL(…) to cast it"
        let never = "as a filter this never matches: its value is no Boolean, and a filter must give one"
        warn(type == nil ? seldom : never, at: program.places[Int(program.root)].lowerBound)
    }
}
