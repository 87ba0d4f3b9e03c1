/// An absolute `http` or `https` URL as a client needs it (RFC 9110, section 4.2; RFC 3986).
///
/// Path and query stay byte for byte as they were written; a fragment is dropped, for it never leaves a client.
package struct HTTPURL: Sendable, Hashable {
    package enum Scheme: Sendable, Hashable {
        case http
        case https

        /// The port where the URL names none.
        package var defaultPort: Int { self == .http ? 80 : 443 }
    }

    package var scheme: Scheme
    /// In lower case; an IPv6 literal without its brackets.
    package var host: String
    /// Whether `host` was an IPv6 literal in brackets.
    package var isIPv6: Bool
    package var port: Int
    /// Path and query, the request's target in origin form; `/` where the URL has no path.
    package var target: String

    /// What the `Host` field says (RFC 9110, section 7.2): the port only where it is not the scheme's own.
    package var hostField: String {
        let name = isIPv6 ? "[\(host)]" : host
        return port == scheme.defaultPort ? name : "\(name):\(port)"
    }
}

/// Why a text is no URL that can be requested, as a sentence's end: `the URL …`.
package struct HTTPURLError: Error, Sendable, Equatable {
    package var message: String

    init(_ message: String) { self.message = message }
}

extension HTTPURL {
    /// Reads an absolute URL. Refuses other schemes, user names and passwords, and bytes that ought to be percent-encoded.
    package init(_ text: String) throws(HTTPURLError) {
        let bytes = Array(text.utf8)
        for byte in bytes where byte <= 0x20 || byte >= 0x7F {
            throw HTTPURLError("the URL has a space, a control character or a character beyond ASCII: percent-encode it")
        }
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")), bytes[colon...].starts(with: "://".utf8) else {
            throw HTTPURLError("the URL is not absolute: it starts with http:// or https://")
        }
        scheme = try Self.scheme(bytes[..<colon])
        let start = colon + 3
        let end = bytes[start...].firstIndex { [UInt8(ascii: "/"), UInt8(ascii: "?"), UInt8(ascii: "#")].contains($0) }
        let authority = bytes[start..<(end ?? bytes.count)]
        (host, isIPv6, port) = try Self.authority(authority, defaultPort: scheme.defaultPort)
        target = try Self.target(bytes[(end ?? bytes.count)...])
    }

    private static func scheme(_ bytes: ArraySlice<UInt8>) throws(HTTPURLError) -> Scheme {
        switch lowercased(bytes) {
        case "http": .http
        case "https": .https
        case let other: throw HTTPURLError("the URL's scheme \(other) is not supported: use http or https")
        }
    }

    private static func authority(
        _ bytes: ArraySlice<UInt8>, defaultPort: Int
    ) throws(HTTPURLError) -> (host: String, isIPv6: Bool, port: Int) {
        guard !bytes.contains(UInt8(ascii: "@")) else {
            throw HTTPURLError("the URL has a user name or a password, which is not supported: leave it out")
        }
        var host = bytes
        var port = bytes[bytes.endIndex...]
        let isIPv6 = bytes.first == UInt8(ascii: "[")
        if isIPv6 {
            guard let close = bytes.firstIndex(of: UInt8(ascii: "]")) else {
                throw HTTPURLError("the URL's IPv6 address has no closing bracket")
            }
            host = bytes[(bytes.startIndex + 1)..<close]
            port = bytes[(close + 1)...]
            guard isIPv6Literal(host) else {
                throw HTTPURLError("the URL's host [\(String(decoding: host, as: UTF8.self))] is no IPv6 address")
            }
        } else if let colon = bytes.firstIndex(of: UInt8(ascii: ":")) {
            host = bytes[..<colon]
            port = bytes[colon...]
        }
        guard !host.isEmpty else { throw HTTPURLError("the URL has no host") }
        guard isIPv6 || host.allSatisfy(isHostByte) else {
            throw HTTPURLError(
                "the URL's host \(String(decoding: host, as: UTF8.self)) has a character other than letters, digits, - . and _")
        }
        return (lowercased(host), isIPv6, try self.port(port, defaultPort: defaultPort))
    }

    private static func port(_ bytes: ArraySlice<UInt8>, defaultPort: Int) throws(HTTPURLError) -> Int {
        let wrong = HTTPURLError("the URL's port is not a number from 1 to 65535")
        guard let first = bytes.first else { return defaultPort }
        guard first == UInt8(ascii: ":"), bytes.count <= 6 else { throw wrong }
        let digits = bytes.dropFirst()
        // RFC 3986, section 3.2.3: an empty port is the scheme's own.
        guard !digits.isEmpty else { return defaultPort }
        var port = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { throw wrong }
            port = port * 10 + Int(digit - UInt8(ascii: "0"))
        }
        guard (1...65535).contains(port) else { throw wrong }
        return port
    }

    private static func target(_ rest: ArraySlice<UInt8>) throws(HTTPURLError) -> String {
        let bytes = rest.prefix { $0 != UInt8(ascii: "#") }
        var index = bytes.startIndex
        while index < bytes.endIndex {
            if bytes[index] == UInt8(ascii: "%") {
                guard index + 2 < bytes.endIndex, isHexDigit(bytes[index + 1]), isHexDigit(bytes[index + 2]) else {
                    throw HTTPURLError("the URL has a % that two hexadecimal digits do not follow: write %25 for the sign itself")
                }
            }
            index += 1
        }
        let text = String(decoding: bytes, as: UTF8.self)
        return bytes.first == UInt8(ascii: "/") ? text : "/" + text
    }

    private static func lowercased(_ bytes: ArraySlice<UInt8>) -> String {
        String(decoding: bytes.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
    }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"):
            true
        default: false
        }
    }

    private static func isHostByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    /// The alphabet and the colons only: whether the address means something is the system's to say when it is dialled.
    private static func isIPv6Literal(_ bytes: ArraySlice<UInt8>) -> Bool {
        let colons = bytes.count { $0 == UInt8(ascii: ":") }
        return (2...7).contains(colons)
            && bytes.allSatisfy { isHexDigit($0) || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".") }
    }
}
