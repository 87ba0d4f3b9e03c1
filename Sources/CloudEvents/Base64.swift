/// Base64 with the alphabet and padding of RFC 4648 section 4, strict both ways.
public enum Base64 {
    private static let alphabet: [UInt8] = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let padding: UInt8 = 0x3D

    public static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        append(bytes, to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    /// nil for anything that is not exactly canonical: other characters, missing padding, bits beyond the last byte.
    public static func decode(_ text: some Collection<UInt8>) -> [UInt8]? { decode(Array(text).span) }

    /// Appends the text of `bytes`.
    static func append(_ bytes: [UInt8], to text: inout [UInt8]) {
        text.reserveCapacity(text.count + (bytes.count + 2) / 3 * 4)
        var index = 0
        while index < bytes.count {
            let left = bytes.count - index
            let second = left > 1 ? bytes[index + 1] : 0
            let third = left > 2 ? bytes[index + 2] : 0
            let group = Int(bytes[index]) << 16 | Int(second) << 8 | Int(third)
            text.append(alphabet[group >> 18])
            text.append(alphabet[group >> 12 & 63])
            text.append(left > 1 ? alphabet[group >> 6 & 63] : padding)
            text.append(left > 2 ? alphabet[group & 63] : padding)
            index += 3
        }
    }

    static func decode(_ text: Span<UInt8>) -> [UInt8]? {
        guard let digits = digitCount(text) else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 4 * 3)
        var group: UInt32 = 0
        for index in 0..<digits {
            guard let digit = value(of: text[index]) else { return nil }
            group = group << 6 | UInt32(digit)
            guard index & 3 == 3 else { continue }
            bytes.append(UInt8(truncatingIfNeeded: group >> 16))
            bytes.append(UInt8(truncatingIfNeeded: group >> 8))
            bytes.append(UInt8(truncatingIfNeeded: group))
        }
        switch digits & 3 {
        case 2: bytes.append(UInt8(truncatingIfNeeded: group >> 4))
        case 3:
            bytes.append(UInt8(truncatingIfNeeded: group >> 10))
            bytes.append(UInt8(truncatingIfNeeded: group >> 2))
        default: break
        }
        return bytes
    }

    /// Whether ``decode(_:)`` would give bytes, without making them.
    static func isValid(_ text: Span<UInt8>) -> Bool {
        guard let digits = digitCount(text) else { return false }
        for index in 0..<digits where value(of: text[index]) == nil { return false }
        return true
    }

    /// How many characters stand before the padding; nil where the length, the padding or the last bits are wrong.
    private static func digitCount(_ text: Span<UInt8>) -> Int? {
        guard text.count & 3 == 0 else { return nil }
        var digits = text.count
        while digits > 0, text.count - digits < 2, text[digits - 1] == padding { digits -= 1 }
        let spareBits: UInt8 = digits & 3 == 2 ? 15 : digits & 3 == 3 ? 3 : 0
        guard spareBits > 0 else { return digits }
        guard let last = value(of: text[digits - 1]), last & spareBits == 0 else { return nil }
        return digits
    }

    @inline(__always)
    private static func value(of character: UInt8) -> UInt8? {
        switch character {
        case 0x41...0x5A: character - 0x41
        case 0x61...0x7A: character - 0x61 + 26
        case 0x30...0x39: character - 0x30 + 52
        case 0x2B: 62
        case 0x2F: 63
        default: nil
        }
    }
}
