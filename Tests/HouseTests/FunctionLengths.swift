/// A function's first line and how many lines it takes, from its `func`, `init` or `deinit` to its last brace.
struct FunctionLength: Equatable {
    var line: Int
    var lines: Int
}

extension SwiftSource {
    /// The functions that have a body, found by counting braces.
    var functionLengths: [FunctionLength] {
        words.filter { Self.openers.contains($0.word) }.compactMap { opener in
            guard let open = bodyStart(after: opener.end), let close = bodyEnd(from: open) else { return nil }
            let first = line(of: opener.start)
            return FunctionLength(line: first, lines: line(of: close) - first + 1)
        }
    }

    private static let openers: Set = ["func", "init", "deinit", "subscript"]
    /// What can follow a declaration without a body (in a protocol) or a call of `init`: the search ends there.
    private static let closers: Set = [
        "func", "var", "let", "init", "case", "static", "associatedtype", "mutating", "return", "if", "guard",
    ]

    private var words: [(word: String, start: Int, end: Int)] {
        var words: [(word: String, start: Int, end: Int)] = []
        var start: Int?
        for index in code.indices {
            if Self.isWord(code[index]) {
                start = start ?? index
            } else if let begun = start {
                // `.init` and `self.init` are calls.
                if begun == 0 || code[begun - 1] != UInt8(ascii: ".") {
                    words.append((String(decoding: code[begun..<index], as: UTF8.self), begun, index))
                }
                start = nil
            }
        }
        return words
    }

    private func bodyStart(after end: Int) -> Int? {
        var depth = 0
        var word: [UInt8] = []
        for index in code.indices[end...] {
            let byte = code[index]
            if depth == 0, Self.isWord(byte) {
                word.append(byte)
                continue
            }
            if !word.isEmpty, Self.closers.contains(String(decoding: word, as: UTF8.self)) { return nil }
            word = []
            switch byte {
            case UInt8(ascii: "("), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: ")"), UInt8(ascii: "]"):
                guard depth > 0 else { return nil }
                depth -= 1
            case UInt8(ascii: "{") where depth == 0: return index
            case UInt8(ascii: "}") where depth == 0: return nil
            default: break
            }
        }
        return nil
    }

    private func bodyEnd(from open: Int) -> Int? {
        var depth = 0
        for index in code.indices[open...] {
            if code[index] == UInt8(ascii: "{") { depth += 1 }
            if code[index] == UInt8(ascii: "}") { depth -= 1 }
            if depth == 0 { return index }
        }
        return nil
    }

    private func line(of index: Int) -> Int { 1 + code[..<index].count { $0 == UInt8(ascii: "\n") } }
}
