internal import CNATS

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// Header fields of a message. Names are case-sensitive, and one name may have several values.
package struct NATSHeaders: Sendable, Equatable, ExpressibleByDictionaryLiteral {
    package struct Field: Sendable, Equatable {
        package var name: String
        package var value: String
    }

    /// As they are sent. Received ones are sorted by name, because libnats keeps no order; the values of one name keep theirs.
    package private(set) var fields: [Field] = []

    package init() {}

    package init(dictionaryLiteral elements: (String, String)...) {
        fields = elements.map { Field(name: $0.0, value: $0.1) }
    }

    package var isEmpty: Bool { fields.isEmpty }

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

    /// The inline status of the server (`NATS/1.0 503`), which libnats shows as a header: only a message without payload has one.
    var status: Int? { payload.isEmpty ? headers["Status"].flatMap { Int($0) } : nil }
    var statusText: String { headers["Description"] ?? "" }
    /// What a message counts for in limits of bytes.
    var sizeBytes: Int { headers.fields.reduce(payload.count) { $0 + $1.name.utf8.count + $1.value.utf8.count } }
}

extension NATSMessage {
    /// Copies all of a message of libnats; the message stays its owner's.
    init(copying message: OpaquePointer) {
        let length = Int(natsMsg_GetDataLength(message))
        let data = UnsafeRawBufferPointer(start: natsMsg_GetData(message), count: max(0, length))
        self.init(
            subject: natsMsg_GetSubject(message).map { String(cString: $0) } ?? "",
            reply: natsMsg_GetReply(message).map { String(cString: $0) }, headers: Self.headers(of: message),
            payload: Array(data))
    }

    private static func headers(of message: OpaquePointer) -> NATSHeaders {
        var headers = NATSHeaders()
        var names: UnsafeMutablePointer<UnsafePointer<CChar>?>?
        var count: Int32 = 0
        guard natsMsgHeader_Keys(message, &names, &count) == NATS_OK, let names else { return headers }
        defer { free(names) }
        let sorted = (0..<Int(count)).compactMap { names[$0].map { String(cString: $0) } }.sorted()
        for name in sorted {
            var values: UnsafeMutablePointer<UnsafePointer<CChar>?>?
            var valueCount: Int32 = 0
            guard natsMsgHeader_Values(message, name, &values, &valueCount) == NATS_OK, let values else { continue }
            defer { free(values) }
            for index in 0..<Int(valueCount) {
                if let value = values[index] { headers.add(name, String(cString: value)) }
            }
        }
        return headers
    }
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
