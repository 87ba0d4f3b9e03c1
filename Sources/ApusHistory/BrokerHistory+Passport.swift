package import ApusPorts
import ApusResources
import CloudEvents
import EventFilters

extension BrokerHistory {
    /// What became of an event of the log, its replies below it and what it is a reply to above it.
    ///
    /// At most ``Limits/passportEventsMax`` events and ``Limits/passportLevelsMax`` levels of replies are followed.
    package func passport(of record: LogRecord, facts: PassportFacts) async throws(HistoryError) -> Passport {
        do throws(LogError) {
            let marks = try await cursors.triggerMarks(pageEntriesMax: Limits.readPageRecordsMax)
            var tree = PassportTree(history: self, facts: facts, marks: marks)
            var passport = try await tree.passport(of: record, level: 0)
            passport.ancestors = try await ancestors(of: record)
            return passport
        } catch {
            throw HistoryError(error)
        }
    }

    func record(_ stream: Stream, at offset: Int64) async throws(LogError) -> LogRecord? {
        try await log.read(stream, at: [offset]).first
    }

    /// The first cause first.
    private func ancestors(of record: LogRecord) async throws(LogError) -> [Passport.Ancestor] {
        var found: [Passport.Ancestor] = []
        var next = record.event.cause
        while let cause = next, found.count < Int(Limits.hopsMax) {
            let parent = try await self.record(.events, at: cause.position.offset)
            found.append(
                Passport.Ancestor(
                    position: cause.position, trigger: cause.trigger, id: parent?.event.attributes.text(of: "id")))
            next = parent?.event.cause
        }
        return found.reversed()
    }
}

/// The passports of an event and its replies, while they are gathered.
struct PassportTree {
    let history: BrokerHistory
    let facts: PassportFacts
    let marks: [String: TriggerMark]
    private var events = 0

    init(history: BrokerHistory, facts: PassportFacts, marks: [String: TriggerMark]) {
        self.history = history
        self.facts = facts
        self.marks = marks
    }

    mutating func passport(of record: LogRecord, level: Int) async throws(LogError) -> Passport {
        events += 1
        // Before the traces: a trigger that has passed the event by now has its outcome among those that are asked for later. The
        // other way round, what ends between the two questions had passed without a trace, as if its details were lost.
        var standings: [String: DeliveryStanding] = [:]
        for trigger in facts.triggers {
            standings[trigger.name] = await facts.standing(record.position.offset, trigger.name)
        }
        let traces = try await known(.events, at: record.position.offset)
        let attributes = record.event.attributes
        var passport = Passport(
            namespace: history.namespace, broker: history.broker, position: record.position, appendedAt: record.appendedAt,
            id: attributes.text(of: "id") ?? "", source: attributes.text(of: "source") ?? "",
            type: attributes.text(of: "type") ?? "", mode: record.event.mode, hops: record.event.hops, cause: record.event.cause,
            triggers: [], replays: ReplayPassport.all(traces))
        for trigger in facts.triggers {
            let own = traces.filter { $0.reader.utf8.elementsEqual(trigger.name.utf8) }
            if level > 0, own.isEmpty, !trigger.filter.matches(attributes) {
                passport.unlisted += 1
            } else {
                passport.triggers.append(
                    try await verdict(of: trigger, on: record, standings[trigger.name], traces: own, level: level))
            }
        }
        try await addRemoved(to: &passport, traces)
        for index in passport.replays.indices {
            passport.replays[index].reply = try await reply(passport.replays[index].attempts, level: level)
        }
        return passport
    }

    private mutating func verdict(
        of trigger: PassportTrigger, on record: LogRecord, _ standing: DeliveryStanding?, traces: [DeliveryTrace], level: Int
    ) async throws(LogError) -> TriggerPassport {
        let letter = try await letter(traces, sink: trigger.deadLetterSink.destination?.url)
        var passport = PassportVerdict(
            record: record, trigger: trigger, traces: traces, standing: standing, mark: marks[trigger.name], letter: letter,
            broker: history.broker
        ).make()
        passport.reply = try await reply(traces, level: level)
        return passport
    }

    /// What is known of the attempts at a record. Traces that are not durable yet come last: they are the newest.
    private func known(_ stream: Stream, at offset: Int64) async throws(LogError) -> [DeliveryTrace] {
        let unstored = await facts.unstored(stream, offset)
        let stored = try await history.cursors.traces(stream, at: offset)
        return stored + unstored.filter { !stored.contains($0) }
    }

    /// Triggers that tried the event and are not there any more.
    private mutating func addRemoved(to passport: inout Passport, _ traces: [DeliveryTrace]) async throws(LogError) {
        let known = Set(facts.triggers.map(\.name))
        var names: [String] = []
        for trace in traces where trace.reader.isTrigger && !known.contains(trace.reader) && !names.contains(trace.reader) {
            names.append(trace.reader)
        }
        for name in names {
            let own = traces.filter { $0.reader == name }
            let place = PassportVerdict.place(history.namespace, history.broker)
            passport.triggers.append(.removed(name, traces: own, letter: try await letter(own, sink: nil), place: place))
        }
    }

    private func letter(_ traces: [DeliveryTrace], sink: String?) async throws(LogError) -> LetterPassport? {
        guard let last = traces.last, case .dead(let position) = last.ending else { return nil }
        let record = try await history.record(.dead, at: position.offset)
        let key = StateKey.deadLetter(position.offset)
        let mark = try await history.cursors.entries(from: key, until: key + "\0", limit: 1).first?.value
        var letter = LetterPassport(
            position: position, letter: record?.event.deadLetter, mark: mark.flatMap { DeadLetterMark($0) }, sink: sink)
        let attempts = try await known(.dead, at: position.offset)
        letter.sinkAttempts = attempts.filter { $0.reader.isTrigger }
        letter.redrives = ReplayPassport.all(attempts)
        return letter
    }

    private mutating func reply(_ traces: [DeliveryTrace], level: Int) async throws(LogError) -> ReplyPassport? {
        for trace in traces.reversed() {
            guard case .replied(let position) = trace.ending else { continue }
            guard level < Limits.passportLevelsMax, events < Limits.passportEventsMax else {
                let place = PassportVerdict.place(history.namespace, history.broker)
                return .notFollowed(position, "the tree is not followed further: apus why \(position)\(place)")
            }
            guard let record = try await history.record(.events, at: position.offset) else {
                return .notFollowed(position, "the log does not have it any more")
            }
            return .event(try await passport(of: record, level: level + 1))
        }
        return nil
    }
}
