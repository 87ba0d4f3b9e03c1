package import ApusPorts
internal import CloudEvents

/// Makes bytes of records, on the thread that appends them: in one buffer, whose size is counted first.
package enum RecordEncoder {
    package static func encode(_ records: [EventRecord]) -> EncodedRecords {
        var ends: [Int] = []
        ends.reserveCapacity(records.count)
        var total = 0
        var largest = 0
        for record in records {
            let size = size(of: record)
            total += size
            largest = max(largest, size)
            ends.append(total)
        }
        let bytes = [UInt8](unsafeUninitializedCapacity: total) { buffer, count in
            var output = ByteOutput(UnsafeMutableRawBufferPointer(buffer))
            for record in records { write(record, to: &output) }
            count = output.position
        }
        precondition(bytes.count == total, "A record takes the bytes that were counted for it.")
        return EncodedRecords(bytes: bytes, ends: ends, largest: largest)
    }

    private static func size(of record: EventRecord) -> Int {
        var size = RecordFormat.headBytes + 2 + counted(record.body.count) + RecordFormat.tailBytes
        if let type = record.contentType { size += counted(type.utf8.count) }
        size += varintBytes(record.attributes.count) + varintBytes(record.headers.count)
        for attribute in record.attributes {
            size += 1 + counted(attribute.name.utf8.count)
            switch attribute.value {
            case .boolean: size += 1
            case .integer: size += 4
            case .binary(let bytes): size += counted(bytes.count)
            case .string(let text), .uri(let text), .uriReference(let text), .timestamp(let text):
                size += counted(text.utf8.count)
            }
        }
        for header in record.headers { size += counted(header.name.utf8.count) + counted(header.value.utf8.count) }
        if let cause = record.cause { size += counted(cause.trigger.utf8.count) + 12 }
        if let dead = record.deadLetter {
            size += counted(dead.trigger.utf8.count) + 12 + 1 + 8 + counted(dead.destination.utf8.count) + 8
            size += counted(dead.body.count) + 16
        }
        return size
    }

    private static func write(_ record: EventRecord, to output: inout ByteOutput) {
        let start = output.position
        output.put(UInt32(0))
        output.put(RecordFormat.version)
        output.put(flags(of: record).rawValue)
        output.put(record.hops)
        output.put(bytes: record.body)
        if let type = record.contentType { output.put(text: type) }
        output.put(varint: record.attributes.count)
        for attribute in record.attributes { write(attribute, to: &output) }
        output.put(varint: record.headers.count)
        for header in record.headers {
            output.put(text: header.name)
            output.put(text: header.value)
        }
        if let cause = record.cause {
            output.put(text: cause.trigger)
            write(cause.position, to: &output)
        }
        if let dead = record.deadLetter { write(dead, to: &output) }
        let length = output.position - start + RecordFormat.tailBytes
        output.put(UInt32(truncatingIfNeeded: length), at: start)
        let state = CRC32C.update(CRC32C.start, output.written(from: start))
        output.put(Int64(0))
        output.put(state)
    }

    private static func flags(of record: EventRecord) -> RecordFormat.Flag {
        var flags: RecordFormat.Flag = []
        if record.mode == .structured { flags.insert(.structured) }
        if record.contentType != nil { flags.insert(.contentType) }
        if record.cause != nil { flags.insert(.cause) }
        if record.deadLetter != nil { flags.insert(.deadLetter) }
        return flags
    }

    private static func write(_ attribute: Attribute, to output: inout ByteOutput) {
        func put(_ kind: RecordFormat.Kind) {
            output.put(kind.rawValue)
            output.put(text: attribute.name)
        }
        switch attribute.value {
        case .boolean(let value):
            put(.boolean)
            output.put(value ? UInt8(1) : 0)
        case .integer(let value):
            put(.integer)
            output.put(value)
        case .binary(let bytes):
            put(.binary)
            output.put(bytes: bytes)
        case .string(let text):
            put(.string)
            output.put(text: text)
        case .uri(let text):
            put(.uri)
            output.put(text: text)
        case .uriReference(let text):
            put(.uriReference)
            output.put(text: text)
        case .timestamp(let text):
            put(.timestamp)
            output.put(text: text)
        }
    }

    private static func write(_ position: Position, to output: inout ByteOutput) {
        output.put(position.lane)
        output.put(position.offset)
    }

    private static func write(_ dead: DeadLetter, to output: inout ByteOutput) {
        output.put(text: dead.trigger)
        write(dead.position, to: &output)
        output.put(RecordFormat.number(of: dead.reason))
        output.put(Int64(dead.attempts))
        output.put(text: dead.destination)
        output.put(Int64(dead.status))
        output.put(bytes: dead.body)
        output.put(dead.firstAttemptAt.nanoseconds)
        output.put(dead.lastAttemptAt.nanoseconds)
    }

    private static func counted(_ length: Int) -> Int { varintBytes(length) + length }

    private static func varintBytes(_ value: Int) -> Int {
        var rest = value >> 7
        var bytes = 1
        while rest != 0 {
            rest >>= 7
            bytes += 1
        }
        return bytes
    }
}

/// A place to write bytes to, which stops the process rather than leave its bounds.
private struct ByteOutput {
    private let buffer: UnsafeMutableRawBufferPointer
    private(set) var position = 0

    init(_ buffer: UnsafeMutableRawBufferPointer) { self.buffer = buffer }

    func written(from start: Int) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: buffer[start..<position]) }

    mutating func put(_ value: some FixedWidthInteger) {
        put(value, at: position)
        position += value.bitWidth / 8
    }

    func put(_ value: some FixedWidthInteger, at place: Int) {
        withUnsafeBytes(of: value.littleEndian) { copy($0, at: place) }
    }

    mutating func put(varint value: Int) {
        var rest = UInt(value)
        while rest >= 0x80 {
            put(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        put(UInt8(truncatingIfNeeded: rest))
    }

    mutating func put(bytes: [UInt8]) {
        put(varint: bytes.count)
        bytes.withUnsafeBytes { copy($0, at: position) }
        position += bytes.count
    }

    mutating func put(text: String) {
        var text = text
        let count = text.withUTF8 { utf8 in
            put(varint: utf8.count)
            copy(UnsafeRawBufferPointer(utf8), at: position)
            return utf8.count
        }
        position += count
    }

    private func copy(_ bytes: UnsafeRawBufferPointer, at place: Int) {
        guard let source = bytes.baseAddress, let target = buffer.baseAddress, !bytes.isEmpty else { return }
        precondition(place + bytes.count <= buffer.count, "A record takes no more bytes than were counted for it.")
        (target + place).copyMemory(from: source, byteCount: bytes.count)
    }
}
