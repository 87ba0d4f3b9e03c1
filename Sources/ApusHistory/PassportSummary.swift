import ApusPorts
import CloudEvents

extension Passport {
    /// The answer in one sentence: `Event e1 came in at … as 0:12; delivered to 2 of 3 triggers; `audit` filtered it out.`
    package var summary: String {
        let how = cause.map { " as a reply to \($0.position) by the subscriber of `\($0.trigger)`," } ?? ""
        let came = "Event \(PassportSentence.line(id)) came in at \(PassportSentence.time(appendedAt))\(how) as \(position)"
        return ([came, deliveries] + others).joined(separator: "; ") + "."
    }

    private var deliveries: String {
        let known = triggers.filter { !$0.isRemoved }.count + unlisted
        guard known > 0 || !triggers.isEmpty else { return "the broker has no trigger" }
        let delivered = triggers.filter { $0.verdict.isDelivered }.count
        let total = triggers.count + unlisted
        if total == 1 { return delivered == 1 ? "delivered to its one trigger" : "not delivered to its one trigger" }
        if delivered == total { return "delivered to all \(total) triggers" }
        return delivered == 0 ? "delivered to none of \(total) triggers" : "delivered to \(delivered) of \(total) triggers"
    }

    private var others: [String] {
        var sentences: [String] = []
        let redriven = triggers.filter(\.isRedriven).map(\.name)
        if !redriven.isEmpty { sentences.append("\(PassportSentence.names(redriven)) gave up on it, and got it by a redrive") }
        for (verdicts, says) in Self.groups {
            let names = triggers.filter { verdicts.contains($0.verdict) && !$0.isRedriven }.map(\.name)
            if !names.isEmpty { sentences.append(says(PassportSentence.names(names))) }
        }
        if unlisted > 0 { sentences.append("\(unlisted) \(triggers.isEmpty ? "" : "more ")filtered it out") }
        let sent = replays.filter { $0.attempts.last?.ending.isDelivery == true }.map(\.name)
        if !sent.isEmpty { sentences.append("replayed by \(PassportSentence.names(sent))") }
        return sentences
    }

    private static let groups: [(Set<TriggerPassport.Verdict>, @Sendable (String) -> String)] = [
        ([.retrying, .trying], { "\($0) is trying" }),
        ([.waiting], { "\($0) has it still to come" }),
        ([.dead], { "\($0) gave up on it" }),
        ([.looped], { "the reply to it by \($0) ran out of hops" }),
        ([.notBegun], { "it came before \($0) began" }),
        ([.earlierFilter], { "\($0) had another filter then" }),
        ([.detailsLost], { "what \($0) did is lost" }),
        ([.removed], { "\($0) was removed" }),
        ([.filtered], { "\($0) filtered it out" }),
    ]
}

extension TriggerPassport {
    fileprivate var isRedriven: Bool { verdict == .dead && letter?.mark?.state == .redriven }
}

extension TriggerPassport.Verdict {
    var isDelivered: Bool {
        switch self {
        case .delivered, .replied, .looped, .detailsLost: true
        case .filtered, .retrying, .trying, .waiting, .dead, .notBegun, .earlierFilter, .removed: false
        }
    }
}

extension DeliveryTrace.Ending {
    var isDelivery: Bool {
        switch self {
        case .delivered, .replied: true
        case .retry, .dead, .abandoned: false
        }
    }
}
