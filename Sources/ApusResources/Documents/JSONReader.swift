/// Reads JSON (RFC 8259) into a document with lines: strict, and a member that comes twice is refused.
public struct JSONReader {
    public static let nestingMax = 64
    private let bytes: [UInt8]
    private var index = 0
    private var line = 1

    /// The one value of a text. Errors carry the line.
    public static func document(_ bytes: [UInt8]) throws(FieldError) -> DocumentNode {
        var reader = JSONReader(bytes: bytes)
        let value = try reader.value(depth: 0)
        reader.skipSpace()
        guard reader.index == bytes.count else { throw reader.error("there is more after the value") }
        return value
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private var next: UInt8? { index < bytes.count ? bytes[index] : nil }

    private func error(_ message: String) -> FieldError {
        FieldError(line: line, path: "", message: "is not valid JSON: \(message)")
    }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
            if byte == 0x0A { line += 1 }
            index += 1
        }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        index += 1
        return true
    }

    private mutating func take(word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        guard index + count <= bytes.count else { return false }
        let isSame = word.withUTF8Buffer { $0.elementsEqual(bytes[index..<index + count]) }
        if isSame { index += count }
        return isSame
    }

    private mutating func value(depth: Int) throws(FieldError) -> DocumentNode {
        guard depth <= Self.nestingMax else { throw error("it is nested deeper than \(Self.nestingMax) levels") }
        skipSpace()
        let start = line
        switch next {
        case UInt8(ascii: "{"): return DocumentNode(.mapping(try members(depth: depth)), line: start)
        case UInt8(ascii: "["): return DocumentNode(.sequence(try items(depth: depth)), line: start)
        case UInt8(ascii: "\""): return DocumentNode(.string(try string()), line: start)
        case UInt8(ascii: "t") where take(word: "true"): return DocumentNode(.boolean(true), line: start)
        case UInt8(ascii: "f") where take(word: "false"): return DocumentNode(.boolean(false), line: start)
        case UInt8(ascii: "n") where take(word: "null"): return DocumentNode(.null, line: start)
        case .some: return DocumentNode(.number(try number()), line: start)
        case nil: throw error("it ends where a value is expected")
        }
    }

    private mutating func members(depth: Int) throws(FieldError) -> [DocumentNode.Member] {
        index += 1
        var members: [DocumentNode.Member] = []
        var names: Set<[UInt8]> = []
        skipSpace()
        if take(UInt8(ascii: "}")) { return members }
        repeat {
            skipSpace()
            let start = line
            guard next == UInt8(ascii: "\"") else { throw error("the name of a member must be a string") }
            let name = try string()
            guard names.insert(Array(name.utf8)).inserted else { throw error("\"\(name)\" comes more than once") }
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw error("a colon must follow \"\(name)\"") }
            members.append(DocumentNode.Member(name, try value(depth: depth + 1), line: start))
            skipSpace()
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "}")) else { throw error("a comma or } is missing") }
        return members
    }

    private mutating func items(depth: Int) throws(FieldError) -> [DocumentNode] {
        index += 1
        var items: [DocumentNode] = []
        skipSpace()
        if take(UInt8(ascii: "]")) { return items }
        repeat {
            items.append(try value(depth: depth + 1))
            skipSpace()
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "]")) else { throw error("a comma or ] is missing") }
        return items
    }

    private mutating func string() throws(FieldError) -> String {
        index += 1
        var text: [UInt8] = []
        while let byte = next {
            index += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: text, as: UTF8.self) else { throw error("a string is not UTF-8") }
                return string
            case UInt8(ascii: "\\"): try escape(into: &text)
            case 0..<0x20: throw error("a string has a control character that is not escaped")
            default: text.append(byte)
            }
        }
        throw error("a string does not end")
    }

    private mutating func escape(into text: inout [UInt8]) throws(FieldError) {
        guard let byte = next else { throw error("a string does not end") }
        index += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            var code = try hexadecimal()
            if code >= 0xD800, code < 0xDC00, take(word: "\\u") {
                let low = try hexadecimal()
                guard low >= 0xDC00, low < 0xE000 else { throw error("a surrogate stands alone") }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw error("a surrogate stands alone") }
            text += Array(String(Character(scalar)).utf8)
        default: throw error("a string has an escape that JSON does not know")
        }
    }

    private mutating func hexadecimal() throws(FieldError) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else {
                throw error("\\u must be followed by four hexadecimal digits")
            }
            code = code << 4 | UInt32(digit)
            index += 1
        }
        return code
    }

    private mutating func number() throws(FieldError) -> String {
        let start = index
        _ = take(UInt8(ascii: "-"))
        let digits = index
        guard skipDigits() > 0 else { throw error("a value is expected") }
        guard index - digits == 1 || bytes[digits] != UInt8(ascii: "0") else { throw error("a number begins with 0") }
        if take(UInt8(ascii: ".")), skipDigits() == 0 { throw error("a number ends with its point") }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            _ = take(UInt8(ascii: "+")) || take(UInt8(ascii: "-"))
            if skipDigits() == 0 { throw error("a number's exponent has no digits") }
        }
        return String(decoding: bytes[start..<index], as: UTF8.self)
    }

    private mutating func skipDigits() -> Int {
        let start = index
        while let byte = next, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { index += 1 }
        return index - start
    }
}
