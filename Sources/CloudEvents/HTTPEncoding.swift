extension HTTPBinding {
    /// Appends the header lines of binary mode (`ce-id: 1\r\n…`), percent-encoded; `datacontenttype` becomes `Content-Type`.
    ///
    /// Writes what it is given. The attributes of an event that came as JSON go through
    /// ``Attributes/inBinaryMode(impliedJSON:)`` first.
    public static func appendBinaryHeaders(of attributes: Attributes, to lines: inout [UInt8]) {
        for attribute in attributes {
            if attribute.name == "datacontenttype" {
                append("Content-Type: ", to: &lines)
                HeaderText.appendMediaType(attribute.value.text, to: &lines)
            } else {
                append("ce-", to: &lines)
                lines.append(contentsOf: attribute.name.utf8)
                append(": ", to: &lines)
                HeaderText.appendEncoded(attribute.value.text, to: &lines)
            }
            append("\r\n", to: &lines)
        }
    }

    /// A message that holds one event: the header fields that its mode asks for, and the body. Batched mode is a batch of one.
    public static func encode(
        _ event: CloudEvent, mode: ContentMode
    ) -> (headers: [(name: String, value: String)], body: [UInt8]) {
        switch mode {
        case .structured: return ([("Content-Type", JSONFormat.mediaType)], JSONFormat.encode(event))
        case .batched: return encodeBatch([event])
        case .binary:
            let headers = event.attributes.inBinaryMode(impliedJSON: false).map { attribute in
                var value: [UInt8] = []
                let isContentType = attribute.name == "datacontenttype"
                if isContentType {
                    HeaderText.appendMediaType(attribute.value.text, to: &value)
                } else {
                    HeaderText.appendEncoded(attribute.value.text, to: &value)
                }
                return (isContentType ? "Content-Type" : "ce-\(attribute.name)", String(decoding: value, as: UTF8.self))
            }
            return (headers, event.data ?? [])
        }
    }

    /// A message that holds a batch, which may be empty.
    public static func encodeBatch(_ events: [CloudEvent]) -> (headers: [(name: String, value: String)], body: [UInt8]) {
        ([("Content-Type", JSONFormat.batchMediaType)], JSONFormat.encodeBatch(events))
    }

    /// Decodes a message into events with their data. In binary mode an empty body is no data.
    public static func events(
        headers: HeaderBlock, body: [UInt8], limits: FormatLimits = FormatLimits()
    ) throws(CloudEventError) -> [CloudEvent] {
        let message = try decode(headers: headers, body: body, limits: limits)
        switch message.mode {
        case .binary: return message.events.map { CloudEvent(attributes: $0.attributes, data: body.isEmpty ? nil : body) }
        case .structured: return [try JSONFormat.decode(body, limits: limits)]
        case .batched: return try JSONFormat.decodeBatch(body, limits: limits)
        }
    }

    private static func append(_ text: StaticString, to lines: inout [UInt8]) {
        lines.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
}

extension Attributes {
    /// The attributes of a JSON event as binary mode carries them: with `datacontenttype: application/json` where the format
    /// implied it (JSON event format, section 3.1), and without 0.3's `datacontentencoding`, which must not be set where the
    /// data is bytes (core specification 0.3).
    public func inBinaryMode(impliedJSON: Bool) -> Attributes {
        var attributes = self
        if text(of: "specversion") == "0.3" { attributes.remove("datacontentencoding") }
        if impliedJSON { attributes.append("datacontenttype", .string("application/json")) }
        return attributes
    }
}
