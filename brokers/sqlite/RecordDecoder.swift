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
        var input = ByteInput(index: RecordFormat.headBytes, end: end)
        let event = try event(bytes, &input)
        guard input.index == end else { throw RecordFault("it has \(end - input.index) bytes too many") }
        let appendedAt = Int64(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: end, as: Int64.self))
        return LogRecord(position: Position(offset: offset), appendedAt: Timestamp(nanoseconds: appendedAt), event: event)
    }

    /// Where the event's id lies in a record; nil where the bytes are none, or the id is no text. Nothing else is looked at, the
    /// checksum neither: who finds something by it reads the record.
    static func idPlace(in bytes: RawSpan) -> Range<Int>? {
        guard bytes.byteCount >= RecordFormat.headBytes + RecordFormat.tailBytes else { return nil }
        var input = ByteInput(index: RecordFormat.headBytes, end: bytes.byteCount - RecordFormat.tailBytes)
        return try? idPlace(bytes, &input)
    }

    private static func idPlace(_ bytes: RawSpan, _ input: inout ByteInput) throws(RecordFault) -> Range<Int>? {
        let flags = RecordFormat.Flag(rawValue: try input.number(bytes))
        _ = try input.number(bytes, as: UInt8.self)
        _ = try input.place(bytes)
        if flags.contains(.contentType) { _ = try input.place(bytes) }
        for _ in 0..<(try input.count(bytes)) {
            let kind: UInt8 = try input.number(bytes)
            let name = try input.place(bytes)
            let isID = name.count == 2 && bytes.withUnsafeBytes { $0[name].elementsEqual("id".utf8) }
            switch RecordFormat.Kind(rawValue: kind) {
            case .boolean: _ = try input.number(bytes, as: UInt8.self)
            case .integer: _ = try input.number(bytes, as: UInt32.self)
            case .string, .binary, .uri, .uriReference, .timestamp:
                let value = try input.place(bytes)
                if isID { return kind == RecordFormat.Kind.binary.rawValue ? nil : value }
            case nil: return nil
            }
            if isID { return nil }
        }
        return nil
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
            cause = Cause(trigger: trigger, position: try input.position(bytes))
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
        let position = try input.position(bytes)
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
