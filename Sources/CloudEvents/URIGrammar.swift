/// RFC 3986's grammar, as a check: nothing is normalised and no parts are kept.
enum URIGrammar {
    private static let unreserved = ByteSet.letters + ByteSet.digits + "-._~"
    private static let subDelimiters = "!$&'()*+,;="
    private static let schemeCharacters = ByteSet(ByteSet.letters + ByteSet.digits + "+-.")
    private static let letters = ByteSet(ByteSet.letters)
    private static let path = ByteSet(unreserved + subDelimiters + ":@/")
    private static let query = ByteSet(unreserved + subDelimiters + ":@/?")
    private static let userinfo = ByteSet(unreserved + subDelimiters + ":")
    private static let registeredName = ByteSet(unreserved + subDelimiters)

    /// Section 4.1: a URI or a relative reference, which may be empty.
    static func isReference(_ text: Span<UInt8>) -> Bool {
        let parts = split(text)
        guard isEscaped(text.extracting(parts.tail..<text.count), in: query, fragment: true) else { return false }
        let schemeEnd: Int
        if let colon = parts.colon {
            guard isScheme(text.extracting(0..<colon)) else { return false }
            schemeEnd = colon + 1
        } else {
            schemeEnd = 0
        }
        return isHierarchy(text.extracting(schemeEnd..<parts.tail))
    }

    /// Section 3: a URI with a scheme.
    static func isURI(_ text: Span<UInt8>) -> Bool { split(text).colon != nil && isReference(text) }

    /// Where the first segment's colon stands, which ends a scheme, and where the query or fragment begins.
    private static func split(_ text: Span<UInt8>) -> (colon: Int?, tail: Int) {
        var colon: Int?
        var slashSeen = false
        for index in 0..<text.count {
            switch text[index] {
            case 0x3F, 0x23: return (colon, index)
            case 0x2F: slashSeen = true
            case 0x3A where colon == nil && !slashSeen: colon = index
            default: break
            }
        }
        return (colon, text.count)
    }

    private static func isScheme(_ text: Span<UInt8>) -> Bool {
        guard text.count > 0, letters.contains(text[0]) else { return false }
        for index in 1..<text.count where !schemeCharacters.contains(text[index]) { return false }
        return true
    }

    private static func isHierarchy(_ text: Span<UInt8>) -> Bool {
        guard text.count >= 2, text[0] == 0x2F, text[1] == 0x2F else { return isEscaped(text, in: path) }
        var end = 2
        while end < text.count, text[end] != 0x2F { end += 1 }
        return isAuthority(text.extracting(2..<end)) && isEscaped(text.extracting(end..<text.count), in: path)
    }

    private static func isAuthority(_ text: Span<UInt8>) -> Bool {
        var host = 0
        for index in 0..<text.count where text[index] == 0x40 {
            host = index + 1
            break
        }
        guard host == 0 || isEscaped(text.extracting(0..<host - 1), in: userinfo) else { return false }
        var hostEnd = text.count
        while hostEnd > host, ASCII.isDigit(text[hostEnd - 1]) { hostEnd -= 1 }
        if hostEnd > host, text[hostEnd - 1] == 0x3A { hostEnd -= 1 } else { hostEnd = text.count }
        let name = text.extracting(host..<hostEnd)
        guard name.count > 0, name[0] == 0x5B else { return isEscaped(name, in: registeredName) }
        guard name.count > 2, name[name.count - 1] == 0x5D else { return false }
        let literal = name.extracting(1..<name.count - 1)
        return literal[0] | 0x20 == 0x76 ? isFutureAddress(literal) : IPv6.isAddress(literal)
    }

    /// `IPvFuture`: `v`, hexadecimal digits, a point, and at least one character.
    private static func isFutureAddress(_ text: Span<UInt8>) -> Bool {
        var index = 1
        while index < text.count, ASCII.hexValue(text[index]) != nil { index += 1 }
        guard index > 1, index + 1 < text.count, text[index] == 0x2E else { return false }
        for next in index + 1..<text.count where !userinfo.contains(text[next]) { return false }
        return true
    }

    /// Whether every byte is in `set` or belongs to a percent-encoded one; `fragment` lets `?` and `#` begin their parts.
    private static func isEscaped(_ text: Span<UInt8>, in set: ByteSet, fragment: Bool = false) -> Bool {
        var index = 0
        var fragmentSeen = false
        while index < text.count {
            let byte = text[index]
            if set.contains(byte) {
                index += 1
            } else if byte == 0x25 {
                guard index + 2 < text.count, ASCII.hexValue(text[index + 1]) != nil, ASCII.hexValue(text[index + 2]) != nil
                else { return false }
                index += 3
            } else {
                guard fragment, byte == 0x23, !fragmentSeen else { return false }
                fragmentSeen = true
                index += 1
            }
        }
        return true
    }
}

/// `IPv6address` of RFC 3986 section 3.2.2.
private enum IPv6 {
    static func isAddress(_ text: Span<UInt8>) -> Bool {
        var groups = 0
        var elided = false
        var index = 0
        if text.count >= 2, text[0] == 0x3A, text[1] == 0x3A {
            elided = true
            index = 2
        }
        while index < text.count {
            let start = index
            while index < text.count, ASCII.hexValue(text[index]) != nil { index += 1 }
            if index < text.count, text[index] == 0x2E {
                return isIPv4(text.extracting(start..<text.count)) && isFull(groups + 2, elided)
            }
            guard index > start, index - start <= 4 else { return false }
            groups += 1
            if index == text.count { break }
            guard text[index] == 0x3A, index + 1 < text.count else { return false }
            index += 1
            guard text[index] == 0x3A else { continue }
            guard !elided else { return false }
            elided = true
            index += 1
        }
        return isFull(groups, elided)
    }

    private static func isFull(_ groups: Int, _ elided: Bool) -> Bool { elided ? groups <= 7 : groups == 8 }

    private static func isIPv4(_ text: Span<UInt8>) -> Bool {
        var octets = 0
        var index = 0
        while index < text.count {
            let start = index
            var value = 0
            while index < text.count, ASCII.isDigit(text[index]), index - start < 3 {
                value = value * 10 + Int(text[index] - 0x30)
                index += 1
            }
            guard index > start, value <= 255, index - start == 1 || text[start] != 0x30 else { return false }
            octets += 1
            if index == text.count { break }
            guard text[index] == 0x2E, index + 1 < text.count else { return false }
            index += 1
        }
        return octets == 4
    }
}
