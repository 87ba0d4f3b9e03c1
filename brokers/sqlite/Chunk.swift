/// Several records in one row: their bytes, then where each of them ends, as u32.
///
/// The ends are cumulative and stand apart from the records, so a record that is damaged hides none but itself.
struct Chunk {
    /// Records a row at most.
    static let recordsMax = 128
    /// Bytes of records a row at most, unless one record alone is larger.
    static let bytesMax = 262_144
    static let endBytes = 4

    private(set) var first: Int64 = 0
    private(set) var firstTime: Int64 = 0
    private(set) var lastTime: Int64 = 0
    private(set) var bytes: [UInt8] = []
    private var ends: [UInt32] = []

    var count: Int { ends.count }

    func takes(_ length: Int) -> Bool { count == 0 || (count < Self.recordsMax && bytes.count + length <= Self.bytesMax) }

    mutating func append(_ record: ArraySlice<UInt8>, offset: Int64, appendedAt: Int64) {
        if ends.isEmpty {
            first = offset
            firstTime = appendedAt
        }
        lastTime = appendedAt
        bytes.append(contentsOf: record)
        EncodedRecords.seal(&bytes, length: record.count, appendedAt: appendedAt, offset: offset)
        ends.append(UInt32(bytes.count))
    }

    /// Puts the ends behind the records: `bytes` is the row's value then.
    mutating func finish() {
        for end in ends { withUnsafeBytes(of: end.littleEndian) { bytes.append(contentsOf: $0) } }
    }

    mutating func clear() {
        bytes.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
    }

    /// Where record `index` of a row of `count` records lies in the row's bytes; nil where the row's bytes cannot be right.
    static func range(of index: Int, count: Int, in bytes: RawSpan) -> Range<Int>? {
        let records = bytes.byteCount - count * endBytes
        guard index >= 0, index < count, records >= 0 else { return nil }
        func end(_ index: Int) -> Int {
            guard index >= 0 else { return 0 }
            return Int(
                UInt32(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: records + index * endBytes, as: UInt32.self)))
        }
        let (lower, upper) = (end(index - 1), end(index))
        guard lower <= upper, upper <= records else { return nil }
        return lower..<upper
    }
}
