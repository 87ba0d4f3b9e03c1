import NIOCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Finds where a head ends, over as many reads as it takes, without looking at a byte twice.
///
/// Every line has to end in CR LF: a bare LF is refused as soon as it is seen, so that no head waits for an end that it will
/// not have (RFC 9112, section 2.2 lets a recipient choose; a lenient one is what smuggling needs).
struct HeadFrame {
    /// Bytes from the reader index that were looked at.
    private var scanned = 0
    /// Where the line begins that is not yet whole.
    private var lineStart = 0

    private enum Found {
        case nothing
        case bareLineFeed
        case end(Int)
    }

    /// The length of the head, its empty last line included; nil where more is needed.
    mutating func end(in buffer: ByteBuffer, bytesMax: Int) throws(HTTPError) -> Int? {
        let found = buffer.withUnsafeReadableBytes { bytes in scan(bytes) }
        switch found {
        case .bareLineFeed:
            throw .malformed("A line of the head ends in a bare line feed; it has to end in CR LF.")
        case .end(let length):
            guard length <= bytesMax else { throw tooLarge(bytesMax) }
            self = HeadFrame()
            return length
        case .nothing:
            guard scanned < bytesMax else { throw tooLarge(bytesMax) }
            return nil
        }
    }

    private mutating func scan(_ bytes: UnsafeRawBufferPointer) -> Found {
        guard let base = bytes.baseAddress else { return .nothing }
        while scanned < bytes.count {
            guard let hit = memchr(base + scanned, Int32(HTTPBytes.lineFeed), bytes.count - scanned) else {
                scanned = bytes.count
                return .nothing
            }
            let lineFeed = UnsafeRawPointer(hit) - base
            guard lineFeed > lineStart, bytes[lineFeed - 1] == HTTPBytes.carriageReturn else { return .bareLineFeed }
            if lineFeed == lineStart + 1, lineStart > 0 { return .end(lineFeed + 1) }
            scanned = lineFeed + 1
            lineStart = scanned
        }
        return .nothing
    }

    private func tooLarge(_ bytesMax: Int) -> HTTPError {
        HTTPError(.headTooLarge, "The head is larger than \(bytesMax) bytes.")
    }
}
