import ApusPorts
import CloudEvents
import EventFilters

/// Which records a replay sends, and to whom. The run and the survey ask the same questions here, so that what is counted is what
/// is sent (promise 19). Pure.
struct ReplaySelection: Sendable {
    enum Choice: Sendable, Equatable {
        /// The replay means it; each trigger's own filter is still to be asked.
        case taken
        case passed
        /// A dead letter that is meant and cannot be redriven.
        case leftOut
        case damaged
    }

    private let plan: ReplayPlan
    /// The triggers that dead letters can go to.
    private let owners: Set<String>
    /// Dead letters that were purged while the redrive runs, whatever was read of their marks.
    var aside: Set<Int64>

    init(_ plan: ReplayPlan, aside: Set<Int64> = []) {
        self.plan = plan
        self.aside = aside
        if case .deadLetters(let triggers) = plan.target { owners = Set(triggers.keys) } else { owners = [] }
    }

    /// The offsets that were named, ascending; nil where a whole stretch is meant.
    var named: [Int64]? { plan.deadLetters?.offsets?.sorted() }

    func choice(_ record: LogRecord, _ mark: DeadLetterMark?) -> Choice {
        guard plan.isRedrive else { return plan.filter.matches(record.event.attributes) ? .taken : .passed }
        guard let letter = record.event.deadLetter, plan.deadLetters?.takes(record) ?? true, !isDone(mark),
            !aside.contains(record.position.offset), plan.filter.matches(record.event.attributes)
        else { return .passed }
        return letter.reason == .unreadable || !owners.contains(letter.trigger) ? .leftOut : .taken
    }

    /// Whether the lane that delivers by `trigger` sends a record that is taken.
    func wants(_ record: LogRecord, _ trigger: TriggerPlan?) -> Bool {
        guard let trigger else { return false }
        switch plan.target {
        case .triggers: return trigger.filter.matches(record.event.attributes)
        case .url: return true
        case .deadLetters: return record.event.deadLetter.map { $0.trigger.utf8.elementsEqual(trigger.name.utf8) } ?? false
        }
    }

    /// The items of a page, each with its choice.
    func items(of read: ReplayReader.Read) -> [ReplayItem] {
        var items = read.records.map { record in
            let offset = record.position.offset
            let mark = read.marks[offset]
            let choice = choice(record, mark)
            return ReplayItem(offset: offset, record: choice == .taken ? record : nil, mark: mark, choice: choice)
        }
        if !read.damaged.isEmpty {
            items += read.damaged.map { ReplayItem(offset: $0, record: nil, mark: nil, choice: .damaged) }
            items.sort { $0.offset < $1.offset }
        }
        return items
    }

    /// What became of a dead letter may say that it is dealt with; one that is named is redriven again (promise 18).
    private func isDone(_ mark: DeadLetterMark?) -> Bool {
        switch mark?.state {
        case .redriven: plan.deadLetters?.offsets == nil
        case .purged, .edited: true
        case .failed, .sinkFailed, .copied, nil: false
        }
    }
}

/// A place of the stream that a replay has read.
struct ReplayItem: Sendable {
    var offset: Int64
    /// Of one that is taken.
    var record: LogRecord?
    /// What became of it before, where it is a dead letter.
    var mark: DeadLetterMark?
    var choice: ReplaySelection.Choice
}
