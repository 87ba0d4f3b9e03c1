/// Bytes as Kubernetes writes quantities: `1048576`, `512Mi`, `10Gi`, `5G`.
enum Quantity {
    private static let units: [(suffix: String, factor: Int64)] = [
        ("Ki", 1 << 10), ("Mi", 1 << 20), ("Gi", 1 << 30), ("Ti", 1 << 40), ("k", 1000), ("M", 1_000_000),
        ("G", 1_000_000_000), ("T", 1_000_000_000_000),
    ]

    /// nil where the text is no whole quantity, is not above 0, or does not fit.
    static func bytes(_ text: String) -> Int64? {
        let unit = units.first { text.hasSuffix($0.suffix) }
        guard let number = count(String(text.dropLast(unit?.suffix.count ?? 0))) else { return nil }
        let (value, overflow) = number.multipliedReportingOverflow(by: unit?.factor ?? 1)
        return overflow ? nil : value
    }

    /// A whole number above 0 in decimal digits alone.
    static func count(_ text: String) -> Int64? {
        guard text.utf8.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }), let value = Int64(text), value > 0
        else { return nil }
        return value
    }
}
