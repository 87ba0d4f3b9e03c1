internal import CloudEvents

/// What is asked of an event, and what is asked next.
///
/// `all`, `any` and `not` are nothing but two arrows on each test, so asking needs neither a stack nor recursion. The tests lie
/// in tables of their own: asking moves no references.
///
///     exact a ──yes──► prefix b ──yes──► accept         all: [exact a, prefix b]
///        └─no─► reject     └─no─► reject
struct PredicateGraph: Sendable {
    /// The verdicts, as arrows: below every index.
    static let accept: Int32 = -1
    static let reject: Int32 = -2

    private struct Predicate: Sendable {
        /// An index of `tests`, or of `expressions`.
        let index: Int32
        let isExpression: Bool
        let whenTrue: Int32
        let whenFalse: Int32
    }

    enum Test {
        case attribute(AttributeTest)
        /// An evaluation error is a no.
        case expression(CESQLExpression)
    }

    private var predicates: [Predicate] = []
    private var tests: [AttributeTest] = []
    private var expressions: [CESQLExpression] = []
    /// The predicate that is asked first, or a verdict.
    var entry = Self.accept

    /// Gives the arrow to the new predicate.
    mutating func add(_ test: Test, whenTrue: Int32, whenFalse: Int32) -> Int32 {
        let (index, isExpression): (Int, Bool)
        switch test {
        case .attribute(let test):
            (index, isExpression) = (tests.count, false)
            tests.append(test)
        case .expression(let expression):
            (index, isExpression) = (expressions.count, true)
            expressions.append(expression)
        }
        predicates.append(
            Predicate(index: Int32(index), isExpression: isExpression, whenTrue: whenTrue, whenFalse: whenFalse))
        return Int32(predicates.count - 1)
    }

    /// Whether an event passes; adds the expressions that ended in an error.
    func passes(_ attributes: Attributes, errors: inout Int) -> Bool {
        tests.withUnsafeBufferPointer { tests in
            var next = entry
            while next >= 0 {
                let predicate = predicates[Int(next)]
                let index = Int(predicate.index)
                let holds =
                    if predicate.isExpression {
                        passes(expressions[index], attributes, errors: &errors)
                    } else {
                        tests[index].holds(for: attributes)
                    }
                next = holds ? predicate.whenTrue : predicate.whenFalse
            }
            return next == Self.accept
        }
    }

    private func passes(_ expression: CESQLExpression, _ attributes: Attributes, errors: inout Int) -> Bool {
        var error: CESQLError.Kind?
        let passes = expression.passes(attributes, firstError: &error)
        errors += error == nil ? 0 : 1
        return passes
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
