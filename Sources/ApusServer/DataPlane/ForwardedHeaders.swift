import ApusPorts
import CloudEvents

/// The fields of a request that travel with its events (promise 3; knative.md item 31): `x-request-id`, `retry-after`, the
/// prefixes `knative-` and `x-b3-`, and the trace context.
enum ForwardedHeaders {
    static func of(_ headers: HeaderBlock) -> [ForwardedHeader] {
        var forwarded: [ForwardedHeader] = []
        let bytes = headers.bytes.span
        for field in headers.fields where isForwarded(bytes, field.name) {
            // Text that is no UTF-8 could not leave as it came.
            guard let value = String(validating: headers.bytes[field.value], as: UTF8.self) else { continue }
            let name = headers.bytes[field.name].map { $0 >= 65 && $0 <= 90 ? $0 | 0x20 : $0 }
            forwarded.append(ForwardedHeader(name: String(decoding: name, as: UTF8.self), value: value))
        }
        return forwarded
    }

    /// Most fields are told apart by their first letter and their length.
    private static func isForwarded(_ bytes: Span<UInt8>, _ name: Range<Int>) -> Bool {
        switch bytes[name.lowerBound] | 0x20 {
        case UInt8(ascii: "x"):
            name.count == 12 && has(bytes, name, "x-request-id") || name.count > 5 && has(bytes, name, "x-b3-")
        case UInt8(ascii: "k"): name.count > 8 && has(bytes, name, "knative-")
        case UInt8(ascii: "t"):
            name.count == 11 && has(bytes, name, "traceparent") || name.count == 10 && has(bytes, name, "tracestate")
        case UInt8(ascii: "r"): name.count == 11 && has(bytes, name, "retry-after")
        default: false
        }
    }

    /// Whether a name begins with `prefix`, in any case of letters.
    private static func has(_ bytes: Span<UInt8>, _ name: Range<Int>, _ prefix: StaticString) -> Bool {
        prefix.withUTF8Buffer { prefix in
            for index in 0..<prefix.count {
                let byte = bytes[name.lowerBound + index]
                guard (byte >= 65 && byte <= 90 ? byte | 0x20 : byte) == prefix[index] else { return false }
            }
            return true
        }
    }
}
