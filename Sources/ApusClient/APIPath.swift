/// A path of the control plane with its query, percent-encoded (RFC 3986, sections 3.3 and 3.4).
package struct APIPath {
    private var segments: [String]
    private var query: [(name: String, value: String)] = []

    /// `/v1/namespaces/{namespace}/brokers/{broker}/…`
    package static func broker(_ namespace: String, _ broker: String, _ rest: String...) -> APIPath {
        APIPath(["v1", "namespaces", namespace, "brokers", broker] + rest)
    }

    package init(_ segments: [String]) { self.segments = segments }

    /// Adds a parameter; nothing where the value is nil.
    package func with(_ name: String, _ value: String?) -> APIPath {
        var copy = self
        if let value { copy.query.append((name, value)) }
        return copy
    }

    package var text: String {
        let path = segments.map { "/" + Self.encoded($0) }.joined()
        let parameters = query.map { "\(Self.encoded($0.name))=\(Self.encoded($0.value))" }
        return parameters.isEmpty ? path : path + "?" + parameters.joined(separator: "&")
    }

    /// All but the unreserved characters, and the colon of positions, which both may hold.
    private static func encoded(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"), UInt8(ascii: ":"):
                bytes.append(byte)
            default: bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
