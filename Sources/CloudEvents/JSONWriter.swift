/// Writes events as JSON text, without spaces, attributes in their order and data last.
struct JSONWriter {
    var bytes: [UInt8] = []

    /// How deep data may nest to stand as `data`: what a reader with our own limits takes back inside an event.
    private static let dataNestingMax = FormatLimits().nesting - 1

    mutating func append(_ event: CloudEvent) {
        let isOld = event.attributes.text(of: "specversion") == "0.3"
        bytes.reserveCapacity(bytes.count + 256 + (event.data?.count ?? 0) * 4 / 3)
        bytes.append(0x7B)
        var isFirst = true
        for attribute in event.attributes where !(isOld && attribute.name == "datacontentencoding" && event.data != nil) {
            if !isFirst { bytes.append(0x2C) }
            isFirst = false
            append(name: attribute.name, attribute.value)
        }
        if let data = event.data {
            if !isFirst { bytes.append(0x2C) }
            if isOld { appendOld(data, event.attributes) } else { append(data, event.attributes) }
        }
        bytes.append(0x7D)
    }

    mutating func append(name: String, _ value: AttributeValue) {
        append(string: name)
        bytes.append(0x3A)
        switch value {
        case .boolean, .integer: bytes.append(contentsOf: value.text.utf8)
        case .binary(let data): append(base64: data)
        case .string(let text), .uri(let text), .uriReference(let text), .timestamp(let text): append(string: text)
        }
    }

    private mutating func append(_ data: [UInt8], _ attributes: Attributes) {
        if Self.type(attributes)?.isJSON == true, Self.standsAsItIs(data) {
            bytes.append(contentsOf: "\"data\":".utf8)
            bytes.append(contentsOf: data)
        } else {
            bytes.append(contentsOf: "\"data_base64\":".utf8)
            append(base64: data)
        }
    }

    /// Version 0.3: no `data_base64`, and the encoding is an attribute.
    private mutating func appendOld(_ data: [UInt8], _ attributes: Attributes) {
        let type = Self.type(attributes)
        let encoding = attributes.text(of: "datacontentencoding")
        let isBase64 = encoding.map { ASCII.equal(Array($0.utf8).span, ignoringCase: "base64") } ?? false
        if !isBase64, type?.isJSON == true, Self.standsAsItIs(data) {
            append(encoding: encoding)
            bytes.append(contentsOf: "\"data\":".utf8)
            bytes.append(contentsOf: data)
        } else if !isBase64, Self.isText(attributes), type?.isUTF8 == true, UnicodeText.isUTF8(data.span) {
            append(encoding: encoding)
            bytes.append(contentsOf: "\"data\":".utf8)
            append(string: String(decoding: data, as: UTF8.self))
        } else {
            append(encoding: isBase64 ? encoding : "base64")
            bytes.append(contentsOf: "\"data\":".utf8)
            append(base64: data)
        }
    }

    private mutating func append(encoding: String?) {
        guard let encoding else { return }
        append(name: "datacontentencoding", .string(encoding))
        bytes.append(0x2C)
    }

    private static func type(_ attributes: Attributes) -> MediaType? {
        attributes.text(of: "datacontenttype").flatMap { MediaType(Array($0.utf8).span) }
    }

    private static func isText(_ attributes: Attributes) -> Bool {
        guard let type = attributes.text(of: "datacontenttype") else { return false }
        return ASCII.hasPrefix(Array(type.utf8).span, ignoringCase: "text/")
    }

    private static func standsAsItIs(_ data: [UInt8]) -> Bool {
        JSONScanner.isValue(data.span, nestingMax: dataNestingMax)
    }

    private mutating func append(base64 data: [UInt8]) {
        bytes.append(0x22)
        Base64.append(data, to: &bytes)
        bytes.append(0x22)
    }

    private mutating func append(string text: String) {
        let digits: StaticString = "0123456789abcdef"
        bytes.append(0x22)
        for byte in text.utf8 {
            if byte == 0x22 || byte == 0x5C {
                bytes.append(0x5C)
                bytes.append(byte)
            } else if byte < 0x20 {
                bytes.append(contentsOf: "\\u00".utf8)
                bytes.append(digits.utf8Start[Int(byte >> 4)])
                bytes.append(digits.utf8Start[Int(byte & 15)])
            } else {
                bytes.append(byte)
            }
        }
        bytes.append(0x22)
    }
}
