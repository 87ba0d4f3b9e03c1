import ApusClient
import ApusResources

/// Dead letters as tables. Pure.
enum LetterTable {
    /// One line a kind of error.
    static func lines(of tally: LetterTally) -> [String] {
        let rows = tally.groups.map { group in
            [
                Printable.cell(group.trigger), group.reason, status(group.status), Printable.cell(orDash(group.error)),
                String(group.count), EventTable.milliseconds(group.firstTime), EventTable.milliseconds(group.lastTime),
                group.sample,
            ]
        }
        return Console.table(["TRIGGER", "REASON", "STATUS", "ERROR", "COUNT", "FIRST", "LAST", "NEWEST"], rows)
    }

    /// One line a letter.
    static func lines(of letters: [LetterView]) -> [String] {
        let rows = letters.map { letter in
            [
                letter.text("position"), EventTable.milliseconds(letter.text("time")), Printable.cell(letter.text("trigger")),
                letter.text("reason"), status(Int(letter.text("status")) ?? 0), letter.text("attempts"),
                Printable.cell(letter.event("type")), Printable.cell(letter.event("id")), letter.text("state"),
            ]
        }
        return Console.table(["POSITION", "TIME", "TRIGGER", "REASON", "STATUS", "ATTEMPTS", "TYPE", "ID", "STATE"], rows)
    }

    /// `12 dead letters, 2 kinds of error`.
    static func count(_ tally: LetterTally) -> String {
        count(tally.count, words: "", kinds: tally.groups.count, more: tally.others)
    }

    /// `12 dead letters of trigger orders, 2 kinds of error`.
    static func count(_ count: Int, words: String, kinds: Int, more: Int = 0) -> String {
        let letters = count == 1 ? "1 dead letter" : "\(count) dead letters"
        let sorts = kinds == 1 ? "1 kind of error" : "\(kinds)\(more > 0 ? " and more" : "") kinds of error"
        return "\(letters)\(words), \(sorts)"
    }

    private static func status(_ status: Int) -> String { status == 0 ? "-" : String(status) }
    private static func orDash(_ text: String) -> String { text.isEmpty ? "-" : text }
}

extension LetterTally {
    /// The letters of a list, the newest first, by kind.
    init(of letters: [LetterView]) {
        self.init()
        for letter in letters {
            count += 1
            add(
                LetterGroup(
                    trigger: letter.text("trigger"), reason: letter.text("reason"), status: Int(letter.text("status")) ?? 0,
                    error: letter.text("error"), count: 1, firstTime: letter.text("time"), lastTime: letter.text("time"),
                    sample: letter.text("position")))
        }
    }
}
