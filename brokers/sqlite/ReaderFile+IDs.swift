internal import ApusPorts
internal import CloudEvents

extension ReaderFile {
    /// Hands the ids of the events of `range` to `body`, with their offsets, in order, until records of `bytesMax` bytes were
    /// looked at; gives where to go on. No checksum is asked, and a record whose bytes are no record is passed over.
    func ids(
        _ range: Range<Int64>, bytesMax: Int, _ body: (Int64, UnsafeRawBufferPointer) -> Void
    ) throws(SQLiteError) -> (next: Int64, bytes: Int) {
        var next = range.lowerBound
        var sum = 0
        try eachRow(.events, from: range.lowerBound) { first, count, bytes in
            // The row before a gap.
            guard first + count > range.lowerBound else { return true }
            sum += bytes.byteCount
            let end = min(first + count, range.upperBound)
            next = max(next, first)
            while next < end {
                if let place = Chunk.range(of: Int(next - first), count: Int(count), in: bytes) {
                    Self.id(in: bytes.extracting(place), offset: next) { body(next, $0) }
                }
                next += 1
            }
            return next < range.upperBound && sum < bytesMax
        }
        // The rows ended: what is missing is not there to be found.
        return (sum < bytesMax ? range.upperBound : min(next, range.upperBound), sum)
    }

    private static func id(in record: RawSpan, offset: Int64, _ body: (UnsafeRawBufferPointer) -> Void) {
        if let place = RecordDecoder.idPlace(in: record) {
            record.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[place])) }
        } else if let record = try? RecordDecoder.decode(record, offset: offset), var id = record.event.attributes.text(of: "id")
        {
            id.withUTF8 { body(UnsafeRawBufferPointer($0)) }
        }
    }
}
