/// How an HTTP message holds events (HTTP protocol binding, section 3).
public enum ContentMode: UInt8, Sendable, Hashable {
    case binary = 0
    case structured = 1
    case batched = 2
}

/// Bounds that reading keeps, so that no message can make it grow without end.
public struct FormatLimits: Sendable {
    public var attributes = 200
    public var nesting = 64
    public var batchEvents = 1000

    public init() {}
}

/// What a decoded HTTP message held. `range` points into the body that was decoded.
public struct DecodedMessage: Sendable {
    public struct Event: Sendable {
        public var attributes: Attributes
        /// The bytes of the body that hold the event: all of it, or the object's own range in a batch.
        public var range: Range<Int>

        public init(attributes: Attributes, range: Range<Int>) {
            self.attributes = attributes
            self.range = range
        }
    }

    public var mode: ContentMode
    /// The `Content-Type` field's text, or nil where there was none.
    public var contentType: String?
    public var events: [Event]

    public init(mode: ContentMode, contentType: String?, events: [Event]) {
        self.mode = mode
        self.contentType = contentType
        self.events = events
    }
}

/// The HTTP protocol binding, both ways, for CloudEvents 1.0 and 0.3.
public enum HTTPBinding {
    /// Decodes and validates a request or an answer. Data is left where it is: only attributes are read.
    ///
    /// `notACloudEvent` where nothing claims to be an event, so that an answer's caller can tell it from a broken one.
    public static func decode(
        headers: HeaderBlock, body: [UInt8], limits: FormatLimits = FormatLimits()
    ) throws(CloudEventError) -> DecodedMessage {
        let head = MessageHead(headers)
        let bytes = headers.bytes.span
        let mode = try head.mode(bytes)
        var message = DecodedMessage(mode: mode, contentType: nil, events: [])
        if let contentType = head.contentType { message.contentType = UnicodeText.string(bytes.extracting(contentType)) }
        switch mode {
        case .binary:
            let attributes = try BinaryHeaders.attributes(headers, head, limits: limits)
            message.events = [DecodedMessage.Event(attributes: attributes, range: 0..<body.count)]
        case .structured:
            let object = try JSONObject(whole: body.span, limits: limits)
            let event = try JSONEvent(object, body.span, limits: limits)
            message.events = [DecodedMessage.Event(attributes: event.attributes, range: 0..<body.count)]
        case .batched:
            try JSONBatch.forEach(in: body.span, limits: limits) { event, range in
                message.events.append(DecodedMessage.Event(attributes: event.attributes, range: range))
            }
        }
        return message
    }
}

/// What one look over a head tells: which format it claims, and whether anything is there at all.
private struct MessageHead {
    var contentType: Range<Int>?
    private var contentTypeCount = 0
    /// Whether a `Content-Type` is one of CloudEvents' own.
    private var isEventFormat = false
    /// A `Content-Encoding` that is not `identity`.
    private var encoding: Range<Int>?
    /// The required attributes that are there as headers.
    private var required: UInt16 = 0
    var specVersion: Range<Int>?

    init(_ headers: HeaderBlock) {
        let bytes = headers.bytes.span
        for field in headers.fields {
            let name = bytes.extracting(field.name)
            switch name.count {
            case 12 where ASCII.equal(name, ignoringCase: "content-type"):
                contentType = contentType ?? field.value
                contentTypeCount += 1
                let value = bytes.extracting(field.value)
                isEventFormat = isEventFormat || ASCII.hasPrefix(value, ignoringCase: "application/cloudevents")
            case 16 where ASCII.equal(name, ignoringCase: "content-encoding"):
                let value = bytes.extracting(field.value)
                if value.count > 0, !ASCII.equal(value, ignoringCase: "identity") { encoding = encoding ?? field.value }
            case 5, 7, 9, 14:
                guard BinaryHeaders.isAttribute(name),
                    let attribute = CoreAttribute(ignoringCase: name.extracting(3..<name.count))
                else { continue }
                required |= attribute.bit & CoreAttribute.requiredBits
                if attribute == .specversion { specVersion = specVersion ?? field.value }
            default: continue
            }
        }
    }

    func mode(_ bytes: Span<UInt8>) throws(CloudEventError) -> ContentMode {
        guard isEventFormat || required != 0 else {
            throw CloudEventError(
                .notACloudEvent,
                "the message is no CloudEvent: a Content-Type of \(JSONFormat.mediaType) or \(JSONFormat.batchMediaType), or the "
                    + "headers ce-specversion, ce-id, ce-source and ce-type are needed")
        }
        guard contentTypeCount < 2 else {
            throw CloudEventError(
                .invalidHeader, "the message has \(contentTypeCount) Content-Type fields: at most one is needed",
                field: "Content-Type")
        }
        if let encoding {
            let found = UnicodeText.quoted(bytes.extracting(encoding))
            throw CloudEventError(
                .unsupportedMediaType, "the Content-Encoding is \(found): identity, or no such header is needed",
                field: "Content-Encoding")
        }
        if isEventFormat, let contentType { return try formatMode(bytes.extracting(contentType)) }
        try AttributeRules.checkRequired(required)
        return .binary
    }

    private func formatMode(_ text: Span<UInt8>) throws(CloudEventError) -> ContentMode {
        guard let type = MediaType(text) else {
            throw CloudEventError(
                .invalidHeader,
                "the Content-Type is \(UnicodeText.quoted(text)): a media type such as \(JSONFormat.mediaType) is needed",
                field: "Content-Type")
        }
        guard type.isUTF8 else {
            throw CloudEventError(
                .unsupportedMediaType, "the charset is \(UnicodeText.quoted(type.charset ?? "")): utf-8 is needed",
                field: "Content-Type")
        }
        let essence = text.extracting(0..<type.essenceCount)
        if ASCII.equal(essence, ignoringCase: "application/cloudevents+json") { return .structured }
        if ASCII.equal(essence, ignoringCase: "application/cloudevents-batch+json") { return .batched }
        let message =
            "the event format is \(UnicodeText.quoted(essence)): \(JSONFormat.mediaType), \(JSONFormat.batchMediaType) or "
            + "binary mode is needed"
        throw CloudEventError(.unsupportedMediaType, message, field: "Content-Type")
    }
}

/// Binary mode's attributes (HTTP protocol binding, section 3.1).
private enum BinaryHeaders {
    /// Whether a header's name starts with `ce-`, in any case.
    @inline(__always)
    static func isAttribute(_ name: Span<UInt8>) -> Bool {
        name.count >= 3 && name[0] | 0x20 == 0x63 && name[1] | 0x20 == 0x65 && name[2] == 0x2D
    }

    static func attributes(
        _ headers: HeaderBlock, _ head: MessageHead, limits: FormatLimits
    ) throws(CloudEventError) -> Attributes {
        let bytes = headers.bytes.span
        let version = try version(head, bytes)
        var attributes = Attributes()
        attributes.reserveCapacity(12)
        var seen: UInt16 = 0
        for field in headers.fields {
            let header = bytes.extracting(field.name)
            let raw = bytes.extracting(field.value)
            guard isAttribute(header) || field.value == head.contentType else { continue }
            let name = header.extracting(3..<header.count)
            if field.value == head.contentType {
                attributes.append("datacontenttype", try contentType(raw, version))
            } else if let attribute = CoreAttribute(ignoringCase: name), attribute.isDefined(in: version) {
                guard attribute != .datacontenttype else { throw contentTypeAttribute(raw) }
                guard seen & attribute.bit == 0 else { throw AttributeRules.duplicate(attribute.text, "header ce-") }
                seen |= attribute.bit
                attributes.append(attribute.text, try value(of: attribute, raw, version))
            } else {
                let text = try extensionName(name)
                for other in attributes where other.name == text { throw AttributeRules.duplicate(text, "header ce-") }
                attributes.append(text, try extensionValue(text, raw))
            }
            guard attributes.count <= limits.attributes else { throw AttributeRules.tooMany(limits.attributes) }
        }
        return attributes
    }

    private static func version(_ head: MessageHead, _ bytes: Span<UInt8>) throws(CloudEventError) -> SpecVersion {
        guard let field = head.specVersion else { throw AttributeRules.missing(.specversion) }
        if let version = SpecVersion(bytes.extracting(field)) { return version }
        let value = try value(of: .specversion, bytes.extracting(field), .v1)
        return value == .string("0.3") ? .v03 : .v1
    }

    private static func value(
        of attribute: CoreAttribute, _ raw: Span<UInt8>, _ version: SpecVersion
    ) throws(CloudEventError) -> AttributeValue {
        if HeaderText.isPlain(raw) { return try AttributeRules.value(of: attribute, raw, isPlain: true, version: version) }
        let decoded = HeaderText.decoded(raw)
        do throws(CloudEventError) {
            return try AttributeRules.value(of: attribute, decoded.span, isPlain: false, version: version)
        } catch {
            // Most SDKs do not encode (spec#1397), so that "%20" in a URI is the URI's own. Ill-formed UTF-8 is refused all the
            // same: section 3.1.3.2 leaves no choice.
            let isURI = attribute == .source || attribute == .dataschema || attribute == .schemaurl
            guard isURI, UnicodeText.isUTF8(decoded.span),
                let value = try? AttributeRules.value(of: attribute, raw, isPlain: false, version: version)
            else { throw error }
            return value
        }
    }

    private static func contentType(_ raw: Span<UInt8>, _ version: SpecVersion) throws(CloudEventError) -> AttributeValue {
        try AttributeRules.value(of: .datacontenttype, raw, isPlain: HeaderText.isPlain(raw), version: version)
    }

    private static func extensionName(_ name: Span<UInt8>) throws(CloudEventError) -> String {
        guard AttributeRules.isName(name, ignoringCase: true) else {
            throw AttributeRules.invalidName(name, of: "after \"ce-\", header")
        }
        return String(unsafeUninitializedCapacity: name.count) { buffer in
            for index in 0..<name.count { buffer[index] = ASCII.lowercased(name[index]) }
            return name.count
        }
    }

    private static func extensionValue(_ name: String, _ raw: Span<UInt8>) throws(CloudEventError) -> AttributeValue {
        if HeaderText.isPlain(raw) { return .string(UnicodeText.string(raw)) }
        let decoded = HeaderText.decoded(raw)
        try AttributeRules.checkString(decoded.span, name: name)
        return .string(UnicodeText.string(decoded.span))
    }

    private static func contentTypeAttribute(_ raw: Span<UInt8>) -> CloudEventError {
        CloudEventError(
            .invalidHeader,
            "the header ce-datacontenttype is \(UnicodeText.quoted(raw)): in binary mode Content-Type is needed instead",
            field: "ce-datacontenttype")
    }
}
