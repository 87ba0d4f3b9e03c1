/// The versions of the specification that come in and leave as they came.
enum SpecVersion: Sendable {
    case v1
    case v03

    init?(_ text: Span<UInt8>) {
        if ASCII.equal(text, "1.0") {
            self = .v1
        } else if ASCII.equal(text, "0.3") {
            self = .v03
        } else {
            return nil
        }
    }
}

/// The attributes whose type the specification fixes. Every other name is an extension.
enum CoreAttribute: UInt16, Sendable, CaseIterable {
    case specversion, id, source, type, subject, time, datacontenttype
    /// 1.0 only; an extension in 0.3.
    case dataschema
    /// 0.3 only; extensions in 1.0.
    case schemaurl, datacontentencoding

    static let required: [CoreAttribute] = [.specversion, .id, .source, .type]

    private var name: StaticString {
        switch self {
        case .specversion: "specversion"
        case .id: "id"
        case .source: "source"
        case .type: "type"
        case .subject: "subject"
        case .time: "time"
        case .datacontenttype: "datacontenttype"
        case .dataschema: "dataschema"
        case .schemaurl: "schemaurl"
        case .datacontentencoding: "datacontentencoding"
        }
    }

    /// The attribute of this name in any case, since header names come in any.
    init?(ignoringCase name: Span<UInt8>) {
        let candidate: CoreAttribute
        switch name.count {
        case 2: candidate = .id
        case 4: candidate = name[1] | 0x20 == 0x79 ? .type : .time
        case 6: candidate = .source
        case 7: candidate = .subject
        case 9: candidate = .schemaurl
        case 10: candidate = .dataschema
        case 11: candidate = .specversion
        case 15: candidate = .datacontenttype
        case 19: candidate = .datacontentencoding
        default: return nil
        }
        guard ASCII.equal(name, ignoringCase: candidate.name) else { return nil }
        self = candidate
    }

    /// The name as a String that takes no memory of its own.
    var text: String {
        switch self {
        case .specversion: "specversion"
        case .id: "id"
        case .source: "source"
        case .type: "type"
        case .subject: "subject"
        case .time: "time"
        case .datacontenttype: "datacontenttype"
        case .dataschema: "dataschema"
        case .schemaurl: "schemaurl"
        case .datacontentencoding: "datacontentencoding"
        }
    }

    func isDefined(in version: SpecVersion) -> Bool {
        switch self {
        case .dataschema: version == .v1
        case .schemaurl, .datacontentencoding: version == .v03
        default: true
        }
    }

    var bit: UInt16 { 1 << rawValue }
    static let requiredBits: UInt16 = 0b1111
}

/// The rules of the core specification, sections 2.3 and 2.4, for one attribute at a time.
enum AttributeRules {
    /// Whether `name` is `[a-z0-9]+` and not `data`; a header's name is so in any case.
    @inline(__always)
    static func isName(_ name: Span<UInt8>, ignoringCase: Bool = false) -> Bool {
        guard name.count > 0 else { return false }
        for index in 0..<name.count {
            let byte = ignoringCase ? ASCII.lowercased(name[index]) : name[index]
            guard byte &- 0x61 < 26 || ASCII.isDigit(byte) else { return false }
        }
        return !ASCII.equal(name, ignoringCase: "data")
    }

    static func invalidName(_ name: Span<UInt8>, of what: String) -> CloudEventError {
        let quoted = UnicodeText.quoted(name)
        let message =
            "\(what) \(quoted) is no attribute's name: lower-case letters a to z and digits are needed, and not \"data\""
        return CloudEventError(.invalidAttributeName, message, field: String(quoted.dropFirst().dropLast()))
    }

    /// The value of a core attribute from its decoded text. `isPlain` says that the text is printable ASCII.
    static func value(
        of attribute: CoreAttribute, _ text: Span<UInt8>, isPlain: Bool, version: SpecVersion
    ) throws(CloudEventError) -> AttributeValue {
        if !isPlain { try checkString(text, name: attribute.text) }
        let needed: StaticString
        switch attribute {
        case .specversion:
            guard SpecVersion(text) != nil else { throw unsupportedVersion(text) }
            return .string(UnicodeText.string(text))
        case .id, .type, .subject:
            if text.count > 0 { return .string(UnicodeText.string(text)) }
            needed = "text that is not empty is needed"
        case .source:
            if text.count > 0 || version == .v03, URIGrammar.isReference(text) { return .uriReference(UnicodeText.string(text)) }
            needed = "a URI-reference of RFC 3986 such as https://example.com/orders or /orders is needed"
        case .schemaurl:
            if text.count > 0, URIGrammar.isReference(text) { return .uriReference(UnicodeText.string(text)) }
            needed = "a URI-reference of RFC 3986 such as https://example.com/schema is needed"
        case .dataschema:
            // Azure's sources send "#" for "no schema" (sdk-go#615), which harms nobody.
            if URIGrammar.isURI(text) || ASCII.equal(text, "#") { return .uri(UnicodeText.string(text)) }
            needed = "an absolute URI of RFC 3986 such as https://example.com/schema is needed"
        case .time:
            if RFC3339(text) != nil { return .timestamp(UnicodeText.string(text)) }
            needed = "an RFC 3339 timestamp such as 2018-04-05T17:31:00Z is needed"
        case .datacontenttype:
            if MediaType(text) != nil { return .string(UnicodeText.string(text)) }
            needed = "a media type of RFC 2046 such as application/json is needed"
        case .datacontentencoding:
            if isEncoding(text) { return .string(UnicodeText.string(text)) }
            needed = "base64, or one of 7bit, 8bit and binary, is needed"
        }
        throw invalid(attribute.text, text, "\(needed)")
    }

    /// Refuses what a String must not hold.
    static func checkString(_ text: Span<UInt8>, name: String) throws(CloudEventError) {
        switch UnicodeText.fault(in: text) {
        case nil: return
        case .notUTF8: throw invalid(name, text, "well-formed UTF-8 is needed")
        case .forbidden(let scalar):
            let found = UnicodeText.codePoint(scalar)
            throw invalid(name, text, "text without control characters and noncharacters is needed, and \(found) is one")
        }
    }

    static func invalid(_ name: String, _ text: Span<UInt8>, _ needed: String) -> CloudEventError {
        let message = "attribute \(UnicodeText.quoted(name)) is \(UnicodeText.quoted(text)): \(needed)"
        return CloudEventError(.invalidAttribute, message, field: name)
    }

    static func missing(_ attribute: CoreAttribute) -> CloudEventError {
        let message = "attribute \"\(attribute.text)\" is missing: every event needs specversion, id, source and type"
        return CloudEventError(.missingAttribute, message, field: attribute.text)
    }

    /// The first required attribute whose bit is not in `seen`.
    static func checkRequired(_ seen: UInt16) throws(CloudEventError) {
        guard seen & CoreAttribute.requiredBits != CoreAttribute.requiredBits else { return }
        for attribute in CoreAttribute.required where seen & attribute.bit == 0 { throw missing(attribute) }
    }

    static func unsupportedVersion(_ text: Span<UInt8>) -> CloudEventError {
        let message = "attribute \"specversion\" is \(UnicodeText.quoted(text)): \"1.0\" is needed (\"0.3\" is understood too)"
        return CloudEventError(.unsupportedSpecVersion, message, field: "specversion")
    }

    static func duplicate(_ name: String, _ what: StaticString) -> CloudEventError {
        CloudEventError(
            .duplicateAttribute, "\(what) \(UnicodeText.quoted(name)) stands twice: an event has each attribute at most once",
            field: name)
    }

    static func tooMany(_ limit: Int) -> CloudEventError {
        CloudEventError(.tooManyAttributes, "the event has more than \(limit) attributes: \(limit) at most are needed")
    }

    /// RFC 2045 section 6.1, without the encodings that no JSON event uses.
    private static func isEncoding(_ text: Span<UInt8>) -> Bool {
        ASCII.equal(text, ignoringCase: "base64") || ASCII.equal(text, ignoringCase: "7bit")
            || ASCII.equal(text, ignoringCase: "8bit") || ASCII.equal(text, ignoringCase: "binary")
    }
}
