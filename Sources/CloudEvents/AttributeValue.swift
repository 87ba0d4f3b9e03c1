extension AttributeValue: Equatable {
    /// The canonical string form (core specification, section 2.4).
    public var text: String {
        switch self {
        case .boolean(let value): value ? "true" : "false"
        case .integer(let value): String(value)
        case .binary(let bytes): Base64.encode(bytes)
        case .string(let text), .uri(let text), .uriReference(let text), .timestamp(let text): text
        }
    }

    public static func == (left: AttributeValue, right: AttributeValue) -> Bool {
        switch (left, right) {
        case (.boolean(let a), .boolean(let b)): a == b
        case (.integer(let a), .integer(let b)): a == b
        case (.binary(let a), .binary(let b)): a == b
        case (.string(let a), .string(let b)), (.uri(let a), .uri(let b)), (.uriReference(let a), .uriReference(let b)),
            (.timestamp(let a), .timestamp(let b)):
            a.utf8.elementsEqual(b.utf8)
        default: false
        }
    }
}
