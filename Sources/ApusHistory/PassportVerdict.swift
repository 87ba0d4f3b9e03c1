import ApusPorts
import ApusResources
import CloudEvents
import EventFilters

/// Decides what a trigger made of an event from what is known of both. Pure.
struct PassportVerdict {
    let record: LogRecord
    let trigger: PassportTrigger
    /// The trigger's own attempts, in the order in which they were committed.
    let traces: [DeliveryTrace]
    /// nil where the trigger does not run.
    let standing: DeliveryStanding?
    let mark: TriggerMark?
    let letter: LetterPassport?
    /// The broker's name, for hints.
    let broker: String

    private var offset: Int64 { record.position.offset }

    func make() -> TriggerPassport {
        var passport = decided()
        passport.attempts = traces
        passport.attemptsMax = trigger.attemptsMax
        passport.letter = letter
        passport.hints = hints(for: passport)
        return passport
    }

    private func decided() -> TriggerPassport {
        // Where the attempt after the parking has ended since, its trace says so.
        if case .parked(let parked)? = standing, (traces.last?.attempt ?? 0) <= parked.attempts { return isParked(parked) }
        if let last = traces.last, let ended = Self.ended(last, letter: letter, name: trigger.name) { return ended }
        switch standing {
        case .open(let attempts) where attempts > 0: return isTried(attempts)
        case .open: return verdict(.waiting, turn)
        case .ahead: return isAhead()
        case .passed: return hasPassed()
        case .parked(let parked): return isParked(parked)
        case nil: return doesNotRun()
        }
    }

    private func verdict(_ verdict: TriggerPassport.Verdict, _ reason: String) -> TriggerPassport {
        TriggerPassport(name: trigger.name, verdict: verdict, reason: reason)
    }

    /// What an attempt that was the last came to; nil where it was not the last.
    static func ended(_ last: DeliveryTrace, letter: LetterPassport?, name: String) -> TriggerPassport? {
        switch last.ending {
        case .delivered:
            return TriggerPassport(
                name: name, verdict: .delivered,
                reason: "delivered at \(PassportSentence.ordinal(last.attempt)) attempt")
        case .replied(let position):
            return TriggerPassport(
                name: name, verdict: .replied,
                reason: "delivered at \(PassportSentence.ordinal(last.attempt)) attempt, and its reply came in as \(position)")
        case .dead(let position): return dead(last, at: position, letter: letter?.letter, name: name)
        case .abandoned:
            let reason = "given up after \(PassportSentence.attempts(last.attempt)): \(PassportSentence.failure(last))"
            return TriggerPassport(name: name, verdict: .dead, reason: reason)
        case .retry: return nil
        }
    }

    private static func dead(
        _ last: DeliveryTrace, at position: Position, letter: DeadLetter?, name: String
    ) -> TriggerPassport {
        let failure = PassportSentence.failure(last)
        let attempts = PassportSentence.attempts(last.attempt)
        switch letter?.reason {
        case .hopsExhausted:
            return TriggerPassport(
                name: name, verdict: .looped,
                reason: "delivered, and its reply had no hops left: dead letter \(position), reason hops-exhausted")
        case .rejected:
            return TriggerPassport(
                name: name, verdict: .dead,
                reason: "given up after \(attempts), rejected: \(failure) is not retried; dead letter \(position)")
        case .retriesExhausted:
            return TriggerPassport(
                name: name, verdict: .dead,
                reason: "given up after \(attempts), retries-exhausted: the last met \(failure); dead letter \(position)")
        case .unreadable, .edited, nil:
            return TriggerPassport(
                name: name, verdict: .dead, reason: "given up after \(attempts): the last met \(failure); dead letter \(position)"
            )
        }
    }

    // MARK: Open

    private func isParked(_ parked: ParkedEvent) -> TriggerPassport {
        guard let due = parked.dueAt, parked.attempts > 0 else {
            return verdict(.waiting, "waits behind an earlier event\(ofKey(parked.key)) that has no outcome yet")
        }
        var sentence = "attempt \(parked.attempts) of \(trigger.attemptsMax) failed"
        if let last = traces.last { sentence += ": \(PassportSentence.failure(last))" }
        switch trigger.stopped {
        case .paused: sentence += "; the trigger is paused, so the next attempt waits until it is resumed"
        case .unresolved: sentence += "; its subscriber is not resolved, so the next attempt waits until it is"
        default: sentence += "; the next attempt is due at \(PassportSentence.time(due))"
        }
        var passport = verdict(.retrying, sentence)
        passport.nextAttemptAt = due
        return passport
    }

    private func isTried(_ attempts: Int) -> TriggerPassport {
        guard attempts > (traces.last?.attempt ?? 0) else {
            return verdict(
                .retrying, "attempt \(attempts) of \(trigger.attemptsMax) has ended, and what came of it is being stored")
        }
        return verdict(.trying, "attempt \(attempts) of \(trigger.attemptsMax) is being made")
    }

    private var turn: String {
        switch trigger.trigger.options.order {
        case .unordered: "taken up and not tried yet"
        case .ordered(let name):
            "taken up and not tried yet: it may wait behind an earlier event\(ofKey(record.event.attributes.text(of: name)))"
        }
    }

    private func ofKey(_ key: String?) -> String {
        guard let key, case .ordered(let name) = trigger.trigger.options.order else { return "" }
        return " whose \(name) is \"\(key)\" too"
    }

    private func isAhead() -> TriggerPassport {
        if let no = filterSentence { return verdict(.filtered, "\(no) (the trigger has not come to it yet)") }
        let before = offset - (trigger.next ?? offset)
        let distance = before > 0 ? "; \(PassportSentence.events(before)) before it" : ""
        switch trigger.stopped {
        case .paused: return verdict(.waiting, "the trigger is paused\(distance)")
        case .unresolved: return verdict(.waiting, "its subscriber is not resolved\(unresolved)\(distance)")
        case .parkedFull:
            return verdict(.waiting, "as many events wait for a retry as may, and it stopped reading\(distance)")
        case .windowFull: return verdict(.waiting, "as many events are open as may\(distance)")
        case .notApplied: return doesNotRun()
        case nil: return verdict(.waiting, "the trigger has not come to it yet\(distance)")
        }
    }

    private var unresolved: String {
        guard case .failed(let message) = trigger.subscriber else { return "" }
        return ": \(message)"
    }

    private func doesNotRun() -> TriggerPassport {
        if let no = filterSentence, traces.isEmpty { return verdict(.filtered, no) }
        return verdict(.waiting, "the trigger does not run" + (trigger.problem.map { ": \($0)" } ?? ""))
    }

    // MARK: Passed

    private func hasPassed() -> TriggerPassport {
        if let mark, offset < mark.began {
            return verdict(
                .notBegun,
                "it came before the trigger began, at \(Position(offset: mark.began)) on \(PassportSentence.time(mark.beganAt))")
        }
        if let mark, offset < mark.filterSince, traces.isEmpty {
            return verdict(
                .earlierFilter,
                "it met an earlier filter and was not delivered by what is known; the filter in force was first asked at "
                    + "\(Position(offset: mark.filterSince))"
                    + (filterSentence.map { ", and would say no: \($0)" } ?? ", and would take it"))
        }
        if traces.isEmpty, let no = filterSentence { return verdict(.filtered, no) }
        return verdict(.detailsLost, "delivered, as the cursor passed it; details lost")
    }

    /// Why the filter says no; nil where it takes the event.
    private var filterSentence: String? {
        let attributes = record.event.attributes
        guard let no = trigger.filter.firstMismatch(attributes) else { return nil }
        let spec = trigger.trigger.spec
        let error = trigger.filter.firstEvaluationError(attributes).flatMap { $0.path == no.path ? nil : $0 }
        let sentences = [
            "\(spec.path(ofFilterPath: no.path)): \(no)", error.map { "\(spec.path(ofFilterPath: $0.path)): \($0)" },
        ]
        return PassportSentence.line(sentences.compactMap { $0 }.joined(separator: "; "))
    }

    // MARK: Hints

    private func hints(for passport: TriggerPassport) -> [String] {
        let namespace = Self.namespaceOption(trigger.trigger.metadata.namespace)
        let place = Self.place(trigger.trigger.metadata.namespace, broker)
        let describe = "apus describe trigger \(trigger.name)\(namespace)"
        let send = "apus replay --broker \(broker)\(namespace) --trigger \(trigger.name) --from \(offset) --until \(offset + 1)"
        switch passport.verdict {
        case .dead, .looped: return letter.map { Self.hints(for: $0, place: place) } ?? []
        case .notBegun, .earlierFilter, .detailsLost: return [send]
        case .retrying: return ["apus explain trigger \(trigger.name) --effective\(namespace)"]
        case .waiting where trigger.stopped == .paused:
            return ["the annotation apus.dev/paused: \"false\" on the trigger resumes it"]
        case .waiting: return [describe]
        case .delivered, .replied, .filtered, .trying, .removed: return []
        }
    }

    static func hints(for letter: LetterPassport, place: String) -> [String] {
        guard letter.letter != nil else { return [] }
        let show = "apus deadletters show \(letter.position)\(place)"
        switch letter.mark?.state {
        case .redriven, .edited, .purged: return [show]
        default: return [show, "apus deadletters redrive \(letter.position)\(place)"]
        }
    }

    /// Options that name a broker. It is named even where it is the default: a node may have others beside it.
    static func place(_ namespace: String, _ broker: String) -> String {
        " -b \(broker)" + namespaceOption(namespace)
    }

    private static func namespaceOption(_ namespace: String) -> String { namespace == "default" ? "" : " -n \(namespace)" }
}

extension TriggerPassport {
    /// What a trigger that is not there any more made of an event, by its traces.
    static func removed(_ name: String, traces: [DeliveryTrace], letter: LetterPassport?, place: String) -> TriggerPassport {
        var passport =
            traces.last.flatMap { PassportVerdict.ended($0, letter: letter, name: name) }
            ?? TriggerPassport(
                name: name, verdict: .removed,
                reason: "tried, and the trigger was removed before it was done"
                    + (traces.last.map { ": the last attempt met \(PassportSentence.failure($0))" } ?? ""))
        passport.isRemoved = true
        passport.attempts = traces
        passport.letter = letter
        passport.hints = letter.map { PassportVerdict.hints(for: $0, place: place) } ?? []
        return passport
    }
}
