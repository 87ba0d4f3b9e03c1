/// A hash of event ids under a key that nobody outside knows (SipHash-2-4): ids are a stranger's choice, and without the key none
/// can be found that share a hash.
package struct IDHash: Sendable, Equatable {
    private let key: (low: UInt64, high: UInt64)

    /// Bytes that are missing count as zero.
    package init(key bytes: [UInt8]) {
        func word(_ start: Int) -> UInt64 {
            bytes.dropFirst(start).prefix(8).enumerated().reduce(0) { $0 | UInt64($1.element) << UInt64($1.offset * 8) }
        }
        key = (word(0), word(8))
    }

    package static func == (left: IDHash, right: IDHash) -> Bool { left.key == right.key }

    package func hash(_ text: String) -> UInt64 {
        var text = text
        return text.withUTF8 { hash(UnsafeRawBufferPointer($0)) }
    }

    package func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var state = State(key)
        var place = 0
        while place + 8 <= bytes.count {
            state.take(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self)))
            place += 8
        }
        var last = UInt64(truncatingIfNeeded: bytes.count) << 56
        var shift: UInt64 = 0
        while place < bytes.count {
            last |= UInt64(bytes[place]) << shift
            shift += 8
            place += 1
        }
        state.take(last)
        return state.finish()
    }

    private struct State {
        private var v: (UInt64, UInt64, UInt64, UInt64)

        init(_ key: (low: UInt64, high: UInt64)) {
            v = (
                key.low ^ 0x736F_6D65_7073_6575, key.high ^ 0x646F_7261_6E64_6F6D, key.low ^ 0x6C79_6765_6E65_7261,
                key.high ^ 0x7465_6462_7974_6573
            )
        }

        @inline(__always)
        mutating func take(_ word: UInt64) {
            v.3 ^= word
            round()
            round()
            v.0 ^= word
        }

        mutating func finish() -> UInt64 {
            v.2 ^= 0xFF
            for _ in 0..<4 { round() }
            return v.0 ^ v.1 ^ v.2 ^ v.3
        }

        @inline(__always)
        private mutating func round() {
            v.0 &+= v.1
            v.2 &+= v.3
            v.1 = Self.turned(v.1, 13) ^ v.0
            v.3 = Self.turned(v.3, 16) ^ v.2
            v.0 = Self.turned(v.0, 32)
            v.2 &+= v.1
            v.0 &+= v.3
            v.1 = Self.turned(v.1, 17) ^ v.2
            v.3 = Self.turned(v.3, 21) ^ v.0
            v.2 = Self.turned(v.2, 32)
        }

        @inline(__always)
        private static func turned(_ word: UInt64, _ bits: UInt64) -> UInt64 { word &<< bits | word &>> (64 - bits) }
    }
}
