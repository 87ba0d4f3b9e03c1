/// Text as UTF-8: whether it is well formed, whether a CloudEvents String may hold it, and how an error quotes it.
enum UnicodeText {
    /// What keeps bytes from being a String (core specification, section 2.4).
    enum Fault: Equatable {
        case notUTF8
        case forbidden(UInt32)
    }

    /// The first fault of `bytes` as a CloudEvents String: controls, noncharacters, surrogates and ill-formed UTF-8.
    static func fault(in bytes: Span<UInt8>) -> Fault? {
        var index = 0
        while index < bytes.count {
            if bytes.count - index >= 8, isPrintableWord(bytes, at: index) {
                index += 8
                continue
            }
            let byte = bytes[index]
            if byte < 0x80 {
                if byte < 0x20 || byte == 0x7F { return .forbidden(UInt32(byte)) }
                index += 1
                continue
            }
            let length = sequenceLength(at: index, in: bytes)
            guard length > 0 else { return .notUTF8 }
            let scalar = self.scalar(at: index, length: length, in: bytes)
            if scalar < 0xA0 || (0xFDD0...0xFDEF).contains(scalar) || scalar & 0xFFFE == 0xFFFE { return .forbidden(scalar) }
            index += length
        }
        return nil
    }

    /// Whether the next eight bytes are printable ASCII.
    @inline(__always)
    private static func isPrintableWord(_ bytes: Span<UInt8>, at index: Int) -> Bool {
        let word = bytes.bytes.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self)
        let ones: UInt64 = 0x0101_0101_0101_0101
        let delete = word ^ (ones &* 0x7F)
        return ((word &- ones &* 0x20) | (delete &- ones) | word) & (ones &* 0x80) == 0
    }

    /// How many bytes the well-formed sequence at `index` has, which does not start with ASCII; 0 where it is ill formed.
    ///
    /// Table 3-7 of the Unicode standard: no overlong forms, no surrogates, nothing above U+10FFFF.
    static func sequenceLength(at index: Int, in bytes: Span<UInt8>) -> Int {
        let lead = bytes[index]
        let length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4
        guard lead >= 0xC2, lead <= 0xF4, bytes.count - index >= length else { return 0 }
        let second = bytes[index + 1]
        let lowest: UInt8 = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80
        let highest: UInt8 = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF
        guard second >= lowest, second <= highest else { return 0 }
        for next in index + 2..<max(index + 2, index + length) where bytes[next] & 0xC0 != 0x80 { return 0 }
        return length
    }

    static func isUTF8(_ bytes: Span<UInt8>) -> Bool {
        var index = 0
        while index < bytes.count {
            let length = bytes[index] < 0x80 ? 1 : sequenceLength(at: index, in: bytes)
            guard length > 0 else { return false }
            index += length
        }
        return true
    }

    /// The scalar of a sequence that ``sequenceLength(at:in:)`` found well formed.
    static func scalar(at index: Int, length: Int, in bytes: Span<UInt8>) -> UInt32 {
        var scalar = UInt32(bytes[index]) & (0x7F >> UInt32(length))
        for next in index + 1..<index + length { scalar = scalar << 6 | UInt32(bytes[next] & 0x3F) }
        return scalar
    }

    /// Appends a scalar that is no surrogate as UTF-8.
    static func append(_ scalar: UInt32, to bytes: inout [UInt8]) {
        if scalar < 0x80 { return bytes.append(UInt8(scalar)) }
        if scalar < 0x800 {
            bytes.append(UInt8(0xC0 | scalar >> 6))
        } else {
            if scalar < 0x10000 {
                bytes.append(UInt8(0xE0 | scalar >> 12))
            } else {
                bytes.append(UInt8(0xF0 | scalar >> 18))
                bytes.append(UInt8(0x80 | scalar >> 12 & 0x3F))
            }
            bytes.append(UInt8(0x80 | scalar >> 6 & 0x3F))
        }
        bytes.append(UInt8(0x80 | scalar & 0x3F))
    }

    /// A String of bytes that are known to be UTF-8.
    static func string(_ bytes: Span<UInt8>) -> String {
        bytes.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
    }
}

extension UnicodeText {
    /// How many characters of a stranger's text an error message shows.
    static let quotedCharactersMax = 64

    /// `bytes` in double quotes, at most ``quotedCharactersMax`` characters of them, safe to print in any log.
    static func quoted(_ bytes: Span<UInt8>) -> String {
        var text = "\""
        var index = 0
        var characters = 0
        while index < bytes.count {
            if characters == quotedCharactersMax { return text + "…\"" }
            characters += 1
            let byte = bytes[index]
            let length = byte < 0x80 ? 1 : sequenceLength(at: index, in: bytes)
            guard length > 0 else {
                text += "\\x" + hex(UInt32(byte), digits: 2)
                index += 1
                continue
            }
            let scalar = length == 1 ? UInt32(byte) : self.scalar(at: index, length: length, in: bytes)
            index += length
            text += escaped(scalar)
        }
        return text + "\""
    }

    static func quoted(_ text: String) -> String { quoted(Array(text.utf8).span) }

    /// `U+0085`, as a message names a character.
    static func codePoint(_ scalar: UInt32) -> String { "U+" + hex(scalar, digits: 4) }

    private static func escaped(_ value: UInt32) -> String {
        guard let scalar = Unicode.Scalar(value) else { return "\\u{\(hex(value, digits: 1))}" }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned, .surrogate:
            return "\\u{\(hex(value, digits: 1))}"
        default:
            return scalar == "\"" || scalar == "\\" ? "\\\(Character(scalar))" : String(Character(scalar))
        }
    }

    private static func hex(_ value: UInt32, digits: Int) -> String {
        let text = String(value, radix: 16, uppercase: true)
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }
}
