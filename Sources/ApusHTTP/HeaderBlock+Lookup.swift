package import CloudEvents

extension HeaderBlock {
    /// Where the value of the first field of that name lies. `name` is in lower case; fields are compared in any case.
    package func first(named name: StaticString) -> Range<Int>? {
        let span = bytes.span
        for field in fields where HTTPBytes.matches(span, field.name, name) { return field.value }
        return nil
    }

    /// The bytes of the first field of that name, or nil.
    package func value(of name: StaticString) -> ArraySlice<UInt8>? { first(named: name).map { bytes[$0] } }

    /// The value of the first field of that name as text, with what is no UTF-8 replaced; for messages, not for protocols.
    package func text(of name: StaticString) -> String? { value(of: name).map { String(decoding: $0, as: UTF8.self) } }

    /// Whether the first field of that name holds exactly `value`, which is in lower case, in any case of letters.
    package func has(_ name: StaticString, _ value: StaticString) -> Bool {
        guard let range = first(named: name) else { return false }
        return HTTPBytes.matches(bytes.span, range, value)
    }

    /// Whether the first field of that name begins with `prefix`, which is in lower case, in any case of letters.
    package func has(_ name: StaticString, beginningWith prefix: StaticString) -> Bool {
        guard let range = first(named: name), range.count >= prefix.utf8CodeUnitCount else { return false }
        return HTTPBytes.matches(bytes.span, range.lowerBound..<range.lowerBound + prefix.utf8CodeUnitCount, prefix)
    }
}
