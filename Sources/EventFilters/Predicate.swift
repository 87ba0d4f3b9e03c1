internal import CloudEvents

/// One attribute held against one value, and what is asked next.
///
/// A filter is a graph of these: `all`, `any` and `not` are nothing but the two arrows, so asking needs neither a stack nor
/// recursion.
///
///     exact a ──yes──► prefix b ──yes──► accept         all: [exact a, prefix b]
///        └─no─► reject     └─no─► reject
struct Predicate: Sendable {
    enum Test: Sendable {
        case equal
        case prefix
        case suffix
        case present
    }

    /// The verdicts, as arrows: below every index.
    static let accept: Int32 = -1
    static let reject: Int32 = -2

    let test: Test
    let name: [UInt8]
    let value: [UInt8]
    let whenTrue: Int32
    let whenFalse: Int32

    @inline(__always)
    func next(for attributes: Attributes) -> Int32 { holds(for: attributes) ? whenTrue : whenFalse }

    func holds(for attributes: Attributes) -> Bool {
        for attribute in attributes where equal(attribute.name, name) {
            return test == .present || holds(for: attribute.value)
        }
        return false
    }

    private func holds(for seen: AttributeValue) -> Bool {
        switch seen {
        case .string(let text), .uri(let text), .uriReference(let text), .timestamp(let text): holds(for: text)
        case .boolean, .integer, .binary: holds(for: seen.text)
        }
    }

    private func holds(for text: String) -> Bool {
        switch test {
        case .present: true
        case .equal: equal(text, value)
        case .prefix: withBytes(of: text) { $0.count >= value.count && same($0[..<value.count]) }
        case .suffix: withBytes(of: text) { $0.count >= value.count && same($0[($0.count - value.count)...]) }
        }
    }

    private func same(_ slice: Slice<UnsafeBufferPointer<UInt8>>) -> Bool { slice.elementsEqual(value) }
}

/// Whether a text is these bytes. Counts first: most comparisons end there.
private func equal(_ text: String, _ bytes: [UInt8]) -> Bool {
    text.utf8.count == bytes.count && withBytes(of: text) { $0.elementsEqual(bytes) }
}

/// A native string gives its bytes as they lie; one that does not (a bridged one, off Linux) is copied.
@inline(__always)
private func withBytes(of text: String, _ body: (UnsafeBufferPointer<UInt8>) -> Bool) -> Bool {
    if let result = text.utf8.withContiguousStorageIfAvailable(body) { return result }
    return Array(text.utf8).withUnsafeBufferPointer(body)
}
