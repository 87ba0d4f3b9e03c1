package import NIOCore

/// Reads one body by its framing into bytes, over as many reads as it takes.
package struct BodyReader: Sendable {
    private enum State: Sendable {
        case done
        case length(Int)
        case chunked(ChunkedDecoder)
        case untilClose(left: Int)
    }

    private var state: State
    private let limits: HTTPLimits

    /// Fails at once where the framing says that the body is larger than `limits.bodyBytesMax`.
    package init(_ framing: BodyFraming, limits: HTTPLimits = HTTPLimits()) throws(HTTPError) {
        self.limits = limits
        switch framing {
        case .none: state = .done
        case .length(let length):
            guard length <= limits.bodyBytesMax else { throw Self.tooLarge(limits) }
            state = .length(length)
        case .chunked: state = .chunked(ChunkedDecoder(limits: limits))
        case .untilClose: state = .untilClose(left: limits.bodyBytesMax)
        }
    }

    /// Moves what is there from `buffer` to the end of `body`; true once the body is whole. `keeps: false` drops the data.
    ///
    /// A body that ends with the connection is never whole here: who sees the connection end knows that it is.
    package mutating func read(
        _ buffer: inout ByteBuffer, into body: inout [UInt8], keeps: Bool = true
    ) throws(HTTPError) -> Bool {
        switch state {
        case .done: return true
        case .length(let left):
            let length = min(left, buffer.readableBytes)
            if keeps, body.isEmpty { body.reserveCapacity(min(left, Self.reservedBytesMax)) }
            Self.move(length, &buffer, &body, keeps)
            state = left == length ? .done : .length(left - length)
            return left == length
        case .chunked(var decoder):
            state = .done
            let isWhole = try decoder.decode(&buffer, into: &body, keeps: keeps)
            if !isWhole { state = .chunked(decoder) }
            return isWhole
        case .untilClose(let left):
            guard buffer.readableBytes <= left else { throw Self.tooLarge(limits) }
            state = .untilClose(left: left - buffer.readableBytes)
            Self.move(buffer.readableBytes, &buffer, &body, keeps)
            return false
        }
    }

    /// A claimed length reserves no more than this before its bytes are there.
    private static let reservedBytesMax = 65_536

    private static func move(_ length: Int, _ buffer: inout ByteBuffer, _ body: inout [UInt8], _ keeps: Bool) {
        if keeps {
            buffer.withUnsafeReadableBytes { body.append(contentsOf: UnsafeRawBufferPointer(rebasing: $0[..<length])) }
        }
        buffer.moveReaderIndex(forwardBy: length)
    }

    private static func tooLarge(_ limits: HTTPLimits) -> HTTPError {
        HTTPError(.bodyTooLarge, "The body is larger than \(limits.bodyBytesMax) bytes.")
    }
}
