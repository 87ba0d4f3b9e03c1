package import CloudEvents
package import NIOCore

/// The head of an answer.
package struct ResponseHead: Sendable {
    package var headers: HeaderBlock
    /// 100 to 999, as it was written. An interim answer (1xx) is followed by another head.
    package var status: Int
    package var version: HTTPVersion
    package var framing: BodyFraming
    /// Whether another request may follow on the connection once the body has been read.
    package var keepsConnection: Bool
}

/// Reads heads of answers from a stream of bytes (RFC 9112, sections 2, 4 and 5), with the fields as strict as in requests.
package struct ResponseHeadScanner: Sendable {
    private let limits: HTTPLimits
    private var frame = HeadFrame()

    package init(limits: HTTPLimits = HTTPLimits()) { self.limits = limits }

    /// Takes one head from `buffer`, or nothing where it is not yet whole.
    ///
    /// - Parameter answersHead: whether the request was HEAD, so that no body follows.
    package mutating func scan(_ buffer: inout ByteBuffer, answersHead: Bool = false) throws(HTTPError) -> ResponseHead? {
        guard let length = try frame.end(in: buffer, bytesMax: limits.headBytesMax) else { return nil }
        guard let bytes = buffer.readBytes(length: length) else { return nil }
        let span = bytes.span
        var position = 0
        let (version, status) = try Self.statusLine(span, &position)
        let fields = try FieldLines.scan(span, from: position, fieldsMax: limits.headFieldsMax)
        let framing = try FramingFields(span, fields)
        let given = try framing.framing(version)
        let hasBody = !answersHead && status >= 200 && status != 204 && status != 304
        let body: BodyFraming = hasBody ? given ?? .untilClose : .none
        return ResponseHead(
            headers: HeaderBlock(bytes: bytes, fields: fields), status: status, version: version, framing: body,
            keepsConnection: framing.keepsConnection(version) && body != .untilClose)
    }

    /// `HTTP/1.x SP 3DIGIT [SP reason] CR LF`. The reason is not looked at beyond its bytes.
    private static func statusLine(_ bytes: Span<UInt8>, _ position: inout Int) throws(HTTPError) -> (HTTPVersion, Int) {
        guard bytes.count > 13, HTTPBytes.matches(bytes, 0..<5, "http/"), bytes[0] == UInt8(ascii: "H"),
            bytes[6] == UInt8(ascii: "."), bytes[8] == HTTPBytes.space,
            let major = HTTPBytes.digit(bytes[5]), let minor = HTTPBytes.digit(bytes[7]),
            let hundreds = HTTPBytes.digit(bytes[9]), let tens = HTTPBytes.digit(bytes[10]),
            let ones = HTTPBytes.digit(bytes[11]), hundreds > 0
        else { throw .malformed("The answer does not begin with an HTTP/1.1 status line.") }
        guard major == 1, minor <= 1 else {
            throw HTTPError(.unsupportedVersion, "The answer is neither HTTP/1.1 nor HTTP/1.0.")
        }
        var index = 12
        if bytes[index] == HTTPBytes.space {
            while HTTPBytes.isFieldContent(bytes[index]) { index += 1 }
        }
        guard bytes[index] == HTTPBytes.carriageReturn, bytes[index + 1] == HTTPBytes.lineFeed else {
            throw .malformed("The answer's status line holds a byte that it may not hold.")
        }
        position = index + 2
        return (minor == 1 ? .http11 : .http10, hundreds * 100 + tens * 10 + ones)
    }
}
