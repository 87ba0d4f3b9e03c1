package import ApusPorts
internal import CloudEvents

/// How traces stand on disk: many to a row, those of one commit and of one bucket of 4096 offsets. Vectors:
/// `specs/log/traces.yaml`.
///
///     version   u8   1
///     readers   count, then of each: name text
///     traces    count, then of each:
///         head      u8: the ending (``Ending``), and ``Flag``
///         reader    number in the list above
///         offset    signed, from the trace before; the first from the bucket's first offset
///         began at  signed nanoseconds, from the trace before; the first from 1970
///         duration  microseconds
///         attempt   where the flag says so, else 1
///         status    where the flag says so, else that of the trace before; before the first is 200
///         text      bytes, where the flag says so
///         position  signed lane, signed offset, of a reply or a dead letter
///         due at    signed nanoseconds from began at, of a retry
///     checksum  u32  CRC-32C of all before it and of the bucket as i64
///
/// Numbers are unsigned LEB128, signed ones zigzag. A trace of an event that was delivered at the first attempt takes ten
/// bytes or so. Each row stands by itself: a damaged one hides its own traces and no others.
package enum TraceFormat {
    package static let version: UInt8 = 1
    static let checksumBytes = 4
    /// Offsets a bucket, as a power of two.
    static let bucketBits = 12
    /// Rows a bucket at most, as a power of two.
    static let rowBits = 26
    /// A row is ended above this many bytes.
    static let rowBytesMax = 262_144

    struct Flag {
        static let text: UInt8 = 8
        static let attempt: UInt8 = 16
        static let status: UInt8 = 32
    }

    /// Endings, as they are numbered on disk. Numbers are never used again.
    enum Ending: UInt8 {
        case delivered, replied, retry, dead, abandoned

        static let mask: UInt8 = 7
    }

    package static func bucket(of offset: Int64) -> Int64 { offset >> Int64(bucketBits) }

    /// Where the rows of a bucket begin in the order of rows.
    static func place(of bucket: Int64) -> Int64 { bucket << Int64(rowBits) }

    static func checksum(_ bytes: UnsafeRawBufferPointer, bucket: Int64) -> UInt32 {
        let state = CRC32C.update(CRC32C.start, bytes)
        return CRC32C.finish(withUnsafeBytes(of: bucket.littleEndian) { CRC32C.update(state, $0) })
    }
}

/// A row of traces as it grows.
package struct TraceRow {
    package let bucket: Int64
    /// The least and the greatest offset in it, from the bucket's first.
    private(set) var lowest: Int64 = .max
    private(set) var highest: Int64 = .min
    private var readers: [ReaderKey: UInt64] = [:]
    private var names: [UInt8] = []
    private var traces: [UInt8] = []
    private var count: UInt64 = 0
    private var last: (reader: String, number: UInt64)?
    private var offset: Int64
    private var beganAt: Int64 = 0
    private var status = 200

    package init(bucket: Int64) {
        self.bucket = bucket
        offset = bucket << Int64(TraceFormat.bucketBits)
    }

    var isFull: Bool { traces.count >= TraceFormat.rowBytesMax }

    package mutating func append(_ trace: DeliveryTrace) {
        let place = trace.offset &- bucket << Int64(TraceFormat.bucketBits)
        (lowest, highest) = (min(lowest, place), max(highest, place))
        var head = Self.ending(trace.ending).rawValue
        if !trace.text.isEmpty { head |= TraceFormat.Flag.text }
        if trace.attempt != 1 { head |= TraceFormat.Flag.attempt }
        if trace.status != status { head |= TraceFormat.Flag.status }
        traces.append(head)
        traces.append(unsigned: number(of: trace.reader))
        traces.append(signed: trace.offset &- offset)
        traces.append(signed: trace.beganAt.nanoseconds &- beganAt)
        traces.append(unsigned: UInt64(bitPattern: trace.microseconds))
        if head & TraceFormat.Flag.attempt != 0 { traces.append(unsigned: UInt64(bitPattern: Int64(trace.attempt))) }
        if head & TraceFormat.Flag.status != 0 { traces.append(unsigned: UInt64(bitPattern: Int64(trace.status))) }
        if head & TraceFormat.Flag.text != 0 {
            traces.append(unsigned: UInt64(trace.text.count))
            traces.append(contentsOf: trace.text)
        }
        switch trace.ending {
        case .delivered, .abandoned: break
        case .replied(let position), .dead(let position):
            traces.append(signed: Int64(position.lane))
            traces.append(signed: position.offset)
        case .retry(let dueAt): traces.append(signed: dueAt.nanoseconds &- trace.beganAt.nanoseconds)
        }
        (offset, beganAt, status) = (trace.offset, trace.beganAt.nanoseconds, trace.status)
        count += 1
    }

    /// The row's bytes.
    package func finished() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(names.count + traces.count + 32)
        bytes.append(TraceFormat.version)
        bytes.append(unsigned: UInt64(readers.count))
        bytes.append(contentsOf: names)
        bytes.append(unsigned: count)
        bytes.append(contentsOf: traces)
        let checksum = bytes.withUnsafeBytes { TraceFormat.checksum($0, bucket: bucket) }
        withUnsafeBytes(of: checksum.littleEndian) { bytes.append(contentsOf: $0) }
        return bytes
    }

    private mutating func number(of reader: ReaderName) -> UInt64 {
        // Most commits hold one reader's traces one after another.
        if let last, last.reader.utf8.elementsEqual(reader.utf8) { return last.number }
        let key = ReaderKey(name: reader)
        let number = readers[key] ?? UInt64(readers.count)
        if number == readers.count {
            readers[key] = number
            names.append(unsigned: UInt64(reader.utf8.count))
            names.append(contentsOf: reader.utf8)
        }
        last = (reader, number)
        return number
    }

    private static func ending(_ ending: DeliveryTrace.Ending) -> TraceFormat.Ending {
        switch ending {
        case .delivered: .delivered
        case .replied: .replied
        case .retry: .retry
        case .dead: .dead
        case .abandoned: .abandoned
        }
    }

    /// Swift's own equality of texts is canonical equivalence, which would take two readers for one.
    private struct ReaderKey: Hashable {
        var name: ReaderName

        static func == (left: ReaderKey, right: ReaderKey) -> Bool { left.name.utf8.elementsEqual(right.name.utf8) }

        func hash(into hasher: inout Hasher) {
            var name = name
            name.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        }
    }
}

/// Reads rows of traces. Every format version that was ever written is read for ever.
package enum TraceDecoder {
    /// All traces of a row, in the order in which they were committed.
    package static func decode(_ bytes: RawSpan, bucket: Int64) throws(RecordFault) -> [DeliveryTrace] {
        guard bytes.byteCount > TraceFormat.checksumBytes else { throw RecordFault("it is cut off") }
        let end = bytes.byteCount - TraceFormat.checksumBytes
        let stored = UInt32(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: end, as: UInt32.self))
        let computed = bytes.withUnsafeBytes {
            TraceFormat.checksum(UnsafeRawBufferPointer(rebasing: $0[..<end]), bucket: bucket)
        }
        guard stored == computed else { throw RecordFault("its checksum does not match") }
        var input = ByteInput(index: 0, end: end)
        let version: UInt8 = try input.number(bytes)
        guard version == TraceFormat.version else {
            throw RecordFault("its format version is \(version), and this build reads up to \(TraceFormat.version)")
        }
        var names: [ReaderName] = []
        for _ in 0..<(try input.count(bytes)) { names.append(try input.text(bytes)) }
        let count = try input.count(bytes)
        var traces: [DeliveryTrace] = []
        traces.reserveCapacity(count)
        var last = DeliveryTrace(
            reader: "", offset: bucket << Int64(TraceFormat.bucketBits), attempt: 1, beganAt: Timestamp(nanoseconds: 0),
            microseconds: 0, status: 200, ending: .delivered)
        for _ in 0..<count {
            last = try trace(after: last, names, bytes, &input)
            traces.append(last)
        }
        guard input.index == end else { throw RecordFault("it has \(end - input.index) bytes too many") }
        return traces
    }

    private static func trace(
        after last: DeliveryTrace, _ names: [ReaderName], _ bytes: RawSpan, _ input: inout ByteInput
    ) throws(RecordFault) -> DeliveryTrace {
        var trace = last
        let head: UInt8 = try input.number(bytes)
        let reader = try input.unsigned(bytes)
        guard reader < UInt64(names.count) else { throw RecordFault("a trace has a reader that is not listed") }
        trace.reader = names[Int(reader)]
        trace.offset = last.offset &+ (try input.signed(bytes))
        trace.beganAt = Timestamp(nanoseconds: last.beganAt.nanoseconds &+ (try input.signed(bytes)))
        trace.microseconds = Int64(bitPattern: try input.unsigned(bytes))
        trace.attempt = 1
        if head & TraceFormat.Flag.attempt != 0 { trace.attempt = Int(Int64(bitPattern: try input.unsigned(bytes))) }
        if head & TraceFormat.Flag.status != 0 { trace.status = Int(Int64(bitPattern: try input.unsigned(bytes))) }
        trace.text = head & TraceFormat.Flag.text != 0 ? try input.bytes(bytes) : []
        switch TraceFormat.Ending(rawValue: head & TraceFormat.Ending.mask) {
        case .delivered: trace.ending = .delivered
        case .abandoned: trace.ending = .abandoned
        case .replied: trace.ending = .replied(try position(bytes, &input))
        case .dead: trace.ending = .dead(try position(bytes, &input))
        case .retry:
            trace.ending = .retry(dueAt: Timestamp(nanoseconds: trace.beganAt.nanoseconds &+ (try input.signed(bytes))))
        case nil: throw RecordFault("a trace has an ending that is not known")
        }
        return trace
    }

    private static func position(_ bytes: RawSpan, _ input: inout ByteInput) throws(RecordFault) -> Position {
        guard let lane = Int32(exactly: try input.signed(bytes)) else { throw RecordFault("a lane is too large") }
        return Position(lane: lane, offset: try input.signed(bytes))
    }
}

extension [UInt8] {
    /// Appends an unsigned LEB128.
    fileprivate mutating func append(unsigned value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(truncatingIfNeeded: rest))
    }

    /// Appends a zigzag number.
    fileprivate mutating func append(signed value: Int64) { append(unsigned: UInt64(bitPattern: value &<< 1 ^ value >> 63)) }
}
