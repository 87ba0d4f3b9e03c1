package import CloudEvents
package import NIOCore

/// The head of a request. The bytes of `headers` hold all of it; everything else is a range in them.
package struct RequestHead: Sendable {
    package enum Method: Sendable, Equatable {
        case get, head, post, put, delete, patch, options, connect, trace
        /// Any other token.
        case other
    }

    package var headers: HeaderBlock
    package var method: Method
    package var version: HTTPVersion
    /// The request target as it was written.
    package var target: Range<Int>
    /// The path of the target, not decoded; empty for an absolute target without one and for `*`.
    package var path: Range<Int>
    /// What follows the `?`, not decoded, or nil.
    package var query: Range<Int>?
    package var framing: BodyFraming
    /// Whether another request may follow on the connection.
    package var keepsConnection: Bool
    /// Whether the client waits for `100 Continue` before it sends the body.
    package var expectsContinue: Bool
}

/// Reads heads of requests from a stream of bytes (RFC 9112, sections 2, 3 and 5): as strict as it allows to be.
///
/// Origin-form and absolute-form targets are taken, `*` for OPTIONS, authority-form for CONNECT. After an error the stream is
/// of no more use.
package struct RequestHeadScanner: Sendable {
    private let limits: HTTPLimits
    private var frame = HeadFrame()
    private var hasSkippedLine = false

    package init(limits: HTTPLimits = HTTPLimits()) { self.limits = limits }

    /// Takes one head from `buffer`, or nothing where it is not yet whole; then it is called again with the same bytes and more.
    package mutating func scan(_ buffer: inout ByteBuffer) throws(HTTPError) -> RequestHead? {
        try skipEmptyLine(&buffer)
        guard let length = try frame.end(in: buffer, bytesMax: limits.headBytesMax) else { return nil }
        guard let bytes = buffer.readBytes(length: length) else { return nil }
        hasSkippedLine = false
        return try Self.parse(bytes, limits)
    }

    /// One empty line before a request is passed over (RFC 9112, section 2.2).
    private mutating func skipEmptyLine(_ buffer: inout ByteBuffer) throws(HTTPError) {
        let start = buffer.readerIndex
        guard let first: UInt8 = buffer.getInteger(at: start) else { return }
        guard first == HTTPBytes.carriageReturn || first == HTTPBytes.lineFeed else { return }
        guard first == HTTPBytes.carriageReturn, !hasSkippedLine else {
            throw .malformed("The request begins with an empty line.")
        }
        guard let second: UInt8 = buffer.getInteger(at: start + 1) else { return }
        guard second == HTTPBytes.lineFeed else { throw .malformed("The head holds a CR that no LF follows.") }
        buffer.moveReaderIndex(forwardBy: 2)
        frame = HeadFrame()
        hasSkippedLine = true
        try skipEmptyLine(&buffer)
    }

    private static func parse(_ bytes: [UInt8], _ limits: HTTPLimits) throws(HTTPError) -> RequestHead {
        let span = bytes.span
        let line = try RequestLine(span, targetBytesMax: limits.targetBytesMax)
        let fields = try FieldLines.scan(span, from: line.end, fieldsMax: limits.headFieldsMax)
        let framing = try FramingFields(span, fields)
        guard framing.hosts == 1 || framing.hosts == 0 && line.version == .http10 else {
            throw .malformed(framing.hosts == 0 ? "HTTP/1.1 needs a Host field." : "Host stands more than once.")
        }
        let body = try framing.framing(line.version) ?? BodyFraming.none
        return RequestHead(
            headers: HeaderBlock(bytes: bytes, fields: fields), method: line.method, version: line.version,
            target: line.target, path: line.path, query: line.query, framing: body,
            keepsConnection: framing.keepsConnection(line.version),
            expectsContinue: framing.expectsContinue && line.version == .http11 && body != .none)
    }
}

/// `METHOD SP target SP HTTP/1.x CR LF`, with exactly these spaces.
private struct RequestLine {
    var method: RequestHead.Method
    var target: Range<Int>
    var path: Range<Int>
    var query: Range<Int>?
    var version: HTTPVersion
    /// Where the line behind it begins.
    var end: Int

    init(_ bytes: Span<UInt8>, targetBytesMax: Int) throws(HTTPError) {
        var index = 0
        while HTTPBytes.isToken(bytes[index]) { index += 1 }
        guard index > 0, bytes[index] == HTTPBytes.space else { throw .malformed("The request line has no method.") }
        method = Self.method(bytes, 0..<index)
        let start = index + 1
        index = start
        while bytes[index] > HTTPBytes.space, bytes[index] < 127, bytes[index] != UInt8(ascii: "#") { index += 1 }
        guard index > start, bytes[index] == HTTPBytes.space else {
            throw .malformed("The request line holds no request target, or one with a byte that a URI may not hold.")
        }
        target = start..<index
        guard target.count <= targetBytesMax else {
            throw HTTPError(.targetTooLong, "The request target is longer than \(targetBytesMax) bytes.")
        }
        let versionStart = index + 1
        index = versionStart
        while bytes[index] != HTTPBytes.carriageReturn, bytes[index] != HTTPBytes.lineFeed { index += 1 }
        version = try Self.version(bytes, versionStart..<index)
        guard bytes[index] == HTTPBytes.carriageReturn, bytes[index + 1] == HTTPBytes.lineFeed else {
            throw .malformed("The head holds a CR that no LF follows.")
        }
        end = index + 2
        path = target
        try splitTarget(bytes)
    }

    /// `HTTP/1.1` or `HTTP/1.0`; another number is a version that is not spoken here, anything else is no version.
    private static func version(_ bytes: Span<UInt8>, _ range: Range<Int>) throws(HTTPError) -> HTTPVersion {
        let start = range.lowerBound
        guard range.count == 8, bytes[start] == UInt8(ascii: "H"), bytes[start + 1] == UInt8(ascii: "T"),
            bytes[start + 2] == UInt8(ascii: "T"), bytes[start + 3] == UInt8(ascii: "P"),
            bytes[start + 4] == UInt8(ascii: "/"), bytes[start + 6] == UInt8(ascii: "."),
            let major = HTTPBytes.digit(bytes[start + 5]), let minor = HTTPBytes.digit(bytes[start + 7])
        else { throw .malformed("The request line does not end in an HTTP version.") }
        switch (major, minor) {
        case (1, 1): return .http11
        case (1, 0): return .http10
        default: throw HTTPError(.unsupportedVersion, "Only HTTP/1.1 and HTTP/1.0 are spoken here.")
        }
    }

    /// Methods are compared with their case (RFC 9110, section 9.1).
    private static func method(_ bytes: Span<UInt8>, _ range: Range<Int>) -> RequestHead.Method {
        func isMethod(_ name: StaticString) -> Bool {
            name.withUTF8Buffer { name in
                for index in 0..<name.count where bytes[range.lowerBound + index] != name[index] { return false }
                return true
            }
        }
        switch range.count {
        case 3 where isMethod("GET"): return .get
        case 3 where isMethod("PUT"): return .put
        case 4 where isMethod("POST"): return .post
        case 4 where isMethod("HEAD"): return .head
        case 5 where isMethod("PATCH"): return .patch
        case 5 where isMethod("TRACE"): return .trace
        case 6 where isMethod("DELETE"): return .delete
        case 7 where isMethod("OPTIONS"): return .options
        case 7 where isMethod("CONNECT"): return .connect
        default: return .other
        }
    }

    /// Finds path and query (RFC 9112, section 3.2).
    private mutating func splitTarget(_ bytes: Span<UInt8>) throws(HTTPError) {
        var start = target.lowerBound
        if method == .connect {
            path = start..<start
            return
        }
        if bytes[start] == UInt8(ascii: "*"), target.count == 1, method == .options {
            path = start..<start
            return
        }
        if bytes[start] != UInt8(ascii: "/") { start = try Self.authorityEnd(bytes, target) }
        var index = start
        while index < target.upperBound, bytes[index] != UInt8(ascii: "?") { index += 1 }
        path = start..<index
        if index < target.upperBound { query = (index + 1)..<target.upperBound }
    }

    /// Where the path of an absolute-form target begins.
    private static func authorityEnd(_ bytes: Span<UInt8>, _ target: Range<Int>) throws(HTTPError) -> Int {
        func hasPrefix(_ scheme: StaticString) -> Bool {
            let length = scheme.utf8CodeUnitCount
            return target.count > length
                && HTTPBytes.matches(bytes, target.lowerBound..<(target.lowerBound + length), scheme)
        }
        let schemeLength = hasPrefix("http://") ? 7 : hasPrefix("https://") ? 8 : 0
        guard schemeLength > 0 else { throw .malformed("The request target is neither a path nor an absolute http URI.") }
        let start = target.lowerBound + schemeLength
        var index = start
        while index < target.upperBound, bytes[index] != UInt8(ascii: "/"), bytes[index] != UInt8(ascii: "?") { index += 1 }
        guard index > start else { throw .malformed("The absolute request target has no host.") }
        return index
    }
}
