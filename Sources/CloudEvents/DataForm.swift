/// How data stands in a JSON document: what a person can read stays readable (JSON event format, section 3.1).
package enum DataForm: Sendable {
    /// A JSON value of a JSON media type: stands as it is.
    case json
    /// Text of any other media type, in UTF-8 and without control characters but tab and line ends: stands as a string.
    case text
    /// Anything else: Base64.
    case bytes

    /// - Parameter contentType: The `datacontenttype`; nil where the event has none, which says nothing about the data.
    package init(_ data: [UInt8], contentType: String?) {
        guard let type = contentType.flatMap({ MediaType(Array($0.utf8).span) }) else {
            self = .bytes
            return
        }
        if type.isJSON {
            self = JSONScanner.isValue(data.span, nestingMax: FormatLimits().nesting - 1) ? .json : .bytes
        } else {
            self = type.isUTF8 && Self.isReadable(data) ? .text : .bytes
        }
    }

    private static func isReadable(_ data: [UInt8]) -> Bool {
        UnicodeText.isUTF8(data.span) && data.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 || $0 == 0x0A || $0 == 0x0D }
    }
}
