/// What a JSON value is, as far as reading an event asks.
enum JSONKind: Equatable {
    /// `escaped` where the text between the quotes is not the string itself.
    case string(escaped: Bool)
    /// A number without fraction and exponent.
    case integer
    /// A number that is spelled with a fraction or an exponent.
    case fraction
    case boolean(Bool)
    case null
    case object
    case array
}

/// A strict reader of JSON text (RFC 8259) that makes nothing: it checks, and says where things stand.
///
/// It holds no bytes itself, so that one value reads one text front to back: every call gets the same `bytes`.
struct JSONScanner {
    var position = 0
    /// How many arrays and objects may stand in one another.
    let nestingMax: Int

    init(nestingMax: Int) { self.nestingMax = nestingMax }

    /// The byte at the position after white space; nil at the end.
    @inline(__always)
    mutating func next(_ bytes: Span<UInt8>) -> UInt8? {
        while position < bytes.count {
            let byte = bytes[position]
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return byte }
            position += 1
        }
        return nil
    }

    /// RFC 8259 section 8.1: a byte order mark may be ignored.
    mutating func skipByteOrderMark(_ bytes: Span<UInt8>) {
        guard position == 0, bytes.count >= 3, bytes[0] == 0xEF, bytes[1] == 0xBB, bytes[2] == 0xBF else { return }
        position = 3
    }

    /// Reads white space up to the end of the text.
    mutating func finish(_ bytes: Span<UInt8>) throws(CloudEventError) {
        guard next(bytes) == nil else { throw failure(bytes, "nothing more is needed after the value") }
    }

    /// Reads one value of any kind. `depth` counts the arrays and objects around it.
    mutating func value(_ bytes: Span<UInt8>, depth: Int) throws(CloudEventError) -> JSONKind {
        switch next(bytes) {
        case 0x22: return .string(escaped: try string(bytes))
        case 0x7B:
            try object(bytes, depth: depth)
            return .object
        case 0x5B:
            try array(bytes, depth: depth)
            return .array
        case 0x2D, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39: return try number(bytes)
        case 0x74:
            try word(bytes, "true")
            return .boolean(true)
        case 0x66:
            try word(bytes, "false")
            return .boolean(false)
        case 0x6E:
            try word(bytes, "null")
            return .null
        default: throw failure(bytes, "a value is needed")
        }
    }

    mutating func object(_ bytes: Span<UInt8>, depth: Int) throws(CloudEventError) {
        try enter(depth)
        if next(bytes) == 0x7D {
            position += 1
            return
        }
        while true {
            guard next(bytes) == 0x22 else { throw failure(bytes, "a member's name in double quotes is needed") }
            _ = try string(bytes)
            try colon(bytes)
            _ = try value(bytes, depth: depth + 1)
            guard try another(bytes, close: 0x7D) else { return }
        }
    }

    private mutating func array(_ bytes: Span<UInt8>, depth: Int) throws(CloudEventError) {
        try enter(depth)
        if next(bytes) == 0x5D {
            position += 1
            return
        }
        while true {
            _ = try value(bytes, depth: depth + 1)
            guard try another(bytes, close: 0x5D) else { return }
        }
    }

    /// Steps over the bracket that opens an array or an object.
    mutating func enter(_ depth: Int) throws(CloudEventError) {
        guard depth < nestingMax else {
            throw CloudEventError(
                .nestingTooDeep,
                "the JSON text nests deeper than \(nestingMax) at byte \(position): at most \(nestingMax) levels are read")
        }
        position += 1
    }

    mutating func colon(_ bytes: Span<UInt8>) throws(CloudEventError) {
        guard next(bytes) == 0x3A else { throw failure(bytes, "a colon is needed") }
        position += 1
    }

    /// Steps over a comma (true) or the closing bracket (false).
    mutating func another(_ bytes: Span<UInt8>, close: UInt8) throws(CloudEventError) -> Bool {
        let byte = next(bytes)
        guard byte == 0x2C || byte == close else {
            throw failure(bytes, close == 0x7D ? "a comma or } is needed" : "a comma or ] is needed")
        }
        position += 1
        return byte == 0x2C
    }

    /// Reads a string from its opening quote on; true where it holds escapes.
    mutating func string(_ bytes: Span<UInt8>) throws(CloudEventError) -> Bool {
        var index = position + 1
        var escaped = false
        while true {
            while bytes.count - index >= 8 {
                let plain = Self.plainCount(bytes, at: index)
                index += plain
                guard plain == 8 else { break }
            }
            guard index < bytes.count else {
                position = bytes.count
                throw failure(bytes, "a closing double quote is needed")
            }
            let byte = bytes[index]
            if byte == 0x22 {
                position = index + 1
                return escaped
            }
            if byte >= 0x20, byte < 0x80, byte != 0x5C {
                index += 1
                continue
            }
            position = index
            escaped = escaped || byte == 0x5C
            index += try special(bytes)
        }
    }

    /// The length of what is no plain character of a string: an escape, or a sequence of UTF-8.
    private func special(_ bytes: Span<UInt8>) throws(CloudEventError) -> Int {
        let byte = bytes[position]
        if byte == 0x5C {
            let length = Self.escapeLength(bytes, at: position)
            guard length > 0 else { throw failure(bytes, #"an escape such as \n or \u00e9 is needed"#) }
            return length
        }
        guard byte >= 0x80 else { throw failure(bytes, "an escape is needed, control characters may not stand in a string") }
        let length = UnicodeText.sequenceLength(at: position, in: bytes)
        guard length > 0 else { throw failure(bytes, "well-formed UTF-8 is needed") }
        return length
    }

    /// How many of the next eight bytes are, from the first on, characters that need no look of their own: no control, quote,
    /// backslash or byte beyond ASCII. Eight comparisons in one word: a borrow reaches only bytes after one that was found.
    @inline(__always)
    private static func plainCount(_ bytes: Span<UInt8>, at index: Int) -> Int {
        let word = UInt64(littleEndian: bytes.bytes.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self))
        let ones: UInt64 = 0x0101_0101_0101_0101
        let quote = word ^ (ones &* 0x22)
        let backslash = word ^ (ones &* 0x5C)
        let found = (word &- ones &* 0x20) | (quote &- ones) | (backslash &- ones) | word
        return (found & (ones &* 0x80)).trailingZeroBitCount / 8
    }

    /// How many bytes the escape at `index` has; 0 where it is none.
    private static func escapeLength(_ bytes: Span<UInt8>, at index: Int) -> Int {
        guard index + 1 < bytes.count else { return 0 }
        switch bytes[index + 1] {
        case 0x22, 0x5C, 0x2F, 0x62, 0x66, 0x6E, 0x72, 0x74: return 2
        case 0x75:
            guard index + 5 < bytes.count else { return 0 }
            for next in index + 2...index + 5 where ASCII.hexValue(bytes[next]) == nil { return 0 }
            return 6
        default: return 0
        }
    }

    private mutating func number(_ bytes: Span<UInt8>) throws(CloudEventError) -> JSONKind {
        var kind = JSONKind.integer
        if bytes[position] == 0x2D { position += 1 }
        if position < bytes.count, bytes[position] == 0x30 { position += 1 } else { try digits(bytes) }
        if position < bytes.count, bytes[position] == 0x2E {
            kind = .fraction
            position += 1
            try digits(bytes)
        }
        if position < bytes.count, bytes[position] | 0x20 == 0x65 {
            kind = .fraction
            position += 1
            if position < bytes.count, bytes[position] == 0x2B || bytes[position] == 0x2D { position += 1 }
            try digits(bytes)
        }
        return kind
    }

    private mutating func digits(_ bytes: Span<UInt8>) throws(CloudEventError) {
        let start = position
        while position < bytes.count, ASCII.isDigit(bytes[position]) { position += 1 }
        guard position > start else { throw failure(bytes, "a digit is needed") }
    }

    private mutating func word(_ bytes: Span<UInt8>, _ text: StaticString) throws(CloudEventError) {
        let end = position + text.utf8CodeUnitCount
        guard end <= bytes.count, ASCII.equal(bytes.extracting(position..<end), text) else {
            throw failure(bytes, "a value is needed")
        }
        position = end
    }

    /// The error for what stands at the position.
    func failure(_ bytes: Span<UInt8>, _ needed: String) -> CloudEventError {
        guard position < bytes.count else {
            return CloudEventError(.invalidJSON, "the JSON text ends at byte \(bytes.count): \(needed)")
        }
        let end = min(position + 16, bytes.count)
        let found = UnicodeText.quoted(bytes.extracting(position..<end))
        return CloudEventError(.invalidJSON, "the JSON text has \(found) at byte \(position): \(needed)")
    }
}

extension JSONScanner {
    /// Whether `bytes` are one JSON value, without a byte order mark.
    static func isValue(_ bytes: Span<UInt8>, nestingMax: Int) -> Bool {
        var scanner = JSONScanner(nestingMax: nestingMax)
        do throws(CloudEventError) {
            _ = try scanner.value(bytes, depth: 0)
            try scanner.finish(bytes)
            return true
        } catch {
            return false
        }
    }

    /// The string that the text between two quotes stands for, as UTF-8; nil where a surrogate stands alone.
    ///
    /// `text` has passed ``string(_:)``.
    static func unescaped(_ text: Span<UInt8>) -> [UInt8]? {
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        var index = 0
        while index < text.count {
            guard text[index] == 0x5C else {
                result.append(text[index])
                index += 1
                continue
            }
            let mark = text[index + 1]
            index += 2
            switch mark {
            case 0x62: result.append(0x08)
            case 0x66: result.append(0x0C)
            case 0x6E: result.append(0x0A)
            case 0x72: result.append(0x0D)
            case 0x74: result.append(0x09)
            case 0x75:
                guard let scalar = scalar(text, &index) else { return nil }
                UnicodeText.append(scalar, to: &result)
            default: result.append(mark)
            }
        }
        return result
    }

    /// The scalar of the four digits at `index`, and of the escape after them where both are a pair of surrogates.
    private static func scalar(_ text: Span<UInt8>, _ index: inout Int) -> UInt32? {
        let high = unit(text, index)
        index += 4
        guard high & 0xF800 == 0xD800 else { return high }
        guard high < 0xDC00, index + 5 < text.count, text[index] == 0x5C, text[index + 1] == 0x75 else { return nil }
        let low = unit(text, index + 2)
        guard low & 0xFC00 == 0xDC00 else { return nil }
        index += 6
        return 0x10000 + (high - 0xD800) << 10 + (low - 0xDC00)
    }

    private static func unit(_ text: Span<UInt8>, _ index: Int) -> UInt32 {
        var value: UInt32 = 0
        for next in index..<index + 4 { value = value << 4 | UInt32(ASCII.hexValue(text[next]) ?? 0) }
        return value
    }
}
