/// A piece of an expression.
struct CESQLToken: Sendable {
    enum Kind: Sendable, Equatable {
        /// Letters, digits and underscores that are not digits alone: a keyword, an attribute or a function. In lower case.
        case word(String)
        case digits(String)
        case string(String)
        /// An operator, a parenthesis or a comma.
        case symbol(String)
        case end
    }

    let kind: Kind
    /// In bytes of the expression.
    let start: Int
    let end: Int
}

/// Cuts an expression into tokens, and refuses what can stand nowhere.
struct CESQLLexer {
    let text: [UInt8]
    private var position = 0

    init(_ text: [UInt8]) { self.text = text }

    mutating func next() throws(CESQLParseError) -> CESQLToken {
        while position < text.count, Self.isSpace(text[position]) { position += 1 }
        let start = position
        guard position < text.count else { return CESQLToken(kind: .end, start: start, end: start) }
        let byte = text[position]
        if byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\"") { return try string(quote: byte, start: start) }
        if Self.isWord(byte) { return try word(start: start) }
        return try symbol(start: start)
    }

    /// The next token, which stays to be taken.
    func peek() throws(CESQLParseError) -> CESQLToken {
        var copy = self
        return try copy.next()
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D }

    private static func isWord(_ byte: UInt8) -> Bool {
        CESQLCharacter.isLetter(byte) || CESQLCharacter.digit(byte) != nil || byte == UInt8(ascii: "_")
    }

    private mutating func word(start: Int) throws(CESQLParseError) -> CESQLToken {
        while position < text.count, Self.isWord(text[position]) { position += 1 }
        let bytes = text[start..<position]
        let isNumber = bytes.allSatisfy { CESQLCharacter.digit($0) != nil }
        let lower = String(decoding: bytes.map { $0 >= 0x41 && $0 <= 0x5A ? $0 | 0x20 : $0 }, as: UTF8.self)
        return CESQLToken(kind: isNumber ? .digits(lower) : .word(lower), start: start, end: position)
    }

    /// Only the quote itself is escaped; a backslash before anything else stands for itself (decision 0005).
    private mutating func string(quote: UInt8, start: Int) throws(CESQLParseError) -> CESQLToken {
        var value: [UInt8] = []
        position += 1
        while position < text.count {
            let byte = text[position]
            position += 1
            if byte == quote { return try closed(value, quote: quote, start: start) }
            guard byte == UInt8(ascii: "\\"), position < text.count else {
                value.append(byte)
                continue
            }
            if text[position] != quote { value.append(byte) }
            value.append(text[position])
            position += 1
        }
        let sign = String(UnicodeScalar(quote))
        throw CESQLParseError("the string that begins here is not closed: \(sign) is missing", at: start, of: text)
    }

    private func closed(_ value: [UInt8], quote: UInt8, start: Int) throws(CESQLParseError) -> CESQLToken {
        if position < text.count, text[position] == quote {
            let sign = String(UnicodeScalar(quote))
            throw CESQLParseError("a \(sign) inside a string is written \\\(sign)", at: position - 1, of: text)
        }
        return CESQLToken(kind: .string(String(decoding: value, as: UTF8.self)), start: start, end: position)
    }

    private mutating func symbol(start: Int) throws(CESQLParseError) -> CESQLToken {
        let rest = text[start...].prefix(2)
        for symbol in ["!=", "<>", ">=", "<=", "=", "<", ">", "+", "-", "*", "/", "%", "(", ")", ","]
        where rest.starts(with: symbol.utf8) {
            position += symbol.utf8.count
            return CESQLToken(kind: .symbol(symbol), start: start, end: position)
        }
        throw CESQLParseError(Self.stranger(text[start...]), at: start, of: text)
    }

    private static func stranger(_ rest: ArraySlice<UInt8>) -> String {
        switch rest.first {
        case UInt8(ascii: "!"): return "! means nothing alone: write NOT or !="
        case UInt8(ascii: "&"): return "& means nothing here: write AND"
        case UInt8(ascii: "|"): return "| means nothing here: write OR"
        default: break
        }
        let scalar = String(decoding: rest.prefix(4), as: UTF8.self).unicodeScalars.first ?? "?"
        let name = scalar.value < 0x20 || scalar.value == 0x7F ? "the control character \(scalar.value)" : String(scalar)
        return "\(name) can only stand inside a string"
    }
}
