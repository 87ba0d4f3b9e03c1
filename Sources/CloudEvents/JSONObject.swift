/// One member of an event's object, and where it stands.
struct JSONMember {
    enum Key: Equatable {
        case core(CoreAttribute)
        case data
        case dataBase64
        case other
    }

    var key: Key
    /// The name's bytes, without quotes.
    var name: Range<Int>
    /// Whether the name's bytes hold escapes, so that they are not the name itself.
    var isNameEscaped: Bool
    /// The value with its quotes or brackets.
    var value: Range<Int>
    var kind: JSONKind

    /// Where the member begins: its name's opening quote.
    var start: Int { name.lowerBound - 1 }
    /// The text between a string's quotes.
    var text: Range<Int> { value.lowerBound + 1..<value.upperBound - 1 }

    /// The name itself.
    func nameBytes(_ bytes: Span<UInt8>) -> [UInt8] {
        if isNameEscaped { return JSONScanner.unescaped(bytes.extracting(name)) ?? [] }
        return bytes.extracting(name).withUnsafeBufferPointer { Array($0) }
    }
}

/// An event's object as one scan of the text left it: its members, nothing built.
struct JSONObject {
    var members: [JSONMember] = []
    /// From `{` to `}`.
    var range = 0..<0

    /// Reads the text of one event: the object, and white space or a byte order mark around it.
    init(whole bytes: Span<UInt8>, limits: FormatLimits) throws(CloudEventError) {
        var scanner = JSONScanner(nestingMax: limits.nesting)
        scanner.skipByteOrderMark(bytes)
        guard scanner.next(bytes) == 0x7B else { throw scanner.failure(bytes, "a JSON object that holds the event is needed") }
        try self.init(bytes, &scanner, limits: limits)
        try scanner.finish(bytes)
    }

    /// Reads an object from its `{` on. Refuses names that are none, and names that stand twice.
    init(_ bytes: Span<UInt8>, _ scanner: inout JSONScanner, limits: FormatLimits) throws(CloudEventError) {
        let start = scanner.position
        members.reserveCapacity(16)
        try scanner.enter(0)
        var seen: UInt16 = 0
        if scanner.next(bytes) == 0x7D {
            scanner.position += 1
        } else {
            repeat {
                let member = try Self.member(bytes, &scanner)
                try refuseDuplicate(of: member, bytes, &seen)
                members.append(member)
                // Two more than attributes, for `data` and what may stand beside it.
                guard members.count <= limits.attributes + 2 else { throw AttributeRules.tooMany(limits.attributes) }
            } while try scanner.another(bytes, close: 0x7D)
        }
        range = start..<scanner.position
    }

    private static func member(_ bytes: Span<UInt8>, _ scanner: inout JSONScanner) throws(CloudEventError) -> JSONMember {
        guard scanner.next(bytes) == 0x22 else { throw scanner.failure(bytes, "a member's name in double quotes is needed") }
        let nameStart = scanner.position + 1
        let escaped = try scanner.string(bytes)
        let name = nameStart..<scanner.position - 1
        let key: JSONMember.Key
        if escaped {
            let decoded = JSONScanner.unescaped(bytes.extracting(name)) ?? []
            key = try self.key(decoded.span)
        } else {
            key = try self.key(bytes.extracting(name))
        }
        try scanner.colon(bytes)
        _ = scanner.next(bytes)
        let valueStart = scanner.position
        let kind = try scanner.value(bytes, depth: 1)
        return JSONMember(key: key, name: name, isNameEscaped: escaped, value: valueStart..<scanner.position, kind: kind)
    }

    private static func key(_ name: Span<UInt8>) throws(CloudEventError) -> JSONMember.Key {
        guard AttributeRules.isName(name) else {
            if ASCII.equal(name, "data") { return .data }
            if ASCII.equal(name, "data_base64") { return .dataBase64 }
            throw AttributeRules.invalidName(name, of: "member")
        }
        return CoreAttribute(ignoringCase: name).map { .core($0) } ?? .other
    }

    private func refuseDuplicate(
        of member: JSONMember, _ bytes: Span<UInt8>, _ seen: inout UInt16
    ) throws(CloudEventError) {
        var isDuplicate = false
        switch member.key {
        case .core(let attribute):
            isDuplicate = seen & attribute.bit != 0
            seen |= attribute.bit
        case .data, .dataBase64:
            for other in members where other.key == member.key { isDuplicate = true }
        case .other:
            for other in members where other.key == .other && Self.sameName(other, member, bytes) { isDuplicate = true }
        }
        guard !isDuplicate else { throw AttributeRules.duplicate(name(of: member, bytes), "member") }
    }

    private static func sameName(_ left: JSONMember, _ right: JSONMember, _ bytes: Span<UInt8>) -> Bool {
        if left.isNameEscaped || right.isNameEscaped { return left.nameBytes(bytes) == right.nameBytes(bytes) }
        guard left.name.count == right.name.count else { return false }
        for offset in 0..<left.name.count
        where bytes[left.name.lowerBound + offset] != bytes[right.name.lowerBound + offset] { return false }
        return true
    }

    func name(of member: JSONMember, _ bytes: Span<UInt8>) -> String {
        switch member.key {
        case .core(let attribute): return attribute.text
        case .data: return "data"
        case .dataBase64: return "data_base64"
        case .other:
            if member.isNameEscaped { return String(decoding: member.nameBytes(bytes), as: UTF8.self) }
            return UnicodeText.string(bytes.extracting(member.name))
        }
    }
}
