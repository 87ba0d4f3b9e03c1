package import ApusPorts
package import ApusResources
package import CloudEvents
package import EventFilters

/// Which dead letters a list, a plan or a purge is about, and how much of it is wanted.
package struct DeadLetterQuery: Sendable {
    package var selection: DeadLetterSelection
    /// The event's type, exactly; nil for any.
    package var type: String?
    /// What the event must match besides; nil for anything.
    package var filter: CompiledFilter?
    /// Positions are those of the dead stream; times are when the letter was written.
    package var from: LogPoint
    /// Not included where it is a position.
    package var until: LogPoint
    package var states: Set<DeadLetterState>
    /// Only letters before this offset: where the page before ended.
    package var before: Int64?

    package init(
        selection: DeadLetterSelection = DeadLetterSelection(), type: String? = nil, filter: CompiledFilter? = nil,
        from: LogPoint = .earliest, until: LogPoint = .latest, states: Set<DeadLetterState> = DeadLetterState.attention,
        before: Int64? = nil
    ) {
        self.selection = selection
        self.type = type
        self.filter = filter
        self.from = from
        self.until = until
        self.states = states
        self.before = before
    }

    /// Whether a record of the dead stream is meant, its mark aside.
    func takes(_ record: LogRecord) -> Bool {
        guard selection.takes(record) else { return false }
        if let type, record.event.attributes.text(of: "type")?.utf8.elementsEqual(type.utf8) != true { return false }
        return filter?.matches(record.event.attributes) ?? true
    }
}

/// How far an answer about dead letters has looked.
package struct DeadLetterReach: Sendable, Equatable {
    /// The offsets that were asked about.
    package var range: Range<Int64>
    /// Records that were looked at.
    package var scanned = 0
    /// Records whose bytes are damaged.
    package var damaged = 0
    /// Where the next page goes on (``DeadLetterQuery/before``); nil where there is nothing more.
    package var next: Int64?
    /// More records would have been looked at than ``Limits/scannedRecordsMax``.
    package var isIncomplete = false
}

/// Some dead letters, the newest first.
package struct DeadLetterPage: Sendable {
    package var lines: [DeadLetterLine]
    package var reach: DeadLetterReach
}

/// Dead letters of one trigger that have the same reason and the same kind of error.
package struct DeadLetterGroup: Sendable, Equatable {
    package struct Key: Sendable, Hashable {
        package var trigger: String
        package var reason: DeadLetter.Reason
        package var error: ErrorSignature
    }

    package var key: Key
    package var count: Int
    /// When the oldest and the newest of them were written.
    package var firstAt: Timestamp
    package var lastAt: Timestamp
    /// The newest of them.
    package var sample: Position
}

package struct DeadLetterGroups: Sendable {
    /// The largest first.
    package var groups: [DeadLetterGroup]
    /// Letters of further groups, beyond ``Limits/deadLetterGroupsMax``.
    package var others: Int
    /// All letters that were found.
    package var count: Int
    package var reach: DeadLetterReach
}
