/// An event read from its object: attributes, and where its data stands.
struct JSONEvent {
    var attributes: Attributes
    var version: SpecVersion
    var data: JSONData

    /// Reads and validates what an object holds (JSON event format, sections 2 and 3).
    init(_ object: JSONObject, _ bytes: Span<UInt8>, limits: FormatLimits) throws(CloudEventError) {
        version = try Self.version(object, bytes)
        attributes = Attributes()
        attributes.reserveCapacity(object.members.count)
        var seen: UInt16 = 0
        var contentType: MediaType?
        for member in object.members where member.kind != .null {
            switch member.key {
            case .data: continue
            case .dataBase64 where version == .v1: continue
            case .dataBase64:
                throw CloudEventError(
                    .invalidAttributeName,
                    "member \"data_base64\" is not of version 0.3: \"data\" with \"datacontentencoding\": \"base64\" is needed",
                    field: "data_base64")
            case .core(let attribute) where attribute.isDefined(in: version):
                seen |= attribute.bit
                let value = try Self.value(of: attribute, member, bytes, version: version)
                if attribute == .datacontenttype, case .string(let text) = value {
                    contentType = MediaType(Array(text.utf8).span)
                }
                attributes.append(attribute.text, value)
            case .core, .other:
                let name = object.name(of: member, bytes)
                attributes.append(name, try Self.extensionValue(name, member, bytes))
            }
        }
        try AttributeRules.checkRequired(seen)
        guard attributes.count <= limits.attributes else { throw AttributeRules.tooMany(limits.attributes) }
        let isBase64 = seen & CoreAttribute.datacontentencoding.bit != 0 && Self.isBase64(attributes)
        data = try JSONData(object, bytes, contentType: contentType, isBase64: isBase64)
    }

    private static func version(_ object: JSONObject, _ bytes: Span<UInt8>) throws(CloudEventError) -> SpecVersion {
        guard let member = object.members.first(where: { $0.key == .core(.specversion) }), member.kind != .null else {
            throw AttributeRules.missing(.specversion)
        }
        if member.kind == .string(escaped: false), let version = SpecVersion(bytes.extracting(member.text)) { return version }
        return try value(of: .specversion, member, bytes, version: .v1) == .string("0.3") ? .v03 : .v1
    }

    private static func mediaType(_ member: JSONMember, _ bytes: Span<UInt8>) -> MediaType? {
        let text = bytes.extracting(member.text)
        guard member.kind == .string(escaped: true) else { return MediaType(text) }
        let decoded = JSONScanner.unescaped(text) ?? []
        return MediaType(decoded.span)
    }

    private static func value(
        of attribute: CoreAttribute, _ member: JSONMember, _ bytes: Span<UInt8>, version: SpecVersion
    ) throws(CloudEventError) -> AttributeValue {
        guard case .string(let escaped) = member.kind else {
            throw AttributeRules.invalid(attribute.text, bytes.extracting(member.value), "a JSON string is needed")
        }
        let text = bytes.extracting(member.text)
        guard escaped else { return try AttributeRules.value(of: attribute, text, isPlain: false, version: version) }
        let decoded = try unescaped(attribute.text, text)
        return try AttributeRules.value(of: attribute, decoded.span, isPlain: false, version: version)
    }

    private static func extensionValue(
        _ name: String, _ member: JSONMember, _ bytes: Span<UInt8>
    ) throws(CloudEventError) -> AttributeValue {
        switch member.kind {
        case .boolean(let value): return .boolean(value)
        case .integer:
            let text = bytes.extracting(member.value)
            guard let value = Int32(UnicodeText.string(text)) else {
                throw AttributeRules.invalid(name, text, "an integer from -2147483648 to 2147483647 is needed")
            }
            return .integer(value)
        case .string(escaped: false):
            let text = bytes.extracting(member.text)
            try AttributeRules.checkString(text, name: name)
            return .string(UnicodeText.string(text))
        case .string(escaped: true):
            let decoded = try unescaped(name, bytes.extracting(member.text))
            try AttributeRules.checkString(decoded.span, name: name)
            return .string(UnicodeText.string(decoded.span))
        case .fraction, .object, .array, .null:
            let needed = "a string, a boolean, or an integer without fraction and exponent is needed"
            throw AttributeRules.invalid(name, bytes.extracting(member.value), needed)
        }
    }

    private static func unescaped(_ name: String, _ text: Span<UInt8>) throws(CloudEventError) -> [UInt8] {
        guard let decoded = JSONScanner.unescaped(text) else {
            throw AttributeRules.invalid(name, text, "surrogates in pairs are needed")
        }
        return decoded
    }

    private static func isBase64(_ attributes: Attributes) -> Bool {
        guard let text = attributes.text(of: "datacontentencoding") else { return false }
        return ASCII.equal(Array(text.utf8).span, ignoringCase: "base64")
    }
}

/// The data of a JSON event, as far as it can be told without copying it (JSON event format, section 3.1).
enum JSONData {
    case absent
    /// A JSON value as it stands. `implied` where no `datacontenttype` says so.
    case json(Range<Int>, implied: Bool)
    /// Text in a string, whose bytes depend on the charset.
    case text(Range<Int>, escaped: Bool, charset: String?)
    case base64(Range<Int>, escaped: Bool)

    /// Finds the data, and refuses what could never become bytes. `isBase64` is 0.3's `datacontentencoding`.
    init(
        _ object: JSONObject, _ bytes: Span<UInt8>, contentType: MediaType?, isBase64: Bool
    ) throws(CloudEventError) {
        var value: JSONMember?
        var base64: JSONMember?
        for member in object.members {
            if member.key == .data { value = member }
            if member.key == .dataBase64, member.kind != .null { base64 = member }
        }
        if let base64 {
            guard value == nil else {
                throw Self.error("both \"data\" and \"data_base64\" are there: one of them is needed", "data_base64")
            }
            self = try Self.base64(base64, bytes, "data_base64")
        } else if let value {
            self = isBase64 ? try Self.base64(value, bytes, "data") : try Self.plain(value, bytes, contentType)
        } else {
            self = .absent
        }
    }

    private static func plain(
        _ member: JSONMember, _ bytes: Span<UInt8>, _ contentType: MediaType?
    ) throws(CloudEventError) -> JSONData {
        guard let contentType, !contentType.isJSON else { return .json(member.value, implied: contentType == nil) }
        guard case .string(let escaped) = member.kind else {
            let found = UnicodeText.quoted(bytes.extracting(member.value))
            throw error("\"data\" is \(found) and the datacontenttype is not JSON: a JSON string is needed", "data")
        }
        if escaped, JSONScanner.unescaped(bytes.extracting(member.text)) == nil {
            throw error("\"data\" holds a surrogate that stands alone: surrogates in pairs are needed", "data")
        }
        return .text(member.text, escaped: escaped, charset: contentType.isUTF8 ? nil : contentType.charset)
    }

    private static func base64(
        _ member: JSONMember, _ bytes: Span<UInt8>, _ name: String
    ) throws(CloudEventError) -> JSONData {
        let needed = "Base64 with padding (RFC 4648 section 4) in a JSON string is needed"
        let found = bytes.extracting(member.value)
        guard case .string(let escaped) = member.kind else {
            throw error("\"\(name)\" is \(UnicodeText.quoted(found)): \(needed)", name)
        }
        let text = bytes.extracting(member.text)
        let isValid: Bool
        if escaped {
            isValid = JSONScanner.unescaped(text).map { Base64.isValid($0.span) } ?? false
        } else {
            isValid = Base64.isValid(text)
        }
        guard isValid else { throw error("\"\(name)\" is \(UnicodeText.quoted(found)): \(needed)", name) }
        return .base64(member.text, escaped: escaped)
    }

    /// The bytes that binary mode carries; nil where the event has no data.
    func bytes(in bytes: Span<UInt8>) throws(CloudEventError) -> [UInt8]? {
        switch self {
        case .absent: return nil
        case .json(let range, _): return Self.copy(bytes.extracting(range))
        case .base64(let range, let escaped):
            return Base64.decode(Self.string(bytes.extracting(range), escaped).span)
        case .text(let range, let escaped, let charset):
            let text = Self.string(bytes.extracting(range), escaped)
            guard let charset else { return text }
            guard charset == "iso-8859-1" || charset == "latin1", let latin = Self.latin1(text) else {
                throw Self.error(
                    "\"data\" is text of the charset \(UnicodeText.quoted(charset)): utf-8, us-ascii, iso-8859-1 with characters "
                        + "that it has, or data_base64 is needed to give its bytes", "data")
            }
            return latin
        }
    }

    private static func string(_ text: Span<UInt8>, _ escaped: Bool) -> [UInt8] {
        escaped ? JSONScanner.unescaped(text) ?? [] : copy(text)
    }

    private static func copy(_ text: Span<UInt8>) -> [UInt8] { text.withUnsafeBufferPointer { Array($0) } }

    private static func latin1(_ text: [UInt8]) -> [UInt8]? {
        var result: [UInt8] = []
        for scalar in String(decoding: text, as: UTF8.self).unicodeScalars {
            guard scalar.value < 256 else { return nil }
            result.append(UInt8(scalar.value))
        }
        return result
    }

    private static func error(_ message: String, _ field: String) -> CloudEventError {
        CloudEventError(.invalidData, message, field: field)
    }
}
