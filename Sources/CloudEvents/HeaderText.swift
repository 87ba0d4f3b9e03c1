/// Attribute values as header values (HTTP protocol binding, section 3.1.3.2), both ways.
enum HeaderText {
    /// Whether a value is its attribute's text as it stands: printable ASCII, no percent sign, no quotes around it.
    @inline(__always)
    static func isPlain(_ raw: Span<UInt8>) -> Bool {
        guard raw.count > 0 else { return true }
        for index in 0..<raw.count where raw[index] &- 0x20 >= 0x5F || raw[index] == 0x25 { return false }
        return raw[0] != 0x22
    }

    /// A value as text: a quoted string loses its quotes and escapes, then percent-encoded bytes are decoded, once.
    ///
    /// Only a value that is a quoted string as a whole counts as one, so that JSON from a producer that does not encode
    /// (sdk-go#1331) comes in whole. A percent sign without two hexadecimal digits stands for itself.
    static func decoded(_ raw: Span<UInt8>) -> [UInt8] {
        guard let text = unquoted(raw) else { return percentDecoded(raw) }
        return percentDecoded(text.span)
    }

    private static func unquoted(_ raw: Span<UInt8>) -> [UInt8]? {
        guard raw.count >= 2, raw[0] == 0x22, raw[raw.count - 1] == 0x22 else { return nil }
        var text: [UInt8] = []
        text.reserveCapacity(raw.count)
        var index = 1
        while index < raw.count - 1 {
            guard raw[index] != 0x22 else { return nil }
            if raw[index] == 0x5C {
                index += 1
                guard index < raw.count - 1 else { return nil }
            }
            text.append(raw[index])
            index += 1
        }
        return text
    }

    private static func percentDecoded(_ text: Span<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        var index = 0
        while index < text.count {
            if text[index] == 0x25, index + 2 < text.count, let high = ASCII.hexValue(text[index + 1]),
                let low = ASCII.hexValue(text[index + 2])
            {
                result.append(high << 4 | low)
                index += 3
            } else {
                result.append(text[index])
                index += 1
            }
        }
        return result
    }

    /// Appends `text` percent-encoded: space, `"`, `%` and everything outside U+0021 to U+007E.
    static func appendEncoded(_ text: String, to bytes: inout [UInt8]) {
        let digits: StaticString = "0123456789ABCDEF"
        var text = text
        text.withUTF8 { utf8 in
            var copied = 0
            for index in utf8.indices where utf8[index] &- 0x21 >= 0x5E || utf8[index] == 0x22 || utf8[index] == 0x25 {
                bytes.append(contentsOf: UnsafeBufferPointer(rebasing: utf8[copied..<index]))
                bytes.append(0x25)
                bytes.append(digits.utf8Start[Int(utf8[index] >> 4)])
                bytes.append(digits.utf8Start[Int(utf8[index] & 15)])
                copied = index + 1
            }
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: utf8[copied...]))
        }
    }

    /// Appends a media type as it is. It is ASCII where it is valid; what could end the header line is encoded all the same.
    static func appendMediaType(_ text: String, to bytes: inout [UInt8]) {
        for byte in text.utf8 {
            if byte &- 0x20 < 0x5F { bytes.append(byte) } else { appendEncoded(String(Unicode.Scalar(byte)), to: &bytes) }
        }
    }
}
