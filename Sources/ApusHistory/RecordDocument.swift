package import ApusPorts
package import ApusResources
import CloudEvents

/// A record of the log as a JSON document: the event in the JSON format, and what the log keeps beside it.
///
/// What the JSON reader of documents does not take (a member that comes twice, a lone surrogate) is given as Base64, so that a
/// document can always be read again.
package enum RecordDocument {
    /// - Parameter withData: Whether the event's data is there; without it, `dataBytes` says how long it is.
    package static func node(_ record: LogRecord, withData: Bool = true) -> DocumentNode {
        let event = record.event
        return .mapping([
            ("position", .string("\(record.position)")), ("time", .string(record.appendedAt.rfc3339)),
            ("mode", .string(event.mode == .binary ? "binary" : "structured")),
            ("contentType", event.contentType.map { .string($0) }), ("event", self.event(event, withData: withData)),
            ("dataBytes", withData ? nil : dataBytes(of: event).map { .integer($0) }), ("hops", .integer(event.hops)),
            ("headers", headers(event.headers)), ("cause", event.cause.map(cause)),
            ("deadLetter", event.deadLetter.map(deadLetter)),
        ])
    }

    /// The event alone. In structured mode it is what was received, value for value.
    package static func event(_ event: EventRecord, withData: Bool = true) -> DocumentNode {
        guard withData else { return .mapping(attributes(event.attributesWithContentType)) }
        if event.mode != .binary, let received = received(event) { return received }
        let attributes = event.attributesWithContentType
        guard let content = data(of: event) else { return .mapping(self.attributes(attributes)) }
        let contentType = attributes.text(of: "datacontenttype") ?? content.type
        return .mapping(self.attributes(attributes) + [data(content.bytes, contentType: contentType)])
    }

    /// The data as the bytes that binary mode carries, and its media type where there is one; nil where there is no data.
    package static func data(of event: EventRecord) -> (bytes: [UInt8], type: String?)? {
        let type = event.attributesWithContentType.text(of: "datacontenttype")
        guard event.mode != .binary else { return event.hasData ? (event.body, type) : nil }
        guard let data = try? JSONFormat.data(in: event.body), let bytes = data.bytes else { return nil }
        return (bytes, type ?? (data.isImpliedJSON ? "application/json" : nil))
    }

    private static func dataBytes(of event: EventRecord) -> Int? { data(of: event)?.bytes.count }

    /// The object that came, without the attribute that counts hops; nil where documents cannot hold it.
    private static func received(_ event: EventRecord) -> DocumentNode? {
        guard let node = try? JSONReader.document(event.body), case .mapping(let members) = node.content else { return nil }
        return DocumentNode(.mapping(members.filter { !$0.name.utf8.elementsEqual(EventRecord.hopsAttribute.utf8) }))
    }

    private static func attributes(_ attributes: Attributes) -> [(String, DocumentNode?)] {
        attributes.filter { !$0.name.utf8.elementsEqual(EventRecord.hopsAttribute.utf8) }.map { attribute in
            switch attribute.value {
            case .boolean(let value): (attribute.name, .boolean(value))
            case .integer(let value): (attribute.name, .integer(value))
            case .binary, .string, .uri, .uriReference, .timestamp: (attribute.name, .string(attribute.value.text))
            }
        }
    }

    private static func data(_ bytes: [UInt8], contentType: String?) -> (String, DocumentNode?) {
        switch DataForm(bytes, contentType: contentType) {
        case .json:
            guard let value = try? JSONReader.document(bytes) else { break }
            return ("data", value)
        case .text: return ("data", .string(String(decoding: bytes, as: UTF8.self)))
        case .bytes: break
        }
        return ("data_base64", .string(AttributeValue.binary(bytes).text))
    }

    private static func headers(_ headers: [ForwardedHeader]) -> DocumentNode? {
        guard !headers.isEmpty else { return nil }
        return .sequence(headers.map { .mapping([("name", .string($0.name)), ("value", .string($0.value))]) })
    }

    private static func cause(_ cause: Cause) -> DocumentNode {
        .mapping([("trigger", .string(cause.trigger)), ("position", .string("\(cause.position)"))])
    }

    /// `body` is the answer's beginning as text, or `bodyBase64` where it is no UTF-8.
    private static func deadLetter(_ letter: DeadLetter) -> DocumentNode {
        let text = String(validating: letter.body, as: UTF8.self)
        return .mapping([
            ("trigger", .string(letter.trigger)), ("position", .string("\(letter.position)")),
            ("reason", .string(letter.reason.rawValue)), ("attempts", .integer(letter.attempts)),
            ("destination", .string(letter.destination)), ("status", .integer(letter.status)),
            ("body", text.map { .string($0) }),
            ("bodyBase64", text == nil ? .string(AttributeValue.binary(letter.body).text) : nil),
            ("firstAttemptAt", .string(letter.firstAttemptAt.rfc3339)), ("lastAttemptAt", .string(letter.lastAttemptAt.rfc3339)),
        ])
    }
}

extension EventRecord {
    /// In binary mode the `Content-Type` that came is the `datacontenttype`.
    fileprivate var attributesWithContentType: Attributes {
        guard mode == .binary, let contentType, attributes["datacontenttype"] == nil else { return attributes }
        var attributes = attributes
        attributes.append("datacontenttype", .string(contentType))
        return attributes
    }
}
