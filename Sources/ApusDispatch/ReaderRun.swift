import ApusPorts
import ApusResources
import ApusTelemetry
import CloudEvents

/// One trigger on one stream: its cursor, its window and what waits. Owned by the dispatcher; touched on its executor only.
final class ReaderRun {
    enum Place {
        /// It has no room, or it waits for a page.
        case idle
        case hungry
        case atEnd
    }

    let id: Int
    let name: ReaderName
    let meters: ReaderMeters

    /// Its cursor as it was loaded, until the trigger is applied.
    var loaded: ReaderCursor?
    /// nil until the trigger is applied: the reader keeps its place and does nothing.
    var plan: TriggerPlan?
    /// Its trigger was removed: attempts in flight are let go. It goes for good when the last of them has ended.
    var isRemoved = false
    /// What its cursor has parked, while its open events are fetched after a restart.
    var recovering: [ParkedEvent]?

    var ledger: CursorLedger
    /// The row that is durable, and the one that is being written.
    var durableRow: CursorChange.Reader?
    var parked = ParkedQueue()
    var lanes = KeyLanes()
    var bucket: TokenBucket?
    var events = OpenEvents()

    /// Offsets at or after the position that have an outcome already; looked at while a restart reads them again.
    var skipped: Set<Int64> = []
    private var skippedMax: Int64 = -1

    var fresh = SlotQueue()
    var retries = SlotQueue()
    /// Records of its own page that were read and not looked at.
    var page: ArraySlice<LogRecord> = []

    var inFlight = 0
    /// Attempts, writes and timers that know its number.
    var outstanding = 0
    /// Open events that are being parked.
    var parking = 0
    /// Parked events that are fetched or tried now.
    var retrying = 0

    /// Where it waits for its next read, while it is behind.
    var place = Place.idle
    var isReading = false
    var isFetching = false
    var isDirty = false
    /// When timers go off that were armed for it.
    var timers: [Timestamp] = []
    var readFailures = 0

    var delivered = 0
    var dead = 0
    var lost = 0
    var lastError: String?
    /// Events on which the filter in force met an evaluation error, and the last of them.
    var filterErrors = 0
    var lastFilterError: FilterErrorSighting?

    init(id: Int, name: ReaderName, meters: ReaderMeters, ledger: CursorLedger) {
        self.id = id
        self.name = name
        self.meters = meters
        self.ledger = ledger
    }

    var isFollowing: Bool { ledger.next == nil }

    /// Has a plan that delivers.
    var isLive: Bool { !isRemoved && recovering == nil && plan?.destination != nil && plan?.isPaused == false }

    func windowMax(_ bounds: DispatchBounds) -> Int { max(bounds.windowEvents, plan?.maxInFlight ?? 0) }

    func inFlightMax(_ bounds: DispatchBounds) -> Int { plan?.maxInFlight ?? bounds.windowEvents }

    /// Whether one more matching event may be opened.
    func hasRoom(_ bounds: DispatchBounds) -> Bool {
        isLive && ledger.count < windowMax(bounds) && parked.count + parking < bounds.parkedEvents
    }

    /// Whether reading on is worth it for one that stands still: half of its window is free again.
    func hasAppetite(_ bounds: DispatchBounds) -> Bool { hasRoom(bounds) && ledger.count <= windowMax(bounds) / 2 }

    /// Whether the event at `offset` has an outcome from before the restart.
    func skips(_ offset: Int64) -> Bool {
        if skipped.isEmpty { return false }
        if offset > skippedMax {
            skipped = []
            return false
        }
        return skipped.remove(offset) != nil
    }

    func skip(_ offsets: some Sequence<Int64>) {
        skipped = Set(offsets)
        skippedMax = skipped.max() ?? -1
    }

    func key(of record: LogRecord) -> String? {
        guard case .ordered(let attribute)? = plan?.order else { return nil }
        return record.event.attributes.text(of: attribute) ?? ""
    }

    /// The first offset that must not be trimmed, as it is durable: a restart needs what memory has passed already.
    func pin(durableShared: Int64) -> Int64 {
        let row = durableRow.map { CursorLedger(next: $0.next, open: $0.open) } ?? ledger
        return min(
            row.lowWaterMark(shared: durableShared), parked.lowestOffset ?? .max, unread?.map(\.offset).min() ?? .max)
    }

    /// What is parked durably and not in ``parked`` yet.
    var unread: [ParkedEvent]? { loaded?.parked ?? recovering }

    /// Events that went before they were delivered (promise 21).
    func lose(_ count: Int) {
        lost += count
        meters.lost.add(count)
    }

    /// Where an event stands, `shared` being where the shared reader does. Looks at every open event.
    func standing(of offset: Int64, shared: Int64) -> DeliveryStanding {
        if let event = events.all.first(where: { $0.event.offset == offset })?.event {
            return event.machine.state == .parking ? .parked(event.parked) : .open(attempts: event.machine.attempts)
        }
        if loaded?.settled.contains(offset) == true { return .passed }
        if let event = parked.event(at: offset) ?? unread?.first(where: { $0.offset == offset }) { return .parked(event) }
        // Open from before a restart, and not fetched yet.
        if ledger.open.contains(offset) { return .open(attempts: 0) }
        return offset >= ledger.next ?? shared && !skipped.contains(offset) ? .ahead : .passed
    }

    func stopped(_ bounds: DispatchBounds) -> ReaderStop? {
        guard let plan else { return .notApplied }
        if plan.isPaused { return .paused }
        if plan.destination == nil { return .unresolved }
        if parked.count + parking >= bounds.parkedEvents { return .parkedFull }
        return ledger.count >= windowMax(bounds) ? .windowFull : nil
    }
}
