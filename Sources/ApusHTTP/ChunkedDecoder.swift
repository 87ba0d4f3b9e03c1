import CloudEvents
package import NIOCore

/// Takes a chunked body apart, over as many reads as it takes (RFC 9112, section 7.1).
///
/// Strict: a size is hexadecimal digits with an extension or CR LF right behind them; every line ends in CR LF. Extensions and
/// trailers are checked, counted and dropped: a trailer never becomes a header (RFC 9110, section 6.5.1).
package struct ChunkedDecoder: Sendable {
    private enum State: Sendable, Equatable {
        case size(digits: Int)
        case extensions
        case sizeLineFeed
        case data
        case dataCarriageReturn
        case dataLineFeed
        case trailers
        case done
    }

    private var state = State.size(digits: 0)
    /// The chunk's size while it is read, then what of it is still to come.
    private var remaining = 0
    private var bodyBytes = 0
    private var overheadBytes = 0
    private var trailers: [UInt8] = []
    private let limits: HTTPLimits

    package init(limits: HTTPLimits = HTTPLimits()) { self.limits = limits }

    /// Moves what is there from `buffer` to the end of `body`; true once the body is whole. `keeps: false` drops the data.
    package mutating func decode(
        _ buffer: inout ByteBuffer, into body: inout [UInt8], keeps: Bool = true
    ) throws(HTTPError) -> Bool {
        while state != .done, buffer.readableBytes > 0 {
            switch state {
            case .data: takeData(&buffer, &body, keeps)
            case .trailers: try takeTrailers(&buffer)
            default: try takeLine(&buffer)
            }
        }
        return state == .done
    }

    private mutating func takeData(_ buffer: inout ByteBuffer, _ body: inout [UInt8], _ keeps: Bool) {
        let length = min(remaining, buffer.readableBytes)
        if keeps {
            buffer.withUnsafeReadableBytes { body.append(contentsOf: UnsafeRawBufferPointer(rebasing: $0[..<length])) }
        }
        buffer.moveReaderIndex(forwardBy: length)
        remaining -= length
        if remaining == 0 { state = .dataCarriageReturn }
    }

    /// The bytes between data and data: the line of a size and the ends of lines.
    private mutating func takeLine(_ buffer: inout ByteBuffer) throws(HTTPError) {
        while state != .data, state != .trailers, state != .done, let byte: UInt8 = buffer.readInteger() { try step(byte) }
    }

    private mutating func step(_ byte: UInt8) throws(HTTPError) {
        switch state {
        case .size(let digits):
            try stepSize(byte, digits)
        case .extensions:
            if byte == HTTPBytes.carriageReturn {
                state = .sizeLineFeed
            } else {
                guard HTTPBytes.isFieldContent(byte) else { throw .malformed("A chunk extension holds a control character.") }
                try countOverhead(1)
            }
        case .sizeLineFeed:
            guard byte == HTTPBytes.lineFeed else { throw .malformed("The line of a chunk's size does not end in CR LF.") }
            state = remaining == 0 ? .trailers : .data
        case .dataCarriageReturn:
            guard byte == HTTPBytes.carriageReturn else { throw dataEnd }
            state = .dataLineFeed
        case .dataLineFeed:
            guard byte == HTTPBytes.lineFeed else { throw dataEnd }
            state = .size(digits: 0)
        case .data, .trailers, .done: break
        }
    }

    private var dataEnd: HTTPError { .malformed("A chunk's data is not followed by CR LF.") }

    private mutating func stepSize(_ byte: UInt8, _ digits: Int) throws(HTTPError) {
        if let digit = HTTPBytes.hexDigit(byte) {
            guard digits < 15 else { throw .malformed("A chunk's size has more than 15 digits.") }
            remaining = (digits == 0 ? 0 : remaining * 16) + digit
            state = .size(digits: digits + 1)
            return
        }
        guard digits > 0, byte == HTTPBytes.carriageReturn || byte == UInt8(ascii: ";") else {
            throw .malformed("A chunk's size is not hexadecimal digits with an extension or CR LF behind them.")
        }
        guard remaining <= limits.bodyBytesMax - bodyBytes else {
            throw HTTPError(.bodyTooLarge, "The body is larger than \(limits.bodyBytesMax) bytes.")
        }
        bodyBytes += remaining
        state = byte == HTTPBytes.carriageReturn ? .sizeLineFeed : .extensions
    }

    /// Trailers are gathered a line at a time, and each is read by the reader of field lines.
    private mutating func takeTrailers(_ buffer: inout ByteBuffer) throws(HTTPError) {
        while state == .trailers, let byte: UInt8 = buffer.readInteger() {
            trailers.append(byte)
            try countOverhead(1)
            guard byte == HTTPBytes.lineFeed else { continue }
            if trailers.count == 2, trailers[0] == HTTPBytes.carriageReturn {
                state = .done
            } else {
                trailers.append(HTTPBytes.carriageReturn)
                trailers.append(HTTPBytes.lineFeed)
                _ = try FieldLines.scan(trailers.span, from: 0, fieldsMax: 1)
            }
            trailers.removeAll(keepingCapacity: true)
        }
    }

    private mutating func countOverhead(_ bytes: Int) throws(HTTPError) {
        overheadBytes += bytes
        guard overheadBytes <= limits.chunkOverheadBytesMax else {
            throw HTTPError(
                .headTooLarge, "Chunk extensions and trailers are larger than \(limits.chunkOverheadBytesMax) bytes together.")
        }
    }
}
