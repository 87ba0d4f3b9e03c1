import ApusResources
import CloudEvents

extension Description {
    static func lines(of replay: Replay, now: Timestamp) -> [String] {
        let spec = replay.spec, status = replay.status
        var lines = head(replay.metadata, now: now)
        lines += pairs([("Broker", spec.broker), ("Target", replay.targetText), ("State", status.state?.rawValue ?? "unknown")])
        if !status.message.isEmpty { lines += pairs([("Message", status.message)]) }
        lines.append("Range:")
        lines += [
            "  " + bound("from", spec.from, status.from), "  " + bound("until", spec.until, status.until) + ", not included",
        ]
        lines.append("Filter:")
        let filters = spec.filters.isEmpty ? nil : Resource.replay(replay).document(withStatus: false)["spec"]?["filters"]
        lines += filters.map { $0.yaml().split(separator: "\n").map { "  \($0)" } } ?? ["  every event"]
        if let letters = spec.deadLetters { lines += selection(letters) }
        lines.append("Pace:")
        lines.append("  " + (spec.rate.map { "at most \(DocumentNode.decimal($0).json()) events a second" } ?? "unlimited"))
        lines.append(spec.maxInFlight == 1 ? "  one at a time, in the order of the log" : "  \(spec.maxInFlight) at once")
        if spec.sink != nil {
            lines.append("Delivery in force:")
            lines += delivery(spec.effectiveDelivery).map { "  \($0)" }
        }
        lines += progress(status, now: now)
        lines += annotations(status.annotations)
        return lines + conditions(status.conditions, now: now)
    }

    private static func bound(_ name: String, _ written: String, _ resolved: String?) -> String {
        guard let resolved, resolved != written else { return "\(name) \(written)" }
        return "\(name) \(resolved) (\(written))"
    }

    private static func selection(_ letters: ReplaySpec.DeadLetters) -> [String] {
        var lines = ["Dead letters:"]
        if let trigger = letters.trigger { lines.append("  of \(trigger)") }
        if let reason = letters.reason { lines.append("  \(reason)") }
        if !letters.positions.isEmpty { lines.append("  \(letters.positions.joined(separator: ", "))") }
        return lines.count == 1 ? ["Dead letters:", "  all"] : lines
    }

    private static func progress(_ status: ReplayStatus, now: Timestamp) -> [String] {
        guard let startedAt = status.startedAt else { return ["Progress:", "  not started"] }
        var rows = [("Started", "\(AgeText.since(startedAt, now: now)) ago")]
        if let end = status.completionTime { rows.append(("Ended", "\(AgeText.since(end, now: now)) ago")) }
        if let position = status.position { rows.append(("Position", position)) }
        if let counted = status.counted { rows.append(("Counted", "\(counted)")) }
        rows += [("Read", "\(status.scanned)"), ("Delivered", "\(status.delivered)"), ("Failed", "\(status.failed)")]
        if status.damaged > 0 { rows.append(("Damaged", "\(status.damaged)")) }
        return ["Progress:"] + pairs(rows).map { "  \($0)" }
    }
}
