import ApusPorts
import CloudEvents

/// The pieces that a passport's sentences are made of.
enum PassportSentence {
    /// RFC 3339 in UTC with milliseconds: columns stay columns.
    static func time(_ moment: Timestamp) -> String {
        let text = Array(moment.rfc3339.utf8)
        // YYYY-MM-DDTHH:MM:SS, then perhaps a fraction, then Z.
        let digits = text.dropFirst(20).filter { (0x30...0x39).contains($0) } + Array("000".utf8)
        return String(decoding: text[..<19] + [UInt8(ascii: ".")] + digits[..<3] + [UInt8(ascii: "Z")], as: UTF8.self)
    }

    static func ordinal(_ number: Int) -> String {
        let words = ["the first", "the second", "the third"]
        return words.indices.contains(number - 1) ? words[number - 1] : "the \(number)th"
    }

    static func attempts(_ count: Int) -> String { count == 1 ? "1 attempt" : "\(count) attempts" }

    static func events(_ count: Int64) -> String { count == 1 ? "1 event is" : "\(count) events are" }

    /// What an attempt that failed met: `503 "out of order"`, or the transport error.
    static func failure(_ trace: DeliveryTrace) -> String { failure(status: trace.status, text: trace.text) }

    static func failure(status: Int, text: [UInt8]) -> String {
        let text = line(text)
        if status == 0 { return text.isEmpty ? "no answer" : text }
        return text.isEmpty ? "\(status)" : "\(status) \"\(text)\""
    }

    /// Bytes of an answer on one line, cut to what is shown of them.
    static func line(_ bytes: [UInt8]) -> String {
        var shown = line(String(decoding: bytes.prefix(Limits.traceTextBytesMax), as: UTF8.self))
        while shown.hasSuffix(" ") { shown.removeLast() }
        return bytes.count > Limits.traceTextBytesMax ? shown + "…" : shown
    }

    /// Text on one line: a control character could move a terminal's cursor.
    static func line(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isControl) else { return text }
        var scalars = String.UnicodeScalarView()
        for scalar in text.unicodeScalars { scalars.append(isControl(scalar) ? " " : scalar) }
        return String(scalars)
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
    }

    /// Names in a sentence: the first few, and how many more there are.
    static func names(_ names: [String]) -> String {
        let shown = names.prefix(namesMax).map { "`\($0)`" }
        guard names.count > namesMax else { return list(shown) }
        return shown.joined(separator: ", ") + " and \(names.count - namesMax) more"
    }

    private static func list(_ parts: [String]) -> String {
        guard parts.count > 1, let last = parts.last else { return parts.first ?? "" }
        return parts.dropLast().joined(separator: ", ") + " and " + last
    }

    private static let namesMax = 5
}
