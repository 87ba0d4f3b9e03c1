/// Filters as a person writes them on a command line, repeated where all must match.
///
/// `NAME=VALUE` asks that an attribute equals a value: letters and digits in lower case, directly followed by `=`, and then a
/// value that neither begins with a space nor has a quote in it. Anything else is a CESQL expression.
public enum FilterText {
    /// Knative's `filters`, one item a text: `{exact: {NAME: VALUE}}` or `{cesql: TEXT}`. Throws what is wrong with the first
    /// text that no filter can be made of; its path is empty.
    public static func filters(_ texts: [String]) throws(FieldError) -> [DocumentNode] {
        var filters: [DocumentNode] = []
        for text in texts { filters.append(try filter(text)) }
        return filters
    }

    private static func filter(_ text: String) throws(FieldError) -> DocumentNode {
        guard text.utf8.contains(where: { $0 > 0x20 }) else {
            throw FieldError(path: "", message: "\"\(text)\" is no filter: NAME=VALUE or a CESQL expression is needed")
        }
        guard let (name, value) = pair(text) else { return .mapping([("cesql", .string(text))]) }
        return .mapping([("exact", .mapping([(name, .string(value))]))])
    }

    private static func pair(_ text: String) -> (name: String, value: String)? {
        let bytes = text.utf8
        guard let equals = bytes.firstIndex(of: UInt8(ascii: "=")), equals > bytes.startIndex else { return nil }
        let (name, value) = (bytes[..<equals], bytes[bytes.index(after: equals)...])
        guard name.allSatisfy({ (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) }), value.first != 0x20,
            !value.contains(where: { $0 == UInt8(ascii: "'") || $0 == UInt8(ascii: "\"") })
        else { return nil }
        return (String(Substring(name)), String(Substring(value)))
    }
}
