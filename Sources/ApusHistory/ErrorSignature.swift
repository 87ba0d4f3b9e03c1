import ApusResources

/// What is the same about errors of one kind: the status, and the answer's first line without what differs from event to event.
///
/// Pure, and the same in every version: `specs/history/signatures.yaml` holds it fast. Dead letters are grouped by it.
package struct ErrorSignature: Sendable, Hashable, CustomStringConvertible {
    /// The last HTTP status; 500 where it is a transport error's text, 0 where nothing was tried.
    package let status: Int
    /// At most ``scalarsMax`` Unicode scalars; empty where the answer had no text.
    package let text: String

    package static let scalarsMax = 120

    /// - Parameter body: The answer's first bytes, or the transport error's text.
    package init(status: Int, body: [UInt8]) {
        self.status = status
        guard let whole = AnswerText.text(of: body) else {
            text = "<binary>"
            return
        }
        var line = SignatureLine(ErrorSignature.telling(whole, body))
        let scalars = line.normalised()
        var kept = String.UnicodeScalarView()
        kept.append(contentsOf: scalars.prefix(scalars.count > Self.scalarsMax ? Self.scalarsMax - 1 : Self.scalarsMax))
        if scalars.count > Self.scalarsMax { kept.append("…") }
        text = String(kept)
    }

    package var description: String { text.isEmpty ? "\(status)" : "\(status) \(text)" }

    /// The part of an answer that says what was wrong: a known member of a JSON object, the title of a page, else the first line
    /// that has a letter or a digit.
    private static func telling(_ whole: String, _ body: [UInt8]) -> [Unicode.Scalar] {
        if let document = try? JSONReader.document(body), let sentence = sentence(in: document) { return firstLine(sentence) }
        if let title = title(whole) { return firstLine(title) }
        return firstLine(whole)
    }

    /// RFC 9457's `detail` and `title`, OAuth's `error_description`, and what else is common.
    private static let members = ["message", "detail", "error_description", "error", "errors", "title", "reason", "msg"]

    private static func sentence(in document: DocumentNode, depth: Int = 0) -> String? {
        if let text = document.text { return text.isEmpty ? nil : text }
        guard depth < 4 else { return nil }
        if case .sequence(let items) = document.content { return items.first.flatMap { sentence(in: $0, depth: depth + 1) } }
        for member in members {
            if let found = document[member].flatMap({ sentence(in: $0, depth: depth + 1) }) { return found }
        }
        return nil
    }

    private static func title(_ page: String) -> String? {
        guard page.utf8.first(where: { $0 > 0x20 }) == UInt8(ascii: "<"), let start = page.firstRange(of: "<title>"),
            let end = page[start.upperBound...].firstRange(of: "</title>")
        else { return nil }
        return String(page[start.upperBound..<end.lowerBound])
    }

    private static func firstLine(_ text: String) -> [Unicode.Scalar] {
        let lines = text.unicodeScalars.split { $0 == "\n" || $0 == "\r" }
        return lines.first { $0.contains { SignatureLine.isTelling($0) } }.map(Array.init) ?? []
    }
}

/// An answer's first bytes as text.
package enum AnswerText {
    /// The text, where the bytes are UTF-8 and no control characters but tabs and line ends; nil for anything else. The bytes may
    /// have been cut within a character.
    package static func text(of bytes: [UInt8]) -> String? {
        guard let text = String(validating: bytes.dropLast(cutLength(bytes)), as: UTF8.self) else { return nil }
        let isText = text.unicodeScalars.allSatisfy { scalar in
            scalar.value >= 0x20 && !(0x7F...0x9F).contains(scalar.value) || scalar == "\n" || scalar == "\r" || scalar == "\t"
        }
        return isText ? text : nil
    }

    /// How many bytes at the end begin a character that does not end.
    private static func cutLength(_ bytes: [UInt8]) -> Int {
        for length in 1...3 where length < bytes.count {
            let byte = bytes[bytes.count - length]
            if byte & 0xC0 == 0x80 { continue }
            let whole = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1
            return whole > length ? length : 0
        }
        return 0
    }
}
