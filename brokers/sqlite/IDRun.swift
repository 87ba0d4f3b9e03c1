/// A sorted run of the index of ids: a stretch of the stream of events, each event by the hash of its id.
///
/// It is cut by the hashes' first bits into parts of 256 entries or so, of which a search reads one. An entry is a u64: the first
/// 48 bits of the hash, then the event's place in the run. A part's bytes are a version, its entries ascending, and the CRC-32C
/// of those and of the part's key in the file.
struct IDRun: Equatable {
    /// The first event's offset.
    var first: Int64
    /// Events that it covers, ``eventsMax`` at most; one whose record was damaged has no entry.
    var count: Int
    /// 0 to 8: there are two to the power of it parts.
    var partBits: Int
    /// Append time of the last event, which tells whether the run is of this log.
    var lastTime: Int64

    static let eventsMax = 65_536
    static let partBitsMax = 8
    private static let partEntries = 256
    private static let version: UInt8 = 1
    private static let placeMask: UInt64 = 0xFFFF

    var end: Int64 { first + Int64(count) }
    var range: Range<Int64> { first..<end }
    var parts: Int { 1 << partBits }

    /// Of the run's own numbers: a wrong one would hide events.
    var checksum: UInt32 {
        let numbers = [first, Int64(count), Int64(partBits), lastTime].map(\.littleEndian)
        return CRC32C.finish(numbers.withUnsafeBytes { CRC32C.update(CRC32C.start, $0) })
    }

    /// A part's key in the file.
    func place(of part: Int) -> Int64 { first << Int64(Self.partBitsMax) | Int64(part) }

    /// The part in which a hash stands.
    func part(of hash: UInt64) -> Int { partBits == 0 ? 0 : Int(hash >> UInt64(64 - partBits)) }

    /// A run of the events `first..<first + count`, and its parts' bytes in order.
    static func make(
        first: Int64, count: Int, hashes: [(offset: Int64, hash: UInt64)], lastTime: Int64
    ) -> (run: IDRun, parts: [[UInt8]]) {
        let entries = hashes.map { $0.hash & ~placeMask | UInt64($0.offset - first) & placeMask }.sorted()
        var bits = 0
        while bits < partBitsMax, entries.count >> bits > partEntries { bits += 1 }
        let run = IDRun(first: first, count: count, partBits: bits, lastTime: lastTime)
        var next = 0
        let parts = (0..<run.parts).map { part in
            let start = next
            while next < entries.count, run.part(of: entries[next]) == part { next += 1 }
            return bytes(of: entries[start..<next], place: run.place(of: part))
        }
        return (run, parts)
    }

    private static func bytes(of entries: ArraySlice<UInt64>, place: Int64) -> [UInt8] {
        var bytes: [UInt8] = [version]
        bytes.reserveCapacity(entries.count * 8 + 5)
        for entry in entries { withUnsafeBytes(of: entry.littleEndian) { bytes.append(contentsOf: $0) } }
        let checksum = bytes.withUnsafeBytes { Self.checksum($0, place) }
        withUnsafeBytes(of: checksum.littleEndian) { bytes.append(contentsOf: $0) }
        return bytes
    }

    private static func checksum(_ bytes: UnsafeRawBufferPointer, _ place: Int64) -> UInt32 {
        let state = CRC32C.update(CRC32C.start, bytes)
        return CRC32C.finish(withUnsafeBytes(of: place.littleEndian) { CRC32C.update(state, $0) })
    }

    /// Offsets, ascending, of the events that have this hash as far as the index knows it; nil where the part is damaged.
    func offsets(of hash: UInt64, in bytes: RawSpan) -> [Int64]? {
        let entries = (bytes.byteCount - 5) / 8
        guard bytes.byteCount >= 5, (bytes.byteCount - 5) % 8 == 0 else { return nil }
        let stored = UInt32(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: bytes.byteCount - 4, as: UInt32.self))
        let place = place(of: part(of: hash))
        let computed = bytes.withUnsafeBytes { Self.checksum(UnsafeRawBufferPointer(rebasing: $0.dropLast(4)), place) }
        guard stored == computed, bytes.unsafeLoad(fromByteOffset: 0, as: UInt8.self) == Self.version else { return nil }
        func entry(_ index: Int) -> UInt64 {
            UInt64(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: 1 + index * 8, as: UInt64.self))
        }
        let least = hash & ~Self.placeMask
        var (low, high) = (0, entries)
        while low < high {
            let middle = (low + high) / 2
            if entry(middle) < least { low = middle + 1 } else { high = middle }
        }
        var found: [Int64] = []
        while low < entries, entry(low) & ~Self.placeMask == least {
            found.append(first + Int64(entry(low) & Self.placeMask))
            low += 1
        }
        return found
    }
}
