/// A media type with parameters (RFC 2045 section 5.1, RFC 2046), read leniently in white space and empty parameters only, as
/// RFC 9110 section 8.3.1 allows.
struct MediaType {
    /// How data of this type becomes text and back (JSON event format, section 3.1).
    var isJSON: Bool
    /// The type and subtype, as the bytes at the start of the text.
    var essenceCount: Int
    /// The value of `charset`, unquoted and in lower case; nil where there is none.
    var charset: String?

    private static let token = ByteSet(ByteSet.letters + ByteSet.digits + "!#$%&'*+-.^_`{|}~")

    init?(_ text: Span<UInt8>) {
        var index = 0
        guard Self.skipToken(text, &index), index < text.count, text[index] == 0x2F else { return nil }
        index += 1
        let subtype = index
        guard Self.skipToken(text, &index) else { return nil }
        essenceCount = index
        isJSON = Self.isJSON(text.extracting(subtype..<index))
        while true {
            Self.skipSpace(text, &index)
            guard index < text.count else { return }
            guard text[index] == 0x3B else { return nil }
            index += 1
            Self.skipSpace(text, &index)
            guard index < text.count, text[index] != 0x3B else { continue }
            guard readParameter(text, &index) else { return nil }
        }
    }

    /// Whether text of this type is UTF-8 as it stands: no charset, or one that UTF-8 includes.
    var isUTF8: Bool { charset == nil || charset == "utf-8" || charset == "us-ascii" || charset == "utf8" }

    private mutating func readParameter(_ text: Span<UInt8>, _ index: inout Int) -> Bool {
        let name = index
        guard Self.skipToken(text, &index), index + 1 < text.count, text[index] == 0x3D else { return false }
        let isCharset = ASCII.equal(text.extracting(name..<index), ignoringCase: "charset")
        index += 1
        let start = index
        var value: [UInt8] = []
        if text[index] == 0x22 {
            guard Self.skipQuoted(text, &index, into: isCharset ? { value.append($0) } : { _ in }) else { return false }
        } else {
            guard Self.skipToken(text, &index) else { return false }
            if isCharset { for at in start..<index { value.append(text[at]) } }
        }
        if isCharset, charset == nil {
            charset = String(decoding: value.map(ASCII.lowercased), as: UTF8.self)
        }
        return true
    }

    private static func skipToken(_ text: Span<UInt8>, _ index: inout Int) -> Bool {
        let start = index
        while index < text.count, token.contains(text[index]) { index += 1 }
        return index > start
    }

    private static func skipQuoted(_ text: Span<UInt8>, _ index: inout Int, into take: (UInt8) -> Void) -> Bool {
        index += 1
        while index < text.count {
            if text[index] == 0x22 {
                index += 1
                return true
            }
            if text[index] == 0x5C { index += 1 }
            guard index < text.count, text[index] >= 0x20, text[index] < 0x7F else { return false }
            take(text[index])
            index += 1
        }
        return false
    }

    private static func skipSpace(_ text: Span<UInt8>, _ index: inout Int) {
        while index < text.count, text[index] == 0x20 || text[index] == 0x09 { index += 1 }
    }

    private static func isJSON(_ subtype: Span<UInt8>) -> Bool {
        if ASCII.equal(subtype, ignoringCase: "json") { return true }
        guard subtype.count > 5 else { return false }
        return ASCII.equal(subtype.extracting(subtype.count - 5..<subtype.count), ignoringCase: "+json")
    }
}
