import ApusClient
import ApusResources
import Foundation

/// One dead letter with all that is known of it, for a person. Pure.
struct LetterText {
    /// As the node gave it.
    let document: DocumentNode

    private static let answerLinesMax = 20
    private static let hexBytesMax = 64

    func lines(hasColour: Bool = Terminal.hasColour) -> [String] {
        func title(_ text: String) -> String { Colour.bold.paint(text, if: hasColour) }
        var lines = EventText.facts(facts, width: 13, hasColour)
        if let answer = document["answer"] { lines += [title("What came back:")] + Self.shown(answer).map { "  " + $0 } }
        // On the dead stream a trigger's own reader feeds its dead letter sink.
        let rows =
            document.items("trail").map { Self.row($0) }
            + document.items("laterAttempts").map { attempt in
                Self.row(attempt, by: attempt["reader"]?.text?.contains("/") == true ? nil : "dead letter sink")
            }
        if !rows.isEmpty {
            let table = Console.table(["WHO", "ATTEMPT", "TIME", "TOOK", "STATUS", "CAME TO", "ANSWER"], rows)
            lines += [title("Attempts:")] + table.map { "  " + $0 }
        }
        // The event's own position is the one to look for it by.
        let event = EventView(.mapping([("position", document["original"]), ("event", document["event"])]))
        return lines + EventText.content(of: event, hasColour: hasColour)
    }

    private var facts: [(String, String)] {
        var facts = [
            ("Position", text("position")), ("Time", text("time")), ("State", state), ("Trigger", text("trigger")),
            ("Reason", "\(text("reason")): \(Self.meaning[text("reason")] ?? "")"),
        ]
        if !text("destination").isEmpty { facts.append(("Destination", text("destination"))) }
        if text("status") != "0" { facts.append(("Last status", text("status"))) }
        let attempts = text("attempts")
        if attempts != "0" {
            facts.append(("Attempts", "\(attempts), from \(text("firstAttemptTime")) to \(text("lastAttemptTime"))"))
        }
        if !text("original").isEmpty { facts.append(("Event", "\(text("original")) (apus why \(text("original")))")) }
        if let copyOf = document["copyOf"]?.text { facts.append(("Copy of", copyOf)) }
        let copies = document.items("copies").compactMap(\.text)
        if !copies.isEmpty { facts.append(("Copy", copies.joined(separator: ", "))) }
        return facts
    }

    /// `redriven by redrive-x7k2p at 2026-01-01T00:00:00Z, 2 attempts`.
    private var state: String {
        guard let mark = document["mark"] else { return text("state") }
        var words = text("state")
        if let replay = mark["replay"]?.text { words += " by \(replay)" }
        if let at = mark["at"]?.text { words += " at \(at)" }
        if let attempts = mark["attempts"]?.plainText, attempts != "0" {
            words += attempts == "1" ? ", 1 attempt" : ", \(attempts) attempts"
        }
        if let status = mark["status"]?.plainText, status != "0", text("state").hasSuffix("failed") {
            words += ", status \(status)"
        }
        if let text = mark["text"]?.text, !text.isEmpty { words += ": \(Printable.words(text))" }
        return words
    }

    private static let meaning = [
        "rejected": "the subscriber answered with a status that is not retried",
        "retries-exhausted": "the last attempt that the policy allows failed",
        "hops-exhausted": "the subscriber's reply had no hops left; a redrive appends it to the broker",
        "unreadable": "a source's record that cannot become an event; it cannot be redriven",
        "edited": "a changed copy, made to be redriven",
    ]

    private func text(_ name: String) -> String { document.string(name) }

    /// Text as it is, anything else in hexadecimal.
    private static func shown(_ answer: DocumentNode) -> [String] {
        if let text = answer["text"]?.text {
            var lines = Printable.lines(text)
            if lines.count > 1, lines.last?.isEmpty == true { lines.removeLast() }
            return lines.prefix(answerLinesMax) + (lines.count > answerLinesMax ? ["… \(lines.count) lines in all"] : [])
        }
        let bytes = Array(Data(base64Encoded: answer["base64"]?.text ?? "") ?? Data())
        let rows = stride(from: 0, to: min(bytes.count, hexBytesMax), by: 16).map { start in
            bytes[start..<min(start + 16, bytes.count)].map { byte in
                (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }.joined(separator: " ")
        }
        return ["\(bytes.count) bytes that are no text:"] + rows
            + (bytes.count > hexBytesMax ? ["… -o json has them all, as Base64"] : [])
    }

    private static func row(_ attempt: DocumentNode, by reader: String? = nil) -> [String] {
        func text(_ name: String) -> String { attempt.string(name) }
        let took = DurationText.rounded(.microseconds(attempt["microseconds"]?.wholeNumber() ?? Int64(0)))
        let ending: String =
            switch text("ending") {
            case "retry": "retry at \(EventTable.milliseconds(text("nextAttemptTime")))"
            case "replied": "replied \(text("reply"))"
            case "dead": "dead letter \(text("deadLetter"))"
            case let other: other
            }
        return [
            Printable.cell(reader ?? text("reader")), text("attempt"), EventTable.milliseconds(text("time")), took,
            text("status") == "0" ? "-" : text("status"), ending, attempt.answerCell,
        ]
    }
}
