/// The Kafka protocol binding, both ways, for CloudEvents 1.0 and 0.3. There is no batch mode.
public enum KafkaBinding {
    /// Decodes and validates a record. Data is left where it is: only attributes are read. The record's key is no attribute.
    ///
    /// `notACloudEvent` where nothing claims to be an event, so that a caller can tell it from a broken one.
    ///
    /// - Parameters:
    ///   - headers: names and bytes as they came; a header may have no bytes.
    ///   - value: nil for a tombstone, which in binary mode is an event without data.
    public static func decode(
        headers: [(name: String, value: [UInt8]?)], value: [UInt8]?, limits: FormatLimits = FormatLimits()
    ) throws(CloudEventError) -> DecodedMessage {
        let contentTypes = headers.filter { ASCII.equal($0.name.utf8Bytes.span, ignoringCase: "content-type") }
        let contentType = contentTypes.first.map { $0.value ?? [] }
        let text = contentType.map { UnicodeText.string($0.span) }
        if let contentType, ASCII.hasPrefix(contentType.span, ignoringCase: "application/cloudevents") {
            try checkFormat(contentType.span)
            let body = value ?? []
            let event = try JSONEvent(JSONObject(whole: body.span, limits: limits), body.span, limits: limits)
            return message(.structured, text, event.attributes, value)
        }
        guard headers.contains(where: { isRequired($0.name) }) else {
            throw CloudEventError(
                .notACloudEvent,
                "the record is no CloudEvent: a content-type of \(JSONFormat.mediaType), or the headers ce_specversion, ce_id, "
                    + "ce_source and ce_type are needed")
        }
        guard contentTypes.count < 2 else { throw AttributeRules.duplicate("datacontenttype", "header content-type, attribute") }
        return message(.binary, text, try binary(headers, contentType, limits: limits), value)
    }

    private static func message(
        _ mode: ContentMode, _ contentType: String?, _ attributes: Attributes, _ value: [UInt8]?
    ) -> DecodedMessage {
        let event = DecodedMessage.Event(attributes: attributes, range: 0..<(value?.count ?? 0))
        return DecodedMessage(mode: mode, contentType: contentType, events: [event])
    }

    /// Section 3.3: of the event formats, JSON.
    private static func checkFormat(_ text: Span<UInt8>) throws(CloudEventError) {
        guard let type = MediaType(text), type.isUTF8,
            ASCII.equal(text.extracting(0..<type.essenceCount), ignoringCase: "application/cloudevents+json")
        else {
            throw CloudEventError(
                .unsupportedMediaType,
                "the content-type is \(UnicodeText.quoted(text)): \(JSONFormat.mediaType) in UTF-8, or binary mode is needed",
                field: "content-type")
        }
    }

    // MARK: Binary mode, section 3.2

    /// What stands behind `ce_`, or nil.
    private static func attributeName(_ header: String) -> [UInt8]? {
        let name = header.utf8Bytes
        return name.starts(with: "ce_".utf8) ? Array(name.dropFirst(3)) : nil
    }

    private static func isRequired(_ header: String) -> Bool {
        guard let name = attributeName(header), let attribute = CoreAttribute(ignoringCase: name.span) else { return false }
        return attribute.bit & CoreAttribute.requiredBits != 0
    }

    private static func binary(
        _ headers: [(name: String, value: [UInt8]?)], _ contentType: [UInt8]?, limits: FormatLimits
    ) throws(CloudEventError) -> Attributes {
        let version = try version(headers)
        var attributes = Attributes()
        var seen: UInt16 = 0
        if let contentType {
            seen |= CoreAttribute.datacontenttype.bit
            attributes.append("datacontenttype", try coreValue(.datacontenttype, contentType, version))
        }
        for header in headers {
            guard let name = attributeName(header.name) else { continue }
            let value = header.value ?? []
            if let attribute = CoreAttribute(ignoringCase: name.span), attribute.isDefined(in: version),
                AttributeRules.isName(name.span)
            {
                // CloudEvents' JavaScript SDK writes the media type twice.
                if attribute == .datacontenttype, value == contentType { continue }
                guard seen & attribute.bit == 0 else { throw AttributeRules.duplicate(attribute.text, "header ce_, attribute") }
                seen |= attribute.bit
                attributes.append(attribute.text, try coreValue(attribute, value, version))
            } else {
                guard AttributeRules.isName(name.span) else {
                    throw AttributeRules.invalidName(name.span, of: "after \"ce_\", header")
                }
                let text = UnicodeText.string(name.span)
                guard attributes[text] == nil else { throw AttributeRules.duplicate(text, "header ce_, attribute") }
                try AttributeRules.checkString(value.span, name: text)
                attributes.append(text, .string(UnicodeText.string(value.span)))
            }
            guard attributes.count <= limits.attributes else { throw AttributeRules.tooMany(limits.attributes) }
        }
        try AttributeRules.checkRequired(seen)
        return attributes
    }

    private static func version(_ headers: [(name: String, value: [UInt8]?)]) throws(CloudEventError) -> SpecVersion {
        guard let header = headers.first(where: { $0.name.utf8Bytes.elementsEqual("ce_specversion".utf8) }) else {
            throw AttributeRules.missing(.specversion)
        }
        let value = header.value ?? []
        guard let version = SpecVersion(value.span) else { throw AttributeRules.unsupportedVersion(value.span) }
        return version
    }

    /// The text is as it stands: this binding encodes nothing.
    private static func coreValue(
        _ attribute: CoreAttribute, _ value: [UInt8], _ version: SpecVersion
    ) throws(CloudEventError) -> AttributeValue {
        try AttributeRules.value(of: attribute, value.span, isPlain: false, version: version)
    }
}

extension KafkaBinding {
    /// A record of Kafka's that holds one event.
    public struct Record: Sendable {
        /// Names, and values in UTF-8.
        public var headers: [(name: String, value: [UInt8])]
        /// The event's `partitionkey` (the key mapper of section 3.1), or nil.
        public var key: [UInt8]?
        /// nil where a binary event has no data: in a compacted topic that is a tombstone.
        public var value: [UInt8]?

        public init(headers: [(name: String, value: [UInt8])], key: [UInt8]?, value: [UInt8]?) {
            self.headers = headers
            self.key = key
            self.value = value
        }
    }

    /// A record that holds one event, in binary or structured mode; batched mode, which this binding lacks, is structured.
    public static func encode(_ event: CloudEvent, mode: ContentMode) -> Record {
        let key = event.attributes.text(of: "partitionkey").map { Array($0.utf8) }
        guard mode == .binary else {
            let headers = [(name: "content-type", value: Array("\(JSONFormat.mediaType); charset=UTF-8".utf8))]
            return Record(headers: headers, key: key, value: JSONFormat.encode(event))
        }
        let headers = event.attributes.inBinaryMode(impliedJSON: false).map { attribute in
            let name = attribute.name == "datacontenttype" ? "content-type" : "ce_\(attribute.name)"
            return (name: name, value: Array(attribute.value.text.utf8))
        }
        return Record(headers: headers, key: key, value: event.data)
    }
}

extension String {
    fileprivate var utf8Bytes: [UInt8] { Array(utf8) }
}
