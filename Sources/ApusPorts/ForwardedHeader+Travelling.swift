public import CloudEvents

extension ForwardedHeader {
    /// The fields of a message that travel with its event (knative.md, item 31): `x-request-id`, `retry-after`, and those that
    /// begin with `knative-` or `x-b3-`; the trace context too where it is asked for (promise 3).
    ///
    /// A value that is no UTF-8 could not leave as it came, and stays behind.
    public static func travelling(in headers: HeaderBlock, withTrace: Bool) -> [ForwardedHeader] {
        var travelling: [ForwardedHeader] = []
        let bytes = headers.bytes.span
        for field in headers.fields where travels(bytes, field.name, withTrace: withTrace) {
            guard let value = String(validating: headers.bytes[field.value], as: UTF8.self) else { continue }
            let name = headers.bytes[field.name].map(lowercased)
            travelling.append(ForwardedHeader(name: String(decoding: name, as: UTF8.self), value: value))
        }
        return travelling
    }

    /// Most fields are told apart by their first letter and their length.
    private static func travels(_ bytes: Span<UInt8>, _ name: Range<Int>, withTrace: Bool) -> Bool {
        guard !name.isEmpty else { return false }
        return switch lowercased(bytes[name.lowerBound]) {
        case UInt8(ascii: "x"):
            name.count == 12 && begins(bytes, name, "x-request-id") || name.count > 5 && begins(bytes, name, "x-b3-")
        case UInt8(ascii: "k"): name.count > 8 && begins(bytes, name, "knative-")
        case UInt8(ascii: "t"):
            withTrace
                && (name.count == 11 && begins(bytes, name, "traceparent")
                    || name.count == 10 && begins(bytes, name, "tracestate"))
        case UInt8(ascii: "r"): name.count == 11 && begins(bytes, name, "retry-after")
        default: false
        }
    }

    /// Whether a name that is long enough begins with `prefix`, in any case of letters.
    private static func begins(_ bytes: Span<UInt8>, _ name: Range<Int>, _ prefix: StaticString) -> Bool {
        prefix.withUTF8Buffer { prefix in
            for index in prefix.indices where lowercased(bytes[name.lowerBound + index]) != prefix[index] { return false }
            return true
        }
    }

    private static func lowercased(_ byte: UInt8) -> UInt8 { byte >= 65 && byte <= 90 ? byte | 0x20 : byte }
}
