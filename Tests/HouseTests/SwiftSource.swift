/// A Swift file with its comments, string literals and raw identifiers blanked out, so that only code can break a rule.
struct SwiftSource: Sendable {
    var path: String
    /// The file's bytes.
    var bytes: [UInt8]
    /// The same length; what is no code is a space, line feeds stay. Code inside of `\( )` stays too.
    var code: [UInt8]

    init(path: String, bytes: [UInt8]) {
        self.path = path
        self.bytes = bytes
        var scanner = CodeScanner(bytes: bytes)
        code = scanner.scanned()
    }

    /// `Sources/<room>`, `brokers/<kind>`, `sources/<kind>`, `Tests/<suite>`, or the first folder.
    var room: String {
        let parts = path.split(separator: "/")
        return parts.count > 2 ? "\(parts[0])/\(parts[1])" : String(parts[0])
    }

    var codeLines: [ArraySlice<UInt8>] { code.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) }
    var lines: [ArraySlice<UInt8>] { bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) }

    /// Lines of text; the line feed at the end of the file starts none.
    var lineCount: Int { lines.count - (bytes.last == UInt8(ascii: "\n") ? 1 : 0) }

    /// The modules that the file imports, with their lines.
    var imports: [(module: String, line: Int)] {
        codeLines.enumerated().compactMap { index, line in
            let words = String(decoding: line, as: UTF8.self).split(whereSeparator: \.isWhitespace).map(String.init)
            let leading = words.prefix { $0.hasPrefix("@") || Self.accessLevels.contains($0) }.count
            let rest = words.dropFirst(leading)
            guard rest.first == "import", let name = rest.dropFirst().first(where: { !Self.importKinds.contains($0) }) else {
                return nil
            }
            return (String(name.prefix { $0 != "." }), index + 1)
        }
    }

    private static let accessLevels: Set = ["public", "package", "internal", "fileprivate", "private"]
    private static let importKinds: Set = ["struct", "class", "enum", "protocol", "typealias", "func", "var", "let"]

    /// Lines (from 1) on which the code holds `needle` at the start of a word.
    func linesOfCode(with needle: String) -> [Int] { Self.lines(of: code, with: Array(needle.utf8)) }

    static func lines(of bytes: [UInt8], with needle: [UInt8]) -> [Int] {
        var found: [Int] = []
        var line = 1
        for index in bytes.indices {
            if bytes[index] == UInt8(ascii: "\n") { line += 1 }
            guard bytes[index] == needle[0], bytes[index...].starts(with: needle), found.last != line else { continue }
            guard isWord(needle[0]), index > 0, isWord(bytes[index - 1]) else {
                found.append(line)
                continue
            }
        }
        return found
    }

    static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: byte == UInt8(ascii: "_")
        }
    }
}

/// Finds the code of a Swift file. A stack of literals, because an interpolation is code that may hold a literal again.
struct CodeScanner {
    private enum Mode {
        /// Code, inside of this many open parentheses; an interpolation ends where there is none left.
        case code(parentheses: Int, interpolated: Bool)
        case literal(hashes: Int, quotes: Int)
    }

    private let bytes: [UInt8]
    private var code: [UInt8]
    private var index = 0
    private var stack: [Mode] = [.code(parentheses: 0, interpolated: false)]

    init(bytes: [UInt8]) {
        self.bytes = bytes
        code = bytes
    }

    mutating func scanned() -> [UInt8] {
        while index < bytes.count {
            switch stack[stack.count - 1] {
            case .code(let parentheses, let interpolated): scanCode(parentheses, interpolated)
            case .literal(let hashes, let quotes): scanLiteral(hashes, quotes)
            }
        }
        return code
    }

    private mutating func scanCode(_ parentheses: Int, _ interpolated: Bool) {
        switch bytes[index] {
        case UInt8(ascii: "/") where has("//"): blank(while: { $0 != UInt8(ascii: "\n") })
        case UInt8(ascii: "/") where has("/*"): blankBlockComment()
        case UInt8(ascii: "`"):
            blank(1)
            blank(while: { $0 != UInt8(ascii: "`") && $0 != UInt8(ascii: "\n") })
            blank(1)
        case UInt8(ascii: "#") where has("#/"):
            while index < bytes.count, !has("/#") { blank(1) }
            blank(2)
        case UInt8(ascii: "\""), UInt8(ascii: "#"): openLiteral()
        case UInt8(ascii: "("):
            stack[stack.count - 1] = .code(parentheses: parentheses + 1, interpolated: interpolated)
            index += 1
        case UInt8(ascii: ")"):
            if interpolated, parentheses == 0 {
                stack.removeLast()
                blank(1)
            } else {
                stack[stack.count - 1] = .code(parentheses: max(0, parentheses - 1), interpolated: interpolated)
                index += 1
            }
        default: index += 1
        }
    }

    private mutating func openLiteral() {
        let hashes = bytes[index...].prefix { $0 == UInt8(ascii: "#") }.count
        guard index + hashes < bytes.count, bytes[index + hashes] == UInt8(ascii: "\"") else {
            index += max(1, hashes)
            return
        }
        let quotes = bytes[(index + hashes)...].starts(with: Array("\"\"\"".utf8)) ? 3 : 1
        stack.append(.literal(hashes: hashes, quotes: quotes))
        blank(hashes + quotes)
    }

    private mutating func scanLiteral(_ hashes: Int, _ quotes: Int) {
        let marks = String(repeating: "#", count: hashes)
        if has(String(repeating: "\"", count: quotes) + marks) {
            stack.removeLast()
            blank(quotes + hashes)
        } else if has("\\\(marks)(") {
            stack.append(.code(parentheses: 0, interpolated: true))
            blank(2 + hashes)
        } else if has("\\\(marks)") {
            blank(2 + hashes)
        } else {
            blank(1)
        }
    }

    private mutating func blankBlockComment() {
        var depth = 0
        repeat {
            if has("/*") {
                depth += 1
                blank(2)
            } else if has("*/") {
                depth -= 1
                blank(2)
            } else {
                blank(1)
            }
        } while depth > 0 && index < bytes.count
    }

    private func has(_ text: String) -> Bool { bytes[index...].starts(with: text.utf8) }

    private mutating func blank(_ count: Int) {
        for _ in 0..<count where index < bytes.count {
            if code[index] != UInt8(ascii: "\n") { code[index] = UInt8(ascii: " ") }
            index += 1
        }
    }

    private mutating func blank(while holds: (UInt8) -> Bool) {
        while index < bytes.count, holds(bytes[index]) { blank(1) }
    }
}
