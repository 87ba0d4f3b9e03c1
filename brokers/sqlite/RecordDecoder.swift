package import ApusPorts
internal import CloudEvents

/// What is wrong with the bytes of a record.
package struct RecordFault: Error, Equatable {
    package var detail: String

    package init(_ detail: String) { self.detail = detail }
}

/// Reads records. Every format version that was ever written is read for ever.
package enum RecordDecoder {
    /// The record whose bytes are exactly `bytes`, which stands at `offset`.
    package static func decode(_ bytes: RawSpan, offset: Int64) throws(RecordFault) -> LogRecord {
        guard bytes.byteCount >= RecordFormat.headBytes + RecordFormat.tailBytes else { throw RecordFault("it is cut off") }
        guard UInt32(littleEndian: bytes.unsafeLoadUnaligned(as: UInt32.self)) == bytes.byteCount else {
            throw RecordFault("its length is not the one that its chunk gives")
        }
        let end = bytes.byteCount - RecordFormat.tailBytes
        let stored = UInt32(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: end + 8, as: UInt32.self))
        let state = bytes.withUnsafeBytes { CRC32C.update(CRC32C.start, UnsafeRawBufferPointer(rebasing: $0[..<(end + 8)])) }
        let computed = CRC32C.finish(withUnsafeBytes(of: offset.littleEndian) { CRC32C.update(state, $0) })
        guard stored == computed else { throw RecordFault("its checksum does not match") }
        let version = bytes.unsafeLoad(fromByteOffset: 4, as: UInt8.self)
        guard version == RecordFormat.version else {
            throw RecordFault("its format version is \(version), and this build reads up to \(RecordFormat.version)")
        }
        var input = ByteInput(position: RecordFormat.headBytes, end: end)
        let event = try event(bytes, &input)
        guard input.position == end else { throw RecordFault("it has \(end - input.position) bytes too many") }
        let appendedAt = Int64(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: end, as: Int64.self))
        return LogRecord(position: Position(offset: offset), appendedAt: Timestamp(nanoseconds: appendedAt), event: event)
    }

    private static func event(_ bytes: RawSpan, _ input: inout ByteInput) throws(RecordFault) -> EventRecord {
        let flags = RecordFormat.Flag(rawValue: try input.number(bytes))
        guard RecordFormat.Flag.known.isSuperset(of: flags) else { throw RecordFault("it has flags that are not known") }
        let hops: UInt8 = try input.number(bytes)
        let body = try input.bytes(bytes)
        let contentType = flags.contains(.contentType) ? try input.text(bytes) : nil
        var attributes = Attributes()
        for _ in 0..<(try input.count(bytes)) {
            let kind: UInt8 = try input.number(bytes)
            let name = try input.text(bytes)
            attributes.append(name, try value(kind, bytes, &input))
        }
        var headers: [ForwardedHeader] = []
        for _ in 0..<(try input.count(bytes)) {
            let name = try input.text(bytes)
            headers.append(ForwardedHeader(name: name, value: try input.text(bytes)))
        }
        var cause: Cause?
        if flags.contains(.cause) {
            let trigger = try input.text(bytes)
            cause = Cause(trigger: trigger, position: try input.place(bytes))
        }
        let dead = flags.contains(.deadLetter) ? try deadLetter(bytes, &input) : nil
        return EventRecord(
            attributes: attributes, mode: flags.contains(.structured) ? .structured : .binary, contentType: contentType,
            body: body,
            headers: headers, hops: hops, cause: cause, deadLetter: dead)
    }

    private static func value(
        _ kind: UInt8, _ bytes: RawSpan, _ input: inout ByteInput
    ) throws(RecordFault) -> AttributeValue {
        switch RecordFormat.Kind(rawValue: kind) {
        case .boolean: .boolean(try input.number(bytes, as: UInt8.self) != 0)
        case .integer: .integer(try input.number(bytes))
        case .string: .string(try input.text(bytes))
        case .binary: .binary(try input.bytes(bytes))
        case .uri: .uri(try input.text(bytes))
        case .uriReference: .uriReference(try input.text(bytes))
        case .timestamp: .timestamp(try input.text(bytes))
        case nil: throw RecordFault("an attribute has the kind \(kind), which is not known")
        }
    }

    private static func deadLetter(_ bytes: RawSpan, _ input: inout ByteInput) throws(RecordFault) -> DeadLetter {
        let trigger = try input.text(bytes)
        let position = try input.place(bytes)
        let number: UInt8 = try input.number(bytes)
        guard let reason = RecordFormat.reason(number) else {
            throw RecordFault("its reason has the number \(number), which is not known")
        }
        let attempts: Int64 = try input.number(bytes)
        let destination = try input.text(bytes)
        let status: Int64 = try input.number(bytes)
        let body = try input.bytes(bytes)
        let first: Int64 = try input.number(bytes)
        let last: Int64 = try input.number(bytes)
        return DeadLetter(
            trigger: trigger, position: position, reason: reason, attempts: Int(attempts), destination: destination,
            status: Int(status), body: body, firstAttemptAt: Timestamp(nanoseconds: first),
            lastAttemptAt: Timestamp(nanoseconds: last))
    }
}

/// How far a record has been read, and where its fields end.
private struct ByteInput {
    var position: Int
    let end: Int

    private mutating func take(_ count: Int) throws(RecordFault) -> Range<Int> {
        guard count >= 0, count <= end - position else { throw RecordFault("a field reaches beyond its end") }
        defer { position += count }
        return position..<position + count
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
                guard value <= UInt(end - position) else { throw RecordFault("a field reaches beyond its end") }
                return Int(value)
            }
        }
        throw RecordFault("a length does not end")
    }

    mutating func bytes(_ bytes: RawSpan) throws(RecordFault) -> [UInt8] {
        let place = try take(try count(bytes))
        return bytes.withUnsafeBytes { [UInt8]($0[place]) }
    }

    mutating func text(_ bytes: RawSpan) throws(RecordFault) -> String {
        let place = try take(try count(bytes))
        return bytes.withUnsafeBytes { String(decoding: $0[place], as: UTF8.self) }
    }

    mutating func place(_ bytes: RawSpan) throws(RecordFault) -> Position {
        let lane: Int32 = try number(bytes)
        return Position(lane: lane, offset: try number(bytes))
    }
}
