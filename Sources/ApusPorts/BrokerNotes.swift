/// A broker's entries and traces in memory: what a store in memory keeps, and what every other is held against.
public struct BrokerNotes: Sendable, Equatable {
    public private(set) var entries: [String: [UInt8]] = [:]
    private var traces: [Stream: [Int64: [DeliveryTrace]]] = [:]

    public init() {}

    /// Takes the entries and traces of a change; the cursors are ``StreamCursors``' part of it.
    public mutating func apply(_ change: CursorChange) {
        for entry in change.entries where !(entry.keepsExisting && entries[entry.key] != nil) { entries[entry.key] = entry.value }
        for trace in change.traces { traces[change.stream, default: [:]][trace.offset, default: []].append(trace) }
    }

    /// Entries with `from <= key < until`, ascending, at most `limit`.
    public func entries(from: String, until: String, limit: Int) -> [StateEntry] {
        entries.filter { !$0.key.precedes(from) && $0.key.precedes(until) }
            .sorted { $0.key.precedes($1.key) }.prefix(limit).map { StateEntry(key: $0.key, value: $0.value) }
    }

    /// In the order in which they were committed.
    public func traces(_ stream: Stream, at offset: Int64) -> [DeliveryTrace] { traces[stream]?[offset] ?? [] }

    /// What is about records before `oldest` goes with them.
    public mutating func trimmed(_ stream: Stream, oldest: Int64) {
        traces[stream] = traces[stream]?.filter { $0.key >= oldest }
        guard stream == .dead else { return }
        entries = entries.filter { StateKey.deadLetterOffset($0.key).map { $0 >= oldest } ?? true }
    }
}

extension String {
    /// Order of bytes: Swift's own is one of characters.
    fileprivate func precedes(_ other: String) -> Bool { utf8.lexicographicallyPrecedes(other.utf8) }
}
