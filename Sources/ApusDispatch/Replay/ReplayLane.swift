import ApusPorts
import ApusResources
import CloudEvents

/// One reader of a replay: where it stands, what it has open, and what it would send next. Pure.
///
///     offsets   …  7   8   9  10  11  12  13
///                  ■   □   ■   ·   □   ^next         ■ has its outcome   □ open   · not wanted
///                      │           └ held: being tried, waiting for its retry, being written
///                      └ owed: open since before a restart or a stop; goes first
///
/// First attempts are begun in the order of the log. At most `maxInFlight` events are held, so that with 1 each waits for the
/// outcome of the one before it, its retries included; where the trigger asks for order, one waits for the outcome of the one
/// before it with its key, however many may be held.
struct ReplayLane {
    enum Candidate {
        /// To be sent now, by ``ReplayLane/take(_:)``.
        case event(ReplayItem)
        /// The page that holds ``ReplayLane/next`` is needed.
        case page
        /// The records of ``ReplayLane/owed`` are needed.
        case owed
        /// There is one, and it has to wait for the outcome of others.
        case full
        /// A stretch was looked at, and there is more.
        case more
        /// Everything up to the end was looked at.
        case end
    }

    let name: ReaderName
    /// nil for the reader of a URL, or where there is nobody to deliver to.
    let trigger: String?
    /// nil where nothing is delivered.
    var plan: TriggerPlan?
    /// Its trigger was removed: what is in flight is let go.
    var isGone = false

    private(set) var ledger: CursorLedger
    var durableRow: CursorChange.Reader?
    var isDirty = false
    var isLoading = false
    /// Attempts that are being made.
    var inFlight = 0
    /// Held events whose retry is due.
    var retries = SlotQueue()

    private var events = OpenEvents()
    private(set) var held = 0
    private var keys: Set<String> = []
    /// By slot: what became before of a dead letter, and what came back of the last attempt.
    private var notes: [(mark: DeadLetterMark?, answer: ReplayAnswer)] = []

    /// Offsets that are open and not held, ascending.
    private(set) var owed: [Int64] = []
    private var owedItems: ArraySlice<ReplayItem> = []
    /// Offsets at or after `next` that have an outcome from before a restart.
    private var settled: Set<Int64> = []
    private var page: ArraySlice<ReplayItem> = []
    private var pageEnd: Int64?
    private var pageReadAt: Timestamp?

    init(_ name: ReaderName, trigger: String?, plan: TriggerPlan?, next: Int64) {
        self.name = name
        self.trigger = trigger
        self.plan = plan
        ledger = CursorLedger(next: next)
    }

    var next: Int64 { ledger.next ?? 0 }
    var open: [Int64] { ledger.open }
    subscript(slot: Int) -> OpenEvent { events[slot] }
    func mark(_ slot: Int) -> DeadLetterMark? { notes[slot].mark }
    func answer(_ slot: Int) -> ReplayAnswer { notes[slot].answer }
    mutating func note(_ answer: ReplayAnswer, of slot: Int) { notes[slot].answer = answer }

    /// Why its trigger cannot be delivered to now; nil where it can, and where nothing is delivered.
    var waitsFor: String? {
        guard let plan else { return nil }
        if plan.destination == nil { return "The subscriber of \(plan.name) is not resolved" }
        return plan.isPaused ? "The trigger \(plan.name) is paused" : nil
    }

    func isThrough(_ until: Int64) -> Bool { isGone || (next >= until && ledger.count == 0) }

    /// The first offset that a restart would need.
    var pin: Int64 { durableRow.map { min($0.open.first ?? .max, $0.next ?? .max) } ?? ledger.lowWaterMark(shared: .max) }

    // MARK: Starting

    /// Goes on from what is durable. Gives back how many deliveries were settled after the row was last written and count among
    /// the open ones: each was a reply that became durable together with its settling.
    mutating func resume(_ cursor: ReaderCursor) -> Int {
        let next = cursor.next ?? next
        let open = cursor.open.filter { !cursor.settled.contains($0) }
        ledger = CursorLedger(next: next, open: open)
        durableRow = CursorChange.Reader(name: name, next: next, open: cursor.open)
        isDirty = open.count != cursor.open.count
        settled = cursor.settled.filter { $0 >= next }
        owed = open
        return cursor.open.count - open.count
    }

    /// Events that are open and not held go first: after a restart, or after the replay had stopped for one of them.
    mutating func oweOpen() {
        let held = Set(events.all.map(\.event.offset))
        owed = ledger.open.filter { !held.contains($0) }
        owedItems = []
    }

    // MARK: Reading

    mutating func turn(to page: ReplayPages.Page) {
        self.page = page.items.drop { $0.offset < next }
        pageEnd = page.covers.upperBound
        pageReadAt = page.readAt
    }

    /// Forgets the page where it was read too long ago.
    mutating func dropPage(olderThan age: Duration, now: Timestamp) {
        if let pageReadAt, now.elapsed(since: pageReadAt) > age { dropPage() }
    }

    /// What is asked of the page has changed.
    mutating func dropPage() {
        page = []
        pageEnd = nil
        pageReadAt = nil
    }

    /// The records of ``owed`` were read. Gives back the first that is not there any more.
    mutating func came(_ items: [ReplayItem], of offsets: [Int64]) -> Int64? {
        owedItems = items[...]
        let there = Set(items.map(\.offset))
        return offsets.first { !there.contains($0) }
    }

    /// Looks for the next event to send, and passes what is not wanted. `budget` is how many records may be looked at.
    mutating func candidate(
        _ selection: ReplaySelection, until: Int64, maxInFlight: Int, budget: inout Int, progress: inout ReplayProgress
    ) -> Candidate {
        if !owed.isEmpty { return owedCandidate(maxInFlight: maxInFlight, progress: &progress) }
        while budget > 0 {
            guard next < until else { return .end }
            guard let item = page.first else {
                guard let end = pageEnd, end > next else { return .page }
                pass(to: min(end, until))
                continue
            }
            if !skips(item.offset, &progress), let record = item.record, selection.wants(record, plan) {
                return mayTake(record, maxInFlight) ? .event(item) : .full
            }
            budget -= 1
            page.removeFirst()
            progress.saw(item)
            pass(to: item.offset + 1)
        }
        return .more
    }

    private mutating func owedCandidate(maxInFlight: Int, progress: inout ReplayProgress) -> Candidate {
        while let offset = owed.first {
            guard let item = owedItems.first, item.offset == offset else { return .owed }
            if let record = item.record { return mayTake(record, maxInFlight) ? .event(item) : .full }
            // Damaged, or put aside since: it was counted as one that is delivered, and is not.
            owed.removeFirst()
            owedItems.removeFirst()
            ledger.close(offset)
            isDirty = true
            progress.matched -= 1
            if item.choice == .damaged { progress.damaged += 1 }
            if item.choice == .leftOut { progress.leftOut += 1 }
        }
        return .more
    }

    private mutating func skips(_ offset: Int64, _ progress: inout ReplayProgress) -> Bool {
        guard settled.remove(offset) != nil else { return false }
        progress.matched += 1
        progress.delivered += 1
        return true
    }

    private mutating func pass(to offset: Int64) {
        ledger.next = offset
        isDirty = true
    }

    /// A trigger's own bound holds for a replay too.
    private func mayTake(_ record: LogRecord, _ maxInFlight: Int) -> Bool {
        held < max(1, min(maxInFlight, plan?.maxInFlight ?? .max)) && key(of: record).map { !keys.contains($0) } ?? true
    }

    private func key(of record: LogRecord) -> String? {
        guard case .ordered(let attribute)? = plan?.order else { return nil }
        return record.event.attributes.text(of: attribute) ?? ""
    }

    // MARK: Events

    /// Opens the candidate, and holds it until it is closed or let go.
    mutating func take(_ item: ReplayItem, progress: inout ReplayProgress) -> Int {
        guard let record = item.record else { preconditionFailure("only an event that is taken is a candidate") }
        if owed.first == item.offset {
            owed.removeFirst()
            owedItems.removeFirst()
        } else {
            page.removeFirst()
            progress.saw(item)
            progress.matched += 1
            ledger.open(item.offset)
            pass(to: item.offset + 1)
        }
        let event = OpenEvent(record: record, machine: DeliveryMachine(), isParked: false, key: key(of: record))
        if let key = event.key { keys.insert(key) }
        held += 1
        let slot = events.insert(event)
        if slot == notes.count { notes.append((item.mark, ReplayAnswer())) } else { notes[slot] = (item.mark, ReplayAnswer()) }
        return slot
    }

    /// The event's outcome stands.
    mutating func close(_ slot: Int) {
        ledger.close(events[slot].offset)
        isDirty = true
        letGo(slot)
    }

    /// The event stays open, and nobody holds it.
    mutating func letGo(_ slot: Int) {
        let event = events[slot]
        if let key = event.key { keys.remove(key) }
        held -= 1
        events.remove(slot)
    }

    /// The row as it is once the events in these slots are closed.
    func row(closing slots: [Int]) -> CursorChange.Reader {
        var ledger = ledger
        for slot in slots { ledger.close(events[slot].offset) }
        return ledger.row(name)
    }
}
