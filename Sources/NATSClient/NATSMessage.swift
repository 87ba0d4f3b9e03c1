/// Header fields of a message. Names are case-sensitive, and one name may have several values.
package struct NATSHeaders: Sendable, Equatable, ExpressibleByDictionaryLiteral {
    package struct Field: Sendable, Equatable {
        package var name: String
        package var value: String
    }

    /// In the order of the message; libnats sends them in an order of its own, the values of one name in theirs.
    package private(set) var fields: [Field] = []

    package init() {}

    package init(dictionaryLiteral elements: (String, String)...) {
        fields = elements.map { Field(name: $0.0, value: $0.1) }
    }

    package var isEmpty: Bool { fields.isEmpty }

    /// Adds to the last value what its continuation line says.
    mutating func extendLast(_ text: String) {
        guard let last = fields.indices.last else { return }
        fields[last].value += " " + text
    }

    package mutating func add(_ name: String, _ value: String) { fields.append(Field(name: name, value: value)) }

    /// The first value of a name.
    package subscript(name: String) -> String? { fields.first { Self.same($0.name, name) }?.value }

    /// All values of a name, in the order of the message.
    package func values(of name: String) -> [String] { fields.filter { Self.same($0.name, name) }.map(\.value) }

    /// Bytes, not Swift's canonical equivalence.
    private static func same(_ left: String, _ right: String) -> Bool { left.utf8.elementsEqual(right.utf8) }
}

/// A message as it was published: values only, nothing of libnats.
package struct NATSMessage: Sendable, Equatable {
    package var subject: String
    /// Where an answer goes.
    package var reply: String?
    package var headers: NATSHeaders
    package var payload: [UInt8]

    package init(subject: String, reply: String? = nil, headers: NATSHeaders = [:], payload: [UInt8] = []) {
        self.subject = subject
        self.reply = reply
        self.headers = headers
        self.payload = payload
    }

    /// The inline status of the server (`NATS/1.0 503`); a message that somebody published has none.
    var status: Int?
    var statusText = ""
    /// What a message counts for in limits of bytes.
    var sizeBytes: Int { headers.fields.reduce(payload.count) { $0 + $1.name.utf8.count + $1.value.utf8.count } }
}

/// Subjects: tokens between dots, `*` for one token and `>` for all that follow.
package enum NATSSubject {
    /// What is wrong with a subject, or nil. libnats sends what it is given, and a blank or a line feed would be protocol.
    ///
    /// - Parameter wildcards: whether `*` and `>` may stand for tokens, as in a subscription.
    package static func problem(in subject: String, wildcards: Bool) -> String? {
        if subject.isEmpty { return "a subject is empty" }
        let shown = String(subject.unicodeScalars.prefix(200).map { $0.value < 0x20 ? " " : Character($0) })
        if subject.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F }) {
            return "the subject '\(shown)' holds a blank or a control character"
        }
        let tokens = subject.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        if tokens.contains(where: \.isEmpty) { return "the subject '\(shown)' has an empty token" }
        for (index, token) in tokens.enumerated() {
            let isAll = token.elementsEqual(">".utf8)
            guard isAll || token.elementsEqual("*".utf8) else { continue }
            if !wildcards { return "the subject '\(shown)' has a wildcard, and is published to" }
            if isAll, index != tokens.count - 1 { return "the subject '\(shown)' has '>' before its last token" }
        }
        return nil
    }

    static func check(_ subject: String, wildcards: Bool) throws(NATSError) {
        if let problem = problem(in: subject, wildcards: wildcards) { throw NATSError(.invalidSubject, problem) }
    }
}

extension NATSHeaders {
    /// Refuses what would end a header line or be another's name.
    func check() throws(NATSError) {
        for field in fields {
            let isName = !field.name.isEmpty && field.name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ":") }
            guard isName else { throw NATSError(.invalidArgument, "'\(field.name)' is no header name") }
            let isValue = field.value.utf8.allSatisfy { $0 != 0x0A && $0 != 0x0D && $0 != 0 }
            guard isValue else { throw NATSError(.invalidArgument, "the header \(field.name) holds a line break or NUL") }
        }
    }
}
