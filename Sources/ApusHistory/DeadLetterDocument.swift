package import ApusPorts
package import ApusResources
import CloudEvents

// Dead letters as the control plane writes them, under `/v1/…/deadletters`.

extension DeadLetterLine {
    /// `event` names the event; its data is shown by the single letter.
    package var document: DocumentNode {
        let attributes = record.event.attributes
        return .mapping([
            ("position", .string("\(position)")), ("time", .string(record.appendedAt.rfc3339)),
            ("state", .string(state.rawValue)), ("trigger", .string(letter.trigger)),
            ("reason", .string(letter.reason.rawValue)), ("status", .integer(letter.status)),
            ("error", .string(ErrorSignature(status: letter.status, body: letter.body).text)),
            ("attempts", .integer(letter.attempts)), ("destination", .string(letter.destination)),
            (
                "event",
                .mapping(
                    [("position", letter.reason == .unreadable ? nil : .string("\(letter.position)"))]
                        + ["id", "source", "type", "subject", "time"].map { name in
                            (name, attributes.text(of: name).map { .string($0) })
                        })
            ),
            ("mark", mark?.document),
        ])
    }
}

extension DeadLetterReach {
    /// How far was looked, as members of an answer.
    package var members: [(String, DocumentNode?)] {
        [
            ("from", .string("\(Position(offset: range.lowerBound))")),
            ("until", .string("\(Position(offset: range.upperBound))")), ("scanned", .integer(scanned)),
            ("damaged", damaged == 0 ? nil : .integer(damaged)), ("incomplete", isIncomplete ? .boolean(true) : nil),
            ("cursor", next.map { .string("\(Position(offset: $0))") }),
        ]
    }
}

extension DeadLetterPage {
    package var document: DocumentNode {
        .mapping([("deadLetters", .sequence(lines.map(\.document)))] + reach.members)
    }
}

extension DeadLetterGroup {
    package var document: DocumentNode {
        .mapping([
            ("trigger", .string(key.trigger)), ("reason", .string(key.reason.rawValue)),
            ("status", .integer(key.error.status)), ("error", .string(key.error.text)), ("count", .integer(count)),
            ("firstTime", .string(firstAt.rfc3339)), ("lastTime", .string(lastAt.rfc3339)), ("sample", .string("\(sample)")),
        ])
    }
}

extension DeadLetterGroups {
    package var document: DocumentNode {
        .mapping(
            [
                ("groups", .sequence(groups.map(\.document))), ("count", .integer(count)),
                ("others", others == 0 ? nil : .integer(others)),
            ] + reach.members)
    }
}

extension DeadLetterDetail {
    /// The record (``RecordDocument``) with what became of it.
    package var document: DocumentNode {
        var record = self.record
        record.event.deadLetter = nil
        guard case .mapping(let members) = RecordDocument.node(record).content else { return RecordDocument.node(record) }
        let known = DocumentNode.mapping([
            ("state", .string(state.rawValue)), ("trigger", .string(letter.trigger)),
            ("reason", .string(letter.reason.rawValue)), ("status", .integer(letter.status)),
            ("error", .string(ErrorSignature(status: letter.status, body: letter.body).text)),
            ("answer", BytesDocument.of(letter.body)), ("attempts", .integer(letter.attempts)),
            ("destination", .string(letter.destination)), ("firstAttemptTime", .string(letter.firstAttemptAt.rfc3339)),
            ("lastAttemptTime", .string(letter.lastAttemptAt.rfc3339)),
            ("original", letter.reason == .unreadable ? nil : .string("\(letter.position)")),
            ("mark", mark?.document),
            ("trail", .sequence(attempts.map(\.document))), ("laterAttempts", .sequence(later.map(\.document))),
            ("copies", copies.isEmpty ? nil : .sequence(copies.map { .string("\($0)") })),
            ("copyOf", original.map { .string("\($0)") }),
        ])
        guard case .mapping(let more) = known.content else { return known }
        return DocumentNode(.mapping(members + more))
    }
}

/// Bytes of any kind in a document: as text where they are text.
package enum BytesDocument {
    /// `{"text": …}` or `{"base64": …}`; nil for none.
    package static func of(_ bytes: [UInt8]) -> DocumentNode? {
        guard !bytes.isEmpty else { return nil }
        if let text = AnswerText.text(of: bytes) { return .mapping([("text", .string(text))]) }
        return .mapping([("base64", .string(Base64.encode(bytes)))])
    }
}

extension DeliveryTrace {
    package var document: DocumentNode {
        let (ending, more): (String, [(String, DocumentNode?)]) =
            switch ending {
            case .delivered: ("delivered", [])
            case .replied(let position): ("replied", [("reply", .string("\(position)"))])
            case .retry(let dueAt): ("retry", [("nextAttemptTime", .string(dueAt.rfc3339))])
            case .dead(let position): ("dead", [("deadLetter", .string("\(position)"))])
            case .abandoned: ("abandoned", [])
            }
        return .mapping(
            [
                ("reader", .string(reader)), ("attempt", .integer(attempt)), ("time", .string(beganAt.rfc3339)),
                ("microseconds", .integer(microseconds)), ("status", .integer(status)), ("answer", BytesDocument.of(text)),
                ("ending", .string(ending)),
            ] + more)
    }
}
