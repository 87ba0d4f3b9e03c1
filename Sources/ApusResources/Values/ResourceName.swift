/// The names that Kubernetes allows.
enum ResourceName {
    /// RFC 1123 label: what a namespace is named.
    static func isLabel(_ name: String) -> Bool { isDNS(name.utf8, lengthMax: 63) }

    /// RFC 1123 subdomain: labels with dots between them, 253 bytes at most; what a resource is named.
    static func isSubdomain(_ name: String) -> Bool {
        name.utf8.count <= 253
            && name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
                .allSatisfy { isDNS($0, lengthMax: 253) }
    }

    /// What a qualified name says after its slash, and what a label's value is where it is not empty.
    static func isToken(_ text: some Collection<UInt8>) -> Bool {
        let edges = [text.first, text.dropFirst(max(0, text.count - 1)).first]
        return (1...63).contains(text.count) && text.allSatisfy { isAlphanumeric($0) || "-_.".utf8.contains($0) }
            && edges.allSatisfy { $0.map(isAlphanumeric) ?? false }
    }

    /// The name of a label or an annotation: `prefix/name` or `name`.
    static func isQualified(_ text: String) -> Bool {
        let parts = text.utf8.split(separator: UInt8(ascii: "/"), maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { return isToken(text.utf8) }
        return isSubdomain(String(decoding: parts[0], as: UTF8.self).lowercased()) && isToken(parts[1])
    }

    private static func isDNS(_ name: some Collection<UInt8>, lengthMax: Int) -> Bool {
        guard let first = name.first, let last = name.dropFirst(name.count - 1).first else { return false }
        let isAllowed = name.allSatisfy { isLower($0) || $0 == UInt8(ascii: "-") }
        return name.count <= lengthMax && isAllowed && isLower(first) && isLower(last)
    }

    private static func isLower(_ byte: UInt8) -> Bool {
        (byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z")) || (byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9"))
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        isLower(byte) || (byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z"))
    }
}
