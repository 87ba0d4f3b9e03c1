/// Walks over JSON that librdkafka wrote: enough for its statistics, and not meant for what strangers send.
struct JSONScanner {
    private let bytes: [UInt8]
    private var index = 0
    /// Whether it was no JSON; then all that is read is empty.
    private(set) var failed = false

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Calls `member` with each name of the object that stands here; it must read or skip the value.
    mutating func object(_ member: (String, inout JSONScanner) -> Void) {
        guard take("{") else { return fail() }
        if take("}") { return }
        repeat {
            guard let name = string(), take(":") else { return fail() }
            member(name, &self)
            if failed { return }
        } while take(",")
        if !take("}") { fail() }
    }

    /// The integer that stands here, or nil; passes whatever it is.
    mutating func integer() -> Int64? {
        skipSpace()
        let start = index
        skip()
        return failed ? nil : Int64(String(decoding: bytes[start..<index], as: UTF8.self))
    }

    /// Passes one value of any kind.
    mutating func skip() {
        skipSpace()
        switch peek {
        case UInt8(ascii: "\""):
            if string() == nil { fail() }
        case UInt8(ascii: "{"): object { _, scanner in scanner.skip() }
        case UInt8(ascii: "["):
            index += 1
            if take("]") { return }
            repeat {
                skip()
                if failed { return }
            } while take(",")
            if !take("]") { fail() }
        default:
            let start = index
            while let byte = peek, byte > UInt8(ascii: " "), !Self.ends.contains(byte) { index += 1 }
            if index == start { fail() }
        }
    }

    /// Bytes that end a number or a word.
    private static let ends = Array(",]}:".utf8)

    private var peek: UInt8? { index < bytes.count ? bytes[index] : nil }

    private mutating func fail() {
        failed = true
        index = bytes.count
    }

    private mutating func skipSpace() {
        while let byte = peek, byte <= UInt8(ascii: " ") { index += 1 }
    }

    private mutating func take(_ sign: Unicode.Scalar) -> Bool {
        skipSpace()
        guard peek == UInt8(ascii: sign) else { return false }
        index += 1
        return true
    }

    /// Names of topics and of fields: librdkafka escapes nothing in them, so an escape is only passed.
    private mutating func string() -> String? {
        guard take("\"") else { return nil }
        let start = index
        while let byte = peek, byte != UInt8(ascii: "\"") { index += byte == UInt8(ascii: "\\") ? 2 : 1 }
        guard index < bytes.count else { return nil }
        defer { index += 1 }
        return String(decoding: bytes[start..<index], as: UTF8.self)
    }
}
