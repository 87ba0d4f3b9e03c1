internal import ApusPorts

/// How far a record, or a row of traces, has been read, and where its fields end.
struct ByteInput {
    var index: Int
    let end: Int

    private mutating func take(_ count: Int) throws(RecordFault) -> Range<Int> {
        guard count >= 0, count <= end - index else { throw RecordFault("a field reaches beyond its end") }
        defer { index += count }
        return index..<index + count
    }

    mutating func number<Number: FixedWidthInteger & BitwiseCopyable>(
        _ bytes: RawSpan, as type: Number.Type = Number.self
    ) throws(RecordFault) -> Number {
        let place = try take(MemoryLayout<Number>.size)
        return Number(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: place.lowerBound, as: Number.self))
    }

    /// An unsigned LEB128 that counts things of at least one byte each, so it is never larger than what is left.
    mutating func count(_ bytes: RawSpan) throws(RecordFault) -> Int {
        var value: UInt = 0
        for shift in stride(from: UInt(0), to: 63, by: 7) {
            let byte: UInt8 = try number(bytes)
            value |= UInt(byte & 0x7F) << shift
            guard byte >= 0x80 else {
                guard value <= UInt(end - index) else { throw RecordFault("a field reaches beyond its end") }
                return Int(value)
            }
        }
        throw RecordFault("a length does not end")
    }

    /// An unsigned LEB128 of any value.
    mutating func unsigned(_ bytes: RawSpan) throws(RecordFault) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            let byte: UInt8 = try number(bytes)
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        throw RecordFault("a number does not end")
    }

    /// A zigzag number: 0, -1, 1, -2, … as 0, 1, 2, 3, …
    mutating func signed(_ bytes: RawSpan) throws(RecordFault) -> Int64 {
        let value = try unsigned(bytes)
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    /// Where the text or the bytes that come next lie.
    mutating func place(_ bytes: RawSpan) throws(RecordFault) -> Range<Int> { try take(try count(bytes)) }

    mutating func bytes(_ bytes: RawSpan) throws(RecordFault) -> [UInt8] {
        let place = try place(bytes)
        return bytes.withUnsafeBytes { [UInt8]($0[place]) }
    }

    mutating func text(_ bytes: RawSpan) throws(RecordFault) -> String {
        let place = try place(bytes)
        return bytes.withUnsafeBytes { String(decoding: $0[place], as: UTF8.self) }
    }

    mutating func position(_ bytes: RawSpan) throws(RecordFault) -> Position {
        let lane: Int32 = try number(bytes)
        return Position(lane: lane, offset: try number(bytes))
    }
}
