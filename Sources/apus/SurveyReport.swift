import ApusResources

/// What a replay would send, as `apus replay --dry-run` prints it. Pure.
struct SurveyReport {
    /// What the node answered: a `ReplaySurvey`.
    var document: DocumentNode

    var lines: [String] {
        var lines = [head]
        let triggers = members("byTrigger")
        if !triggers.isEmpty { lines += [""] + Console.table(["TRIGGER", "EVENTS"], triggers.map { [$0.name, $0.text] }) }
        let left = members("excluded")
        if !left.isEmpty {
            lines += ["", "left out: " + left.map { "\($0.text) \($0.name)" }.joined(separator: ", ")]
        }
        guard case .sequence(let sample)? = document["sample"]?.content, !sample.isEmpty else { return lines + [foot] }
        let columns = ["position", "time", "type", "source", "subject", "id", "trigger", "reason"]
        let rows = sample.map { event in columns.map { $0 == "time" ? Self.moment(event[$0]) : Self.cell(event[$0]) } }
        // A column that no event fills says nothing.
        let shown = columns.indices.filter { index in rows.contains { !$0[index].isEmpty } }
        let isWhole = "\(sample.count)" == Self.text(document["matched"])
        lines += ["", isWhole ? "Here they are:" : "The first of them:"]
        lines += Console.table(shown.map { columns[$0].uppercased() }, rows.map { row in shown.map { row[$0] } })
        return lines + ["", foot]
    }

    private var foot: String { "Nothing was sent: leave out --dry-run to send." }

    private var head: String {
        let matched = number("matched"), scanned = number("scanned")
        let from = document["from"]?.text ?? "the beginning", until = document["until"]?.text ?? "the end"
        // An event that two triggers take is sent twice.
        let range = "\(scanned) events from \(from) until \(until)"
        let text =
            members("byTrigger").count > 1
            ? "\(matched) deliveries of the \(range) would be made" : "\(matched) of the \(range) would be sent"
        guard let oldest = document["oldest"]?.text, let newest = document["newest"]?.text else { return text }
        return "\(text) (\(EventTable.milliseconds(oldest)) to \(EventTable.milliseconds(newest)))"
    }

    private func number(_ name: String) -> String {
        let text = Self.text(document[name])
        return text.isEmpty ? "0" : text
    }

    private func members(_ name: String) -> [(name: String, text: String)] {
        guard case .mapping(let members)? = document[name]?.content else { return [] }
        return members.map { ($0.name, Self.text($0.value)) }.filter { $0.text != "0" || name == "byTrigger" }
    }

    private static func text(_ node: DocumentNode?) -> String {
        switch node?.content {
        case .string(let text), .number(let text): text
        default: ""
        }
    }

    private static func moment(_ node: DocumentNode?) -> String {
        let text = text(node)
        return text.isEmpty ? "" : EventTable.milliseconds(text)
    }

    /// One line, whatever the event has in it.
    private static func cell(_ node: DocumentNode?) -> String {
        String(text(node).map { $0.isNewline || $0 == "\t" ? " " : $0 })
    }
}
