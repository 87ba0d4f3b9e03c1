package import NIOCore

/// Writes heads of messages (RFC 9112, sections 3, 4 and 5). A body is appended by whoever has it.
package enum HTTPEncoder {
    /// `POST /path HTTP/1.1` and `Host`. `target` and `host` come from a URL that was checked.
    package static func writeRequestLine(_ method: StaticString, target: String, host: String, into buffer: inout ByteBuffer) {
        buffer.writeStaticString(method)
        buffer.writeInteger(HTTPBytes.space)
        buffer.writeString(target)
        buffer.writeStaticString(" HTTP/1.1\r\nHost: ")
        buffer.writeString(host)
        buffer.writeStaticString("\r\n")
    }

    /// The status line. A status without a phrase of its own gets an empty one.
    package static func writeStatusLine(_ status: Int, into buffer: inout ByteBuffer) {
        buffer.writeStaticString("HTTP/1.1 ")
        writeDecimal(status, into: &buffer)
        buffer.writeStaticString(reason(status))
    }

    /// One field. A control character in `value` is written as a space (RFC 9110, section 5.5): no value can begin a new field.
    package static func writeField(_ name: String, _ value: String, into buffer: inout ByteBuffer) {
        buffer.writeString(name)
        buffer.writeStaticString(": ")
        writeValue(value, into: &buffer)
        buffer.writeStaticString("\r\n")
    }

    /// One field whose name, with colon and space, is `start`, e.g. `Content-Length: `.
    package static func writeField(_ start: StaticString, _ value: Int, into buffer: inout ByteBuffer) {
        buffer.writeStaticString(start)
        writeDecimal(value, into: &buffer)
        buffer.writeStaticString("\r\n")
    }

    package static func writeContentLength(_ length: Int, into buffer: inout ByteBuffer) {
        writeField("Content-Length: ", length, into: &buffer)
    }

    /// The empty line that ends a head.
    package static func writeEnd(into buffer: inout ByteBuffer) { buffer.writeStaticString("\r\n") }

    /// A number in decimal digits, without a String in between.
    package static func writeDecimal(_ number: Int, into buffer: inout ByteBuffer) {
        if number < 0 { buffer.writeInteger(UInt8(ascii: "-")) }
        var rest = number.magnitude
        var divisor: UInt = 1
        while rest / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            buffer.writeInteger(UInt8(48 + rest / divisor))
            rest %= divisor
            divisor /= 10
        }
    }

    private static func writeValue(_ value: String, into buffer: inout ByteBuffer) {
        let start = buffer.writerIndex
        let length = buffer.writeString(value)
        for index in start..<(start + length) {
            guard let byte: UInt8 = buffer.getInteger(at: index), !HTTPBytes.isFieldContent(byte) else { continue }
            buffer.setInteger(HTTPBytes.space, at: index)
        }
    }

    private static func reason(_ status: Int) -> StaticString {
        switch status {
        case 100: " Continue\r\n"
        case 200: " OK\r\n"
        case 201: " Created\r\n"
        case 202: " Accepted\r\n"
        case 204: " No Content\r\n"
        case 400: " Bad Request\r\n"
        case 401: " Unauthorized\r\n"
        case 403: " Forbidden\r\n"
        case 404: " Not Found\r\n"
        case 405: " Method Not Allowed\r\n"
        case 408: " Request Timeout\r\n"
        case 409: " Conflict\r\n"
        case 413: " Content Too Large\r\n"
        case 414: " URI Too Long\r\n"
        case 415: " Unsupported Media Type\r\n"
        case 417: " Expectation Failed\r\n"
        case 429: " Too Many Requests\r\n"
        case 431: " Request Header Fields Too Large\r\n"
        case 500: " Internal Server Error\r\n"
        case 501: " Not Implemented\r\n"
        case 502: " Bad Gateway\r\n"
        case 503: " Service Unavailable\r\n"
        case 504: " Gateway Timeout\r\n"
        case 505: " HTTP Version Not Supported\r\n"
        default: " \r\n"
        }
    }
}
