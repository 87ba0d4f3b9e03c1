import CloudEvents

/// How the end of a message's body is found (RFC 9112, section 6.3).
package enum BodyFraming: Sendable, Equatable {
    case none
    /// `Content-Length`, in bytes; greater than 0.
    case length(Int)
    case chunked
    /// The body of an answer that ends where the connection does.
    case untilClose
}

package enum HTTPVersion: Sendable, Equatable {
    case http10
    case http11
}

/// What the fields of a head say of the connection and the body: read once, strictly (RFC 9112, sections 3.2, 6 and 9).
struct FramingFields {
    var hosts = 0
    var contentLength: Int?
    var isChunked = false
    var closes = false
    var keepsAlive = false
    var expectsContinue = false

    init(_ bytes: Span<UInt8>, _ fields: [HeaderBlock.Field]) throws(HTTPError) {
        var transferEncodings = 0
        for field in fields {
            switch field.name.count {
            case 4 where HTTPBytes.matches(bytes, field.name, "host"):
                hosts += 1
                try Self.checkHost(bytes, field.value)
            case 6 where HTTPBytes.matches(bytes, field.name, "expect"):
                guard HTTPBytes.matches(bytes, field.value, "100-continue") else {
                    throw HTTPError(.expectationFailed, "Of the expectations only 100-continue is known.")
                }
                expectsContinue = true
            case 10 where HTTPBytes.matches(bytes, field.name, "connection"):
                readConnection(bytes, field.value)
            case 14 where HTTPBytes.matches(bytes, field.name, "content-length"):
                guard contentLength == nil else { throw .malformed("Content-Length stands more than once.") }
                contentLength = try Self.length(bytes, field.value)
            case 17 where HTTPBytes.matches(bytes, field.name, "transfer-encoding"):
                transferEncodings += 1
                guard transferEncodings == 1 else { throw .malformed("Transfer-Encoding stands more than once.") }
                try Self.checkTransferEncoding(bytes, field.value)
                isChunked = true
            default: break
            }
        }
        if isChunked, contentLength != nil {
            throw .malformed("Content-Length and Transfer-Encoding stand together.")
        }
    }

    func keepsConnection(_ version: HTTPVersion) -> Bool { !closes && (version == .http11 || keepsAlive) }

    /// The framing that the fields give; nil where they give none. A transfer coding needs HTTP/1.1.
    func framing(_ version: HTTPVersion) throws(HTTPError) -> BodyFraming? {
        guard isChunked else { return contentLength.map { $0 == 0 ? .none : .length($0) } }
        guard version == .http11 else { throw .malformed("Transfer-Encoding is not part of HTTP/1.0.") }
        return .chunked
    }

    /// `Connection` is a list of tokens; only the two that concern the connection's life are read.
    private mutating func readConnection(_ bytes: Span<UInt8>, _ value: Range<Int>) {
        var start = value.lowerBound
        for index in value.lowerBound...value.upperBound
        where index == value.upperBound || bytes[index] == UInt8(ascii: ",") {
            let token = HTTPBytes.trimmed(bytes, start..<index)
            if HTTPBytes.matches(bytes, token, "close") { closes = true }
            if HTTPBytes.matches(bytes, token, "keep-alive") { keepsAlive = true }
            start = index + 1
        }
    }

    private static func length(_ bytes: Span<UInt8>, _ value: Range<Int>) throws(HTTPError) -> Int {
        guard !value.isEmpty else { throw .malformed("Content-Length is empty.") }
        var length = 0
        var isTooLarge = false
        for index in value {
            guard let digit = HTTPBytes.digit(bytes[index]) else {
                throw .malformed("Content-Length is not one decimal number.")
            }
            let (product, overflow) = length.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(digit)
            if overflow || carry { isTooLarge = true }
            length = isTooLarge ? 0 : sum
        }
        guard !isTooLarge else { throw HTTPError(.bodyTooLarge, "Content-Length is larger than any body can be.") }
        return length
    }

    /// Only `chunked`, alone, is taken. A list in which `chunked` is not last leaves the body's end unknown: malformed.
    private static func checkTransferEncoding(_ bytes: Span<UInt8>, _ value: Range<Int>) throws(HTTPError) {
        if HTTPBytes.matches(bytes, value, "chunked") { return }
        var start = value.lowerBound
        var isAfterChunked = false
        for index in value.lowerBound...value.upperBound
        where index == value.upperBound || bytes[index] == UInt8(ascii: ",") {
            let token = HTTPBytes.trimmed(bytes, start..<index)
            guard !token.isEmpty, !isAfterChunked else {
                throw .malformed("Transfer-Encoding is not a list of codings with chunked once, at its end.")
            }
            for position in token where !HTTPBytes.isToken(bytes[position]) {
                throw .malformed("Transfer-Encoding holds what is no name of a coding.")
            }
            isAfterChunked = HTTPBytes.matches(bytes, token, "chunked")
            start = index + 1
        }
        throw HTTPError(.unsupportedTransferCoding, "Of the transfer codings only chunked is known.")
    }

    /// RFC 3986, section 3.2: a host and a port hold no other bytes. An empty host is allowed.
    private static func checkHost(_ bytes: Span<UInt8>, _ value: Range<Int>) throws(HTTPError) {
        for index in value {
            switch bytes[index] {
            case 48...57, 65...90, 97...122, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"),
                UInt8(ascii: ":"), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "%"), UInt8(ascii: "!"),
                UInt8(ascii: "$"), UInt8(ascii: "&"), UInt8(ascii: "'"), UInt8(ascii: "("), UInt8(ascii: ")"),
                UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: ";"), UInt8(ascii: "="):
                continue
            default: throw .malformed("Host is not one host with an optional port.")
            }
        }
    }
}
