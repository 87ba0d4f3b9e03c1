/// One line of an error, and the walk over it that puts placeholders where the values of one event stand.
struct SignatureLine {
    private let line: [Unicode.Scalar]
    private var index = 0
    private var out: [Unicode.Scalar] = []

    init(_ line: [Unicode.Scalar]) { self.line = line }

    /// Placeholders: `<time>`, `<uuid>`, `<ip>`, `<port>`, `<hex>`, `<id>`, `<n>`. Runs of space become one.
    mutating func normalised() -> [Unicode.Scalar] {
        while index < line.count {
            let scalar = line[index]
            if Self.isSpace(scalar) {
                if let last = out.last, last != " " { out.append(" ") }
                index += 1
            } else if isQuote(scalar), let end = quotedIdentifier() {
                put("<id>", quotedBy: scalar)
                index = end
            } else if Self.isWord(scalar), !(index > 0 && Self.isWord(line[index - 1])) {
                word()
            } else {
                out.append(scalar)
                index += 1
            }
        }
        if out.last == " " { out.removeLast() }
        return out
    }

    // MARK: What stands at a word's begin

    private mutating func word() {
        if let length = uuid() { return put("<uuid>", length) }
        if let length = moment() { return put("<time>", length) }
        if let length = address() {
            put("<ip>", length)
            return port()
        }
        let word = line[index...].prefix(while: Self.isWord)
        if Self.isHexadecimal(word) { return put("<hex>", word.count) }
        let digits = word.count(where: Self.isDigit)
        if digits == word.count { return number() }
        if digits > 1, word.count >= Self.identifierLength { return put("<id>", word.count) }
        plain(word)
        if isHost(endingAt: index) { port() }
    }

    /// A word with letters: its digits are no part of what it says.
    private mutating func plain(_ word: ArraySlice<Unicode.Scalar>) {
        var rest = word
        while let scalar = rest.first {
            if Self.isDigit(scalar) {
                rest = rest.drop(while: Self.isDigit)
                append("<n>")
            } else {
                out.append(scalar)
                rest.removeFirst()
            }
        }
        index += word.count
    }

    /// `1234`, `12.50`, `1,234,567`.
    private mutating func number() {
        skipDigits()
        while index + 1 < line.count, line[index] == "." || line[index] == ",", Self.isDigit(line[index + 1]) {
            index += 1
            skipDigits()
        }
        append("<n>")
        // A unit, as in 12.5ms: letters that follow the last digits at once.
        while index < line.count, Self.isWord(line[index]) {
            out.append(line[index])
            index += 1
        }
    }

    private mutating func skipDigits() { while index < line.count, Self.isDigit(line[index]) { index += 1 } }

    /// `:9090` after a host.
    private mutating func port() {
        guard index < line.count, line[index] == ":" else { return }
        let digits = line[(index + 1)...].prefix(while: Self.isDigit)
        let after = index + 1 + digits.count
        guard (2...5).contains(digits.count), after == line.count || !Self.isWord(line[after]) else { return }
        append(":<port>")
        index = after
    }

    /// Whether the letters, digits, dots and hyphens that end here are a host: `localhost`, one with a dot, or after `://`.
    private func isHost(endingAt end: Int) -> Bool {
        var start = end
        while start > 0, Self.isWord(line[start - 1]) || line[start - 1] == "." || line[start - 1] == "-" { start -= 1 }
        let host = line[start..<end]
        let isInURL = start >= 3 && line[start - 3..<start].elementsEqual(Array("://".unicodeScalars))
        return isInURL || host.contains(".") || host.elementsEqual(Array("localhost".unicodeScalars))
    }

    // MARK: Shapes

    private func uuid() -> Int? {
        let shape = [8, 4, 4, 4, 12]
        var at = index
        for (part, count) in shape.enumerated() {
            if part > 0 {
                guard at < line.count, line[at] == "-" else { return nil }
                at += 1
            }
            guard at + count <= line.count, line[at..<at + count].allSatisfy(Self.isHexDigit) else { return nil }
            at += count
        }
        return at == line.count || !Self.isWord(line[at]) ? at - index : nil
    }

    /// `2026-01-31`, with a time after `T` or a space, a fraction and a zone, or without.
    private func moment() -> Int? {
        guard let date = matches("dddd-dd-dd", at: index) else { return nil }
        var at = date
        if at < line.count, "Tt ".unicodeScalars.contains(line[at]), let time = matches("dd:dd", at: at + 1) {
            at = matches(":dd", at: time) ?? time
            if at + 1 < line.count, ".,".unicodeScalars.contains(line[at]), Self.isDigit(line[at + 1]) {
                at += 1
                while at < line.count, Self.isDigit(line[at]) { at += 1 }
            }
            if at < line.count, line[at] == "Z" || line[at] == "z" {
                at += 1
            } else if at < line.count, line[at] == "+" || line[at] == "-" {
                at = matches("dd:dd", at: at + 1) ?? matches("dddd", at: at + 1) ?? at
            }
        }
        return at == line.count || !Self.isWord(line[at]) ? at - index : nil
    }

    /// An address of IPv4.
    private func address() -> Int? {
        var at = index
        for part in 0..<4 {
            if part > 0 {
                guard at < line.count, line[at] == "." else { return nil }
                at += 1
            }
            let digits = line[at...].prefix(while: Self.isDigit).count
            guard (1...3).contains(digits) else { return nil }
            at += digits
        }
        let goesOn = at < line.count && Self.isWord(line[at])
        let hasFifth = at + 1 < line.count && line[at] == "." && Self.isDigit(line[at + 1])
        return goesOn || hasFifth ? nil : at - index
    }

    /// Where the shape ends: `d` is a digit, anything else itself.
    private func matches(_ shape: String, at start: Int) -> Int? {
        var at = start
        for sign in shape.unicodeScalars {
            guard at < line.count, sign == "d" ? Self.isDigit(line[at]) : line[at] == sign else { return nil }
            at += 1
        }
        return at
    }

    /// Where a quoted text with a digit and without a space ends: an identifier. Names of fields stay.
    private func quotedIdentifier() -> Int? {
        let quote = line[index]
        let inside = line[(index + 1)...].prefix { $0 != quote }
        let end = index + 1 + inside.count
        guard end < line.count, inside.contains(where: Self.isDigit), !inside.contains(where: Self.isSpace) else { return nil }
        return end + 1
    }

    /// A quotation mark that opens: an apostrophe within a word does not.
    private func isQuote(_ scalar: Unicode.Scalar) -> Bool {
        "\"'`".unicodeScalars.contains(scalar) && !(index > 0 && Self.isWord(line[index - 1]))
    }

    // MARK: Output

    private mutating func append(_ text: StaticString) { out.append(contentsOf: text.description.unicodeScalars) }

    private mutating func put(_ text: StaticString, _ length: Int) {
        append(text)
        index += length
    }

    private mutating func put(_ text: StaticString, quotedBy quote: Unicode.Scalar) {
        out.append(quote)
        append(text)
        out.append(quote)
    }

    // MARK: Signs. ASCII only: tables of Unicode differ from version to version.

    /// A word with more than one digit that is at least so long is an identifier.
    private static let identifierLength = 16

    static func isDigit(_ scalar: Unicode.Scalar) -> Bool { (0x30...0x39).contains(scalar.value) }

    /// A letter or a digit; of what is not ASCII, anything.
    static func isTelling(_ scalar: Unicode.Scalar) -> Bool { isWord(scalar) || scalar.value >= 0xA1 }

    private static func isSpace(_ scalar: Unicode.Scalar) -> Bool { scalar.value == 0x20 || scalar.value == 0x09 }

    private static func isWord(_ scalar: Unicode.Scalar) -> Bool {
        isDigit(scalar) || (0x41...0x5A).contains(scalar.value) || (0x61...0x7A).contains(scalar.value) || scalar == "_"
    }

    private static func isHexDigit(_ scalar: Unicode.Scalar) -> Bool {
        isDigit(scalar) || (0x41...0x46).contains(scalar.value) || (0x61...0x66).contains(scalar.value)
    }

    /// `0x…`, or at least eight hexadecimal digits of which some are digits and some letters.
    private static func isHexadecimal(_ word: ArraySlice<Unicode.Scalar>) -> Bool {
        if word.count > 2, word.starts(with: ["0", "x"]) { return word.dropFirst(2).allSatisfy(isHexDigit) }
        return word.count >= 8 && word.allSatisfy(isHexDigit) && word.contains(where: isDigit) && !word.allSatisfy(isDigit)
    }
}
