/// A URI reference (RFC 3986, section 4.1), taken apart. Compared and joined as bytes; nothing is normalised but dot segments.
public struct URIReference: Sendable, Equatable {
    public var scheme: String?
    public var authority: String?
    public var path: String
    public var query: String?
    public var fragment: String?

    /// nil where a character stands that no URI may have (RFC 3986, section 2), or a percent sign without two digits.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard Self.hasOnlyAllowed(bytes) else { return nil }
        var rest = bytes[...]
        fragment = Self.split(&rest, at: UInt8(ascii: "#"))
        query = Self.split(&rest, at: UInt8(ascii: "?"))
        if let colon = rest.firstIndex(of: UInt8(ascii: ":")), !rest[..<colon].contains(UInt8(ascii: "/")) {
            guard Self.isScheme(rest[..<colon]) else { return nil }
            scheme = String(decoding: rest[..<colon], as: UTF8.self)
            rest = rest[(colon + 1)...]
        }
        if rest.starts(with: "//".utf8) {
            rest = rest.dropFirst(2)
            let end = rest.firstIndex(of: UInt8(ascii: "/")) ?? rest.endIndex
            authority = String(decoding: rest[..<end], as: UTF8.self)
            rest = rest[end...]
        }
        path = String(decoding: rest, as: UTF8.self)
    }

    /// Whether it has a scheme and a host: what a destination's `uri` without `ref` must have.
    public var isAbsolute: Bool { scheme != nil && !(host ?? "").isEmpty }

    /// The authority without user information and port.
    public var host: String? {
        guard var bytes = authority.map({ Array($0.utf8)[...] }) else { return nil }
        if let at = bytes.lastIndex(of: UInt8(ascii: "@")) { bytes = bytes[(at + 1)...] }
        if bytes.first == UInt8(ascii: "[") {
            let end = bytes.firstIndex(of: UInt8(ascii: "]")) ?? bytes.endIndex
            return String(decoding: bytes[..<end].dropFirst(), as: UTF8.self)
        }
        return String(decoding: bytes.prefix { $0 != UInt8(ascii: ":") }, as: UTF8.self)
    }

    /// Whether the port is one to connect to, or is absent (RFC 3986, section 3.2.3: an empty one is the scheme's own).
    var hasUsablePort: Bool {
        let bytes = Array((authority ?? "").utf8)
        guard let colon = bytes.lastIndex(of: UInt8(ascii: ":")) else { return true }
        let port = bytes[(colon + 1)...]
        // What follows a colon inside the brackets of an IPv6 address is no port.
        guard !port.isEmpty, !port.contains(UInt8(ascii: "]")) else { return true }
        let isNumber = port.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains)
        guard isNumber, port.count <= 5, let number = Int(String(decoding: port, as: UTF8.self)) else { return false }
        return (1...65535).contains(number)
    }

    public var isHTTP: Bool { ["http", "https"].contains(scheme?.lowercased()) }

    /// The reference seen from `base` (RFC 3986, section 5.2).
    public func resolved(against base: URIReference) -> URIReference {
        var target = self
        guard scheme == nil else {
            target.path = Self.withoutDotSegments(path)
            return target
        }
        target.scheme = base.scheme
        guard authority == nil else {
            target.path = Self.withoutDotSegments(path)
            return target
        }
        target.authority = base.authority
        if path.isEmpty {
            target.path = base.path
            target.query = query ?? base.query
        } else if path.utf8.first == UInt8(ascii: "/") {
            target.path = Self.withoutDotSegments(path)
        } else {
            target.path = Self.withoutDotSegments(merged(with: base))
        }
        return target
    }

    private func merged(with base: URIReference) -> String {
        if base.authority != nil, base.path.isEmpty { return "/" + path }
        let bytes = Array(base.path.utf8)
        guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return path }
        return String(decoding: bytes[...slash], as: UTF8.self) + path
    }

    private static func withoutDotSegments(_ path: String) -> String {
        let bytes = Array(path.utf8)
        var kept: [ArraySlice<UInt8>] = []
        let segments = bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        for (index, segment) in segments.enumerated() {
            let isLast = index == segments.count - 1
            if segment.elementsEqual(".".utf8) {
                if isLast { kept.append([]) }
            } else if segment.elementsEqual("..".utf8) {
                if kept.count > 1 { kept.removeLast() }
                if isLast { kept.append([]) }
            } else {
                kept.append(segment)
            }
        }
        return String(decoding: Array(kept.joined(separator: [UInt8(ascii: "/")])), as: UTF8.self)
    }

    private static func split(_ rest: inout ArraySlice<UInt8>, at mark: UInt8) -> String? {
        guard let index = rest.firstIndex(of: mark) else { return nil }
        defer { rest = rest[..<index] }
        return String(decoding: rest[(index + 1)...], as: UTF8.self)
    }

    private static func isScheme(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard let first = bytes.first, isLetter(first) else { return false }
        return bytes.allSatisfy { isLetter($0) || isDigit($0) || "+-.".utf8.contains($0) }
    }

    private static func hasOnlyAllowed(_ bytes: [UInt8]) -> Bool {
        for (index, byte) in bytes.enumerated() {
            if byte == UInt8(ascii: "%") {
                guard index + 2 < bytes.count, isHexadecimal(bytes[index + 1]), isHexadecimal(bytes[index + 2]) else {
                    return false
                }
            } else if !isLetter(byte), !isDigit(byte), !"-._~:/?#[]@!$&'()*+,;=".utf8.contains(byte) {
                return false
            }
        }
        return true
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (byte | 0x20) >= UInt8(ascii: "a") && (byte | 0x20) <= UInt8(ascii: "z")
    }
    private static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }
    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        isDigit(byte) || ((byte | 0x20) >= UInt8(ascii: "a") && (byte | 0x20) <= UInt8(ascii: "f"))
    }
}

extension URIReference: CustomStringConvertible {
    public var description: String {
        (scheme.map { "\($0):" } ?? "") + (authority.map { "//\($0)" } ?? "") + path + (query.map { "?\($0)" } ?? "")
            + (fragment.map { "#\($0)" } ?? "")
    }
}
