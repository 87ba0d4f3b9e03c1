import ApusResources
import CloudEvents

/// What `apus why` prints of the node's answer. Pure.
enum PassportText {
    /// Whether the node knows anything of the event.
    static func isKnown(_ found: DocumentNode) -> Bool {
        !found.items("passports").isEmpty || !found.items("positions").isEmpty || !found.items("refusals").isEmpty
    }

    /// Much of it is text of strangers: ids that were refused, what a refusal quotes.
    static func lines(_ found: DocumentNode, now: Timestamp) -> [String] { blocks(found, now: now).map(Printable.line) }

    private static func blocks(_ found: DocumentNode, now: Timestamp) -> [String] {
        let passports = found.items("passports")
        var blocks = passports.map { lines(ofPassport: $0, now: now) }
        let shown = Set(passports.map(place))
        let others = found.items("positions").filter { !shown.contains(place($0)) }
        if !others.isEmpty { blocks.append(["More events have this id:"] + others.map { "  \(command($0))" }) }
        blocks += found.items("refusals").map { lines(ofRefusal: $0, id: found.string("id")) }
        return Array(blocks.joined(separator: [""]))
    }

    /// What is said where nothing is known: what was looked at, so that nobody has to guess.
    static func unknown(_ event: String, _ found: DocumentNode, position: String?) -> [String] {
        let since = time(found, "refusalsSince")
        var lines = ["No event with the id \(Printable.line(event)) is in the log, and none was refused since \(since)."]
        if let position { lines.append("Nor is it a position there: \(position)") }
        let places = found.items("searched")
        guard !places.isEmpty else { return lines + ["No broker's log was looked at: there is none that is open and fits."] }
        lines.append("Looked at, from the oldest event that is kept to the newest:")
        let rows = places.map { place in
            let isEmpty = place.string("oldest") == place.string("next")
            let older = place.string("oldest").hasSuffix(":0") ? "" : "; what was older is trimmed"
            let range = isEmpty ? "no events\(older)" : "from \(place.string("oldest")), before \(place.string("next"))\(older)"
            return ["  \(place.string("namespace"))/\(place.string("broker"))", place["problem"]?.text ?? range]
        }
        return lines + Console.columns(rows)
    }

    // MARK: An event

    private static func lines(ofPassport passport: DocumentNode, now: Timestamp) -> [String] {
        var head = [
            ["  broker", "\(passport.string("namespace"))/\(passport.string("broker"))"], ["  type", passport.string("type")],
            ["  source", passport.string("source")],
            ["  mode", "\(passport.string("mode")), \(hops(passport))"],
        ]
        if passport["cause"] != nil { head.append(["  reply to", origin(passport)]) }
        return [passport.string("summary"), ""] + Console.columns(head) + [""] + outcomes(passport, now: now)
    }

    private static func hops(_ passport: DocumentNode) -> String {
        let hops = passport.string("hops")
        return hops == "1" ? "1 hop left" : "\(hops) hops left"
    }

    /// `0:12 e1 by the subscriber of orders, which began with 0:3 e0, 4 replies before`.
    private static func origin(_ passport: DocumentNode) -> String {
        let ancestors = passport.items("ancestors")
        guard let parent = ancestors.last, let first = ancestors.first else { return "" }
        func name(_ event: DocumentNode) -> String {
            "\(event.string("position")) \(event["id"]?.text ?? "(not in the log any more)")"
        }
        let by = "\(name(parent)), by the subscriber of \(parent.string("trigger"))"
        return ancestors.count == 1 ? by : "\(by); it began with \(name(first)), \(ancestors.count) replies ago"
    }

    private static func outcomes(_ passport: DocumentNode, now: Timestamp) -> [String] {
        var lines: [String] = []
        let triggers = passport.items("triggers")
        let filtered = triggers.filter { $0.string("verdict") == "filtered" }
        let shown = triggers.filter { $0.string("verdict") != "filtered" } + filtered.prefix(filteredMax)
        let width = min(40, shown.map { $0.string("name").count }.max() ?? 0)
        for trigger in shown { lines += self.lines(ofTrigger: trigger, width: width, now: now) }
        if filtered.count > filteredMax {
            lines.append("-- \(filtered.count - filteredMax) more triggers filtered it out; -o json names them all")
        }
        for replay in passport.items("replays") {
            let target = replay["trigger"]?.text.map { " to \($0)" } ?? ""
            lines.append(">> replay \(replay.string("name"))\(target): \(replay.string("reason"))")
            lines += attempts(replay) + reply(replay, now: now)
        }
        return lines
    }

    private static func lines(ofTrigger trigger: DocumentNode, width: Int, now: Timestamp) -> [String] {
        let name = trigger.string("name")
        let space = String(repeating: " ", count: max(0, width - name.count))
        let gone = trigger["removed"] == nil ? "" : " (the trigger is removed)"
        var lines = ["\(mark(trigger.string("verdict"))) \(name)\(space)  \(sentence(trigger, now: now))\(gone)"]
        lines += attempts(trigger)
        if let letter = trigger["deadLetter"] {
            if let fate = letter["fate"]?.text { lines.append("\(indent)dead letter \(letter.string("position")): \(fate)") }
            for redrive in letter.items("redrives") {
                lines.append("\(indent)redrive \(redrive.string("name")): \(redrive.string("reason"))")
                lines += attempts(redrive)
            }
        }
        lines += trigger.items("hints").compactMap(\.text).map { "\(indent)try: \($0)" }
        return lines + reply(trigger, now: now)
    }

    private static func sentence(_ trigger: DocumentNode, now: Timestamp) -> String {
        let reason = trigger.string("reason")
        guard trigger.string("verdict") != "filtered" else { return "filtered out: \(reason)" }
        guard let due = trigger["nextAttemptAt"]?.text.flatMap({ MomentText.moment($0) }) else { return reason }
        let wait = due - now
        return reason + (wait > .zero ? " (in \(DurationText.rounded(wait)))" : " (due)")
    }

    /// `++` it got there, `--` it was not to, `..` it may yet, `!!` it did not.
    private static func mark(_ verdict: String) -> String {
        switch verdict {
        case "delivered", "replied": "++"
        case "filtered", "not-begun", "earlier-filter": "--"
        case "retrying", "trying", "waiting": ".."
        case "details-lost": "+?"
        default: "!!"
        }
    }

    private static func attempts(_ owner: DocumentNode) -> [String] {
        let rows = owner.items("attempts").map { attempt in
            let took = attempt["microseconds"]?.wholeNumber() ?? Int64(0)
            let status = attempt["status"]?.plainText ?? "0"
            return [
                "\(indent)\(attempt.string("attempt"))", time(attempt, "time"), status == "0" ? "---" : status,
                DurationText.rounded(.microseconds(took)), attempt.answerCell,
            ]
        }
        return Console.columns(rows)
    }

    private static func reply(_ owner: DocumentNode, now: Timestamp) -> [String] {
        guard let reply = owner["reply"] else { return [] }
        if let why = reply["notFollowed"]?.text { return ["\(indent)reply \(reply.string("position")): \(why)"] }
        return (["reply: \(reply.string("summary"))"] + outcomes(reply, now: now)).map { indent + $0 }
    }

    // MARK: A refusal

    private static func lines(ofRefusal refusal: DocumentNode, id: String) -> [String] {
        let broker = "\(refusal.string("namespace"))/\(refusal.string("broker"))"
        let target = broker == "/" ? "a path that is no broker's" : broker
        let batch = refusal["index"]?.plainText.map { ", with its batch, for the event at index \($0)" } ?? ""
        let field = refusal["field"]?.text.map { " (\($0))" } ?? ""
        return [
            "Event \(id) never arrived: it was refused at the door at \(time(refusal, "time"))\(batch).", "",
            "!! \(target)  \(refusal.string("status")) \(refusal.string("error"))\(field): \(refusal.string("message"))",
        ]
    }

    // MARK: Pieces

    private static let indent = "     "
    /// Triggers that filtered the event out and are shown with their reason.
    private static let filteredMax = 20

    private static func place(_ event: DocumentNode) -> String {
        [event.string("namespace"), event.string("broker"), event.string("position")].joined(separator: " ")
    }

    private static func command(_ event: DocumentNode) -> String {
        "apus why \(event.string("position")) -b \(event.string("broker")) -n \(event.string("namespace"))"
    }

    /// A moment of the document with milliseconds, so that columns stay columns.
    private static func time(_ document: DocumentNode, _ name: String) -> String {
        EventTable.milliseconds(document.string(name))
    }
}

/// Durations for people, rounded: `850 µs`, `3.1 ms`, `12 s`, `2m5s`.
enum DurationText {
    static func rounded(_ duration: Duration) -> String {
        let microseconds = duration / .microseconds(1)
        switch microseconds {
        case ..<1000: return "\(Int(microseconds)) µs"
        case ..<100_000: return "\(tenths(microseconds / 1000)) ms"
        case ..<1_000_000: return "\(Int(microseconds / 1000)) ms"
        case ..<60_000_000: return "\(tenths(microseconds / 1_000_000)) s"
        default: return AgeText.since(Timestamp(nanoseconds: 0), now: Timestamp(nanoseconds: 0) + duration)
        }
    }

    private static func tenths(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
    }
}
