internal import ApusPorts

/// How a record stands on disk. Vectors: `specs/log/records.yaml`.
///
///     length  u32   of the whole record, itself included
///     version u8    1
///     flags   u8    ``Flag``
///     hops    u8
///     body          bytes
///     content type  text, where the flag says so
///     attributes    count, then of each: kind u8, name text, value (text; bytes of `binary`; u8 of `boolean`; i32 of `integer`)
///     headers       count, then of each: name text, value text
///     cause         trigger text, lane i32, offset i64, where the flag says so
///     dead letter   where the flag says so; see ``RecordDecoder``
///     appended at   i64, nanoseconds since 1970
///     checksum      u32, CRC-32C of all before it and of the record's offset as i64
///
/// Numbers are little-endian; a count, and the length before text or bytes, is an unsigned LEB128. The time and the checksum
/// stand at the end because the writer knows them last. The offset is summed and not stored: a record in another's place is
/// found.
package enum RecordFormat {
    package static let version: UInt8 = 1
    /// Length, version.
    static let headBytes = 5
    /// Time, checksum.
    static let tailBytes = 12
    /// A record is refused with ``LogError/tooLarge(limit:)`` above this, in bytes: far above what the door lets in.
    package static let recordBytesMax = 67_108_864

    struct Flag: OptionSet {
        var rawValue: UInt8
        static let structured = Flag(rawValue: 1)
        static let contentType = Flag(rawValue: 2)
        static let cause = Flag(rawValue: 4)
        static let deadLetter = Flag(rawValue: 8)
        static let known: Flag = [.structured, .contentType, .cause, .deadLetter]
    }

    /// Kinds of attribute values, as they are numbered on disk.
    enum Kind: UInt8 {
        case boolean, integer, string, binary, uri, uriReference, timestamp
    }

    /// Reasons of dead letters, as they are numbered on disk. Numbers are never used again.
    static func number(of reason: DeadLetter.Reason) -> UInt8 {
        switch reason {
        case .rejected: 0
        case .retriesExhausted: 1
        case .hopsExhausted: 2
        case .unreadable: 3
        case .edited: 4
        }
    }

    static func reason(_ number: UInt8) -> DeadLetter.Reason? {
        DeadLetter.Reason.allCases.first { self.number(of: $0) == number }
    }
}

/// Records as bytes, each without its time and checksum: `seal` puts those in once the writer knows them.
package struct EncodedRecords: Sendable {
    package var bytes: [UInt8]
    /// Where each record ends in `bytes`.
    package var ends: [Int]
    /// The largest record's length in bytes.
    package var largest: Int

    /// Writes the time and the checksum of the record that ends at the end of `bytes`.
    package static func seal(_ bytes: inout [UInt8], length: Int, appendedAt: Int64, offset: Int64) {
        bytes.withUnsafeMutableBytes { raw in
            let tail = raw.count - RecordFormat.tailBytes
            precondition(length <= raw.count && tail >= 0, "A record is sealed where it stands.")
            var state = UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: tail + 8, as: UInt32.self))
            raw.storeBytes(of: appendedAt.littleEndian, toByteOffset: tail, as: Int64.self)
            state = CRC32C.update(state, UnsafeRawBufferPointer(rebasing: raw[tail..<tail + 8]))
            state = withUnsafeBytes(of: offset.littleEndian) { CRC32C.update(state, $0) }
            raw.storeBytes(of: CRC32C.finish(state).littleEndian, toByteOffset: tail + 8, as: UInt32.self)
        }
    }
}
