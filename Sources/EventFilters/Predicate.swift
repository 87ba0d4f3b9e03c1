internal import CloudEvents

/// One attribute held against one value, or one CESQL expression, and what is asked next.
///
/// A filter is a graph of these: `all`, `any` and `not` are nothing but the two arrows, so asking needs neither a stack nor
/// recursion.
///
///     exact a ──yes──► prefix b ──yes──► accept         all: [exact a, prefix b]
///        └─no─► reject     └─no─► reject
struct Predicate: Sendable {
    /// The verdicts, as arrows: below every index.
    static let accept: Int32 = -1
    static let reject: Int32 = -2

    let test: Test
    let whenTrue: Int32
    let whenFalse: Int32

    enum Test: Sendable {
        case attribute(AttributeTest)
        /// An evaluation error is a no.
        case expression(CESQLExpression)
    }

    func holds(for attributes: Attributes, errors: inout Int) -> Bool {
        switch test {
        case .attribute(let test): return test.holds(for: attributes)
        case .expression(let expression):
            var error: CESQLError.Kind?
            let passes = expression.passes(attributes, firstError: &error)
            errors += error == nil ? 0 : 1
            return passes
        }
    }
}

/// One attribute held against one value, both as bytes of the canonical text.
struct AttributeTest: Sendable, Hashable {
    enum Relation: Sendable {
        case equal
        case prefix
        case suffix
        case present
    }

    let name: AttributeName
    let relation: Relation
    let value: [UInt8]

    init(_ item: AttributePredicate, _ relation: Relation) {
        self.init(AttributeName(item.name), relation, item.value)
    }

    init(_ name: AttributeName, _ relation: Relation, _ value: String = "") {
        self.name = name
        self.relation = relation
        self.value = Array(value.utf8)
    }

    func holds(for attributes: Attributes) -> Bool {
        guard let index = attributes.firstIndex(of: name) else { return false }
        if relation == .present { return true }
        return switch attributes.value(at: index) {
        case .string(let text), .uri(let text), .uriReference(let text), .timestamp(let text): holds(for: text)
        case let other: holds(for: other.text)
        }
    }

    private func holds(for text: String) -> Bool {
        switch relation {
        case .present: true
        case .equal: hasSameBytes(text, value)
        case .prefix: holds(for: text) { UnsafeBufferPointer(rebasing: $0.prefix($1)) }
        case .suffix: holds(for: text) { UnsafeBufferPointer(rebasing: $0.suffix($1)) }
        }
    }

    @inline(__always)
    private func holds(
        for text: String, _ part: (UnsafeBufferPointer<UInt8>, Int) -> UnsafeBufferPointer<UInt8>
    ) -> Bool {
        guard text.utf8.count >= value.count else { return false }
        return withUTF8(of: text) { text in value.withUnsafeBufferPointer { isSame(part(text, $0.count), $0) } }
    }
}
