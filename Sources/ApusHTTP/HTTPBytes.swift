/// Which bytes may stand where (RFC 9110, section 5.6.2; RFC 9112, section 2).
enum HTTPBytes {
    static let tab: UInt8 = 9
    static let lineFeed: UInt8 = 10
    static let carriageReturn: UInt8 = 13
    static let space: UInt8 = 32

    /// Bit n says whether byte n may stand in a token: letters, digits and ``!#$%&'*+-.^_`|~``.
    private static let tokenBelow64: UInt64 = 0x03FF_6CFA_0000_0000
    private static let tokenFrom64: UInt64 = 0x57FF_FFFF_C7FF_FFFE

    @inline(__always)
    static func isToken(_ byte: UInt8) -> Bool {
        if byte < 64 { return (tokenBelow64 >> UInt64(byte)) & 1 == 1 }
        return byte < 128 && (tokenFrom64 >> UInt64(byte & 63)) & 1 == 1
    }

    /// Visible characters, space, tab, and the bytes above ASCII, which only a field's own grammar can judge.
    @inline(__always)
    static func isFieldContent(_ byte: UInt8) -> Bool { byte >= 32 && byte != 127 || byte == tab }

    @inline(__always)
    static func isBlank(_ byte: UInt8) -> Bool { byte == space || byte == tab }

    @inline(__always)
    static func lowercased(_ byte: UInt8) -> UInt8 { byte >= 65 && byte <= 90 ? byte | 0x20 : byte }

    @inline(__always)
    static func digit(_ byte: UInt8) -> Int? { byte >= 48 && byte <= 57 ? Int(byte - 48) : nil }

    @inline(__always)
    static func hexDigit(_ byte: UInt8) -> Int? {
        switch byte {
        case 48...57: Int(byte - 48)
        case 65...70: Int(byte - 55)
        case 97...102: Int(byte - 87)
        default: nil
        }
    }

    /// Whether bytes are `name`, which is in lower case, in any case of letters.
    @inline(__always)
    static func matches(_ bytes: Span<UInt8>, _ range: Range<Int>, _ name: StaticString) -> Bool {
        guard range.count == name.utf8CodeUnitCount else { return false }
        return name.withUTF8Buffer { name in
            for index in 0..<name.count where lowercased(bytes[range.lowerBound + index]) != name[index] { return false }
            return true
        }
    }

    /// A range without the white space at its ends.
    static func trimmed(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Range<Int> {
        var (start, end) = (range.lowerBound, range.upperBound)
        while start < end, isBlank(bytes[start]) { start += 1 }
        while end > start, isBlank(bytes[end - 1]) { end -= 1 }
        return start..<end
    }
}
