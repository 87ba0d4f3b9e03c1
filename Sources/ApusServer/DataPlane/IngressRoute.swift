import ApusHTTP
import ApusIntake
import CloudEvents

/// What a request asks of the data plane, decided from its head alone: method first, then the path (promise 4).
enum IngressRoute: Sendable, Equatable {
    case event(namespace: String, broker: String)
    case options
    /// `GET /healthz`: the process answers.
    case health
    /// `GET /readyz`: whether it takes events.
    case readiness
    case refused(IntakeRefusal)

    init(_ head: RequestHead) {
        switch head.method {
        case .options: self = .options
        case .post: self = Self.event(head.headers.bytes.span, head.path)
        case .get where Self.isPath(head, "/healthz"): self = .health
        case .get where Self.isPath(head, "/readyz"): self = .readiness
        default: self = .refused(IntakeRefusal(.methodNotAllowed, "Events are sent with POST; OPTIONS is answered too."))
        }
    }

    private static func isPath(_ head: RequestHead, _ path: StaticString) -> Bool {
        guard head.path.count == path.utf8CodeUnitCount else { return false }
        return path.withUTF8Buffer { head.headers.bytes[head.path].elementsEqual($0) }
    }

    /// `/{namespace}/{broker}`, with or without a slash at the end.
    private static func event(_ bytes: Span<UInt8>, _ path: Range<Int>) -> IngressRoute {
        guard path.count > 1 else {
            return .refused(IntakeRefusal(.notFound, "There is nothing at /; a broker is at /{namespace}/{broker}."))
        }
        let slash = UInt8(ascii: "/")
        let start = path.lowerBound + 1
        let end = bytes[path.upperBound - 1] == slash ? path.upperBound - 1 : path.upperBound
        var middle = start
        while middle < end, bytes[middle] != slash { middle += 1 }
        guard middle > start, middle + 1 < end else { return malformed("A broker's path is /{namespace}/{broker}.") }
        for index in (middle + 1)..<end where bytes[index] == slash {
            return malformed("A broker's path is /{namespace}/{broker}, and no more.")
        }
        guard let namespace = ResourceName.decode(bytes, start..<middle, kind: .label) else {
            return malformed("The path's namespace is no Kubernetes name (RFC 1123 label).")
        }
        guard let broker = ResourceName.decode(bytes, (middle + 1)..<end, kind: .subdomain) else {
            return malformed("The path's broker is no Kubernetes name (RFC 1123 subdomain).")
        }
        return .event(namespace: namespace, broker: broker)
    }

    private static func malformed(_ message: String) -> IngressRoute { .refused(IntakeRefusal(.malformedPath, message)) }
}

/// Names of Kubernetes resources in a path.
enum ResourceName {
    enum Kind: Sendable {
        /// At most 63 of `a-z`, `0-9` and `-`.
        case label
        /// At most 253 characters: labels with dots between them.
        case subdomain
    }

    /// Decodes percent-encoding (RFC 3986, section 2.1); nil where that, or the name, is not valid.
    static func decode(_ bytes: Span<UInt8>, _ range: Range<Int>, kind: Kind) -> String? {
        var name: [UInt8] = []
        name.reserveCapacity(range.count)
        var index = range.lowerBound
        while index < range.upperBound {
            if bytes[index] == UInt8(ascii: "%") {
                guard index + 2 < range.upperBound, let high = hexDigit(bytes[index + 1]), let low = hexDigit(bytes[index + 2])
                else { return nil }
                name.append(high << 4 | low)
                index += 3
            } else {
                name.append(bytes[index])
                index += 1
            }
        }
        return isValid(name.span, kind) ? String(decoding: name, as: UTF8.self) : nil
    }

    private static func isValid(_ name: Span<UInt8>, _ kind: Kind) -> Bool {
        guard !name.isEmpty, name.count <= (kind == .label ? 63 : 253) else { return false }
        // A label begins and ends with a letter or a digit; a dot is the edge of two labels.
        var isAtEdge = true
        for index in name.indices {
            switch name[index] {
            case 48...57, 97...122: isAtEdge = false
            case UInt8(ascii: "-"):
                guard !isAtEdge, index + 1 < name.count, name[index + 1] != UInt8(ascii: ".") else { return false }
            case UInt8(ascii: ".") where kind == .subdomain:
                guard !isAtEdge else { return false }
                isAtEdge = true
            default: return false
            }
        }
        return !isAtEdge
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 48...57: byte - 48
        case 65...70: byte - 55
        case 97...102: byte - 87
        default: nil
        }
    }
}
