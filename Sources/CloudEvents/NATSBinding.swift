/// The NATS protocol binding, both ways: headers mode and structured mode.
///
/// Version 1.0.2 knows structured mode alone and marks it with nothing; the working draft has headers, with every attribute as
/// `ce-…` and values encoded as HTTP's. SDKs write `content-type` for `ce-datacontenttype`. All of them are read.
public enum NATSBinding {
    /// Decodes and validates a message. Header names count in any case.
    ///
    /// `notACloudEvent` where nothing claims to be an event: such a message is someone's own, and no broken event.
    public static func decode(
        headers: [(name: String, value: String)], payload: [UInt8], limits: FormatLimits = FormatLimits()
    ) throws(CloudEventError) -> DecodedMessage {
        let claims = Claims(headers)
        if claims.isFormat {
            try refuseBatch(claims.contentType)
            let head = HeaderBlock([("content-type", claims.contentType ?? "")])
            return try HTTPBinding.decode(headers: head, body: payload, limits: limits)
        }
        if claims.isBinary {
            return try HTTPBinding.decode(headers: binaryHead(headers, claims), body: payload, limits: limits)
        }
        let head = HeaderBlock([("content-type", JSONFormat.mediaType)])
        guard let message = try? HTTPBinding.decode(headers: head, body: payload, limits: limits) else {
            throw CloudEventError(
                .notACloudEvent,
                "the message is no CloudEvent: ce- headers, a content-type of \(JSONFormat.mediaType) or a JSON event is needed")
        }
        return message
    }

    /// What the headers say that the message is.
    private struct Claims {
        var contentType: String?
        var dataContentType: String?
        var isBinary = false

        init(_ headers: [(name: String, value: String)]) {
            for header in headers {
                let name = Array(header.name.utf8)
                if ASCII.equal(name.span, ignoringCase: "content-type") {
                    contentType = contentType ?? header.value
                } else if ASCII.equal(name.span, ignoringCase: "ce-datacontenttype") {
                    dataContentType = dataContentType ?? header.value
                } else if ASCII.hasPrefix(name.span, ignoringCase: "ce-"),
                    let attribute = CoreAttribute(ignoringCase: name.span.extracting(3..<name.count))
                {
                    isBinary = isBinary || attribute.bit & CoreAttribute.requiredBits != 0
                }
            }
        }

        var isFormat: Bool {
            contentType.map { ASCII.hasPrefix(Array($0.utf8).span, ignoringCase: "application/cloudevents") } ?? false
        }
    }

    /// HTTP's headers of the same event: there `datacontenttype` is the `Content-Type`, unencoded.
    private static func binaryHead(_ headers: [(name: String, value: String)], _ claims: Claims) -> HeaderBlock {
        var pairs = headers.filter { header in
            let name = Array(header.name.utf8)
            return !ASCII.equal(name.span, ignoringCase: "content-type")
                && !ASCII.equal(name.span, ignoringCase: "ce-datacontenttype")
                && !ASCII.equal(name.span, ignoringCase: "content-encoding")
        }
        if let encoded = claims.dataContentType {
            let decoded = HeaderText.decoded(Array(encoded.utf8).span)
            pairs.append(("content-type", String(decoding: decoded, as: UTF8.self)))
        } else if let contentType = claims.contentType {
            pairs.append(("content-type", contentType))
        }
        return HeaderBlock(pairs)
    }

    private static func refuseBatch(_ contentType: String?) throws(CloudEventError) {
        guard let contentType, ASCII.hasPrefix(Array(contentType.utf8).span, ignoringCase: "application/cloudevents-batch") else {
            return
        }
        throw CloudEventError(
            .unsupportedMediaType, "a batch is no message of NATS: one event a message is needed", field: "content-type")
    }

    /// A message that holds one event, in headers or structured mode; batched mode, which this binding lacks, is structured.
    ///
    /// The media type of the data is written under both of the names by which it is read.
    public static func encode(
        _ event: CloudEvent, mode: ContentMode
    ) -> (headers: [(name: String, value: String)], payload: [UInt8]) {
        guard mode == .binary else { return ([("content-type", JSONFormat.mediaType)], JSONFormat.encode(event)) }
        var headers: [(name: String, value: String)] = []
        for attribute in event.attributes.inBinaryMode(impliedJSON: false) {
            var value: [UInt8] = []
            HeaderText.appendEncoded(attribute.value.text, to: &value)
            headers.append(("ce-\(attribute.name)", String(decoding: value, as: UTF8.self)))
            guard attribute.name == "datacontenttype" else { continue }
            value = []
            HeaderText.appendMediaType(attribute.value.text, to: &value)
            headers.append(("content-type", String(decoding: value, as: UTF8.self)))
        }
        return (headers, event.data ?? [])
    }
}
