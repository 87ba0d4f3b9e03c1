/// A broker's entries and traces in memory: what a store in memory keeps, and what every other is held against.
public struct BrokerNotes: Sendable, Equatable {
    /// By the bytes of their keys: texts that mean the same and are written in other bytes are two.
    private var values: [[UInt8]: [UInt8]] = [:]
    private var traces: [Stream: [Int64: [DeliveryTrace]]] = [:]

    public init() {}

    /// Takes the entries and traces of a change; the cursors are ``StreamCursors``' part of it.
    public mutating func apply(_ change: CursorChange) {
        for entry in change.entries {
            let key = Array(entry.key.utf8)
            if !entry.keepsExisting || values[key] == nil { values[key] = entry.value }
        }
        for trace in change.traces { traces[change.stream, default: [:]][trace.offset, default: []].append(trace) }
    }

    public func value(of key: String) -> [UInt8]? { values[Array(key.utf8)] }

    /// Entries with `from <= key < until`, ascending, at most `limit`.
    public func entries(from: String, until: String, limit: Int) -> [StateEntry] {
        values.filter { !$0.key.lexicographicallyPrecedes(from.utf8) && $0.key.lexicographicallyPrecedes(until.utf8) }
            .sorted { $0.key.lexicographicallyPrecedes($1.key) }.prefix(limit)
            .map { StateEntry(key: String(decoding: $0.key, as: UTF8.self), value: $0.value) }
    }

    /// In the order in which they were committed.
    public func traces(_ stream: Stream, at offset: Int64) -> [DeliveryTrace] { traces[stream]?[offset] ?? [] }

    /// What is about records before `oldest` goes with them.
    public mutating func trimmed(_ stream: Stream, oldest: Int64) {
        traces[stream] = traces[stream]?.filter { $0.key >= oldest }
        guard stream == .dead else { return }
        values = values.filter { StateKey.deadLetterOffset(String(decoding: $0.key, as: UTF8.self)).map { $0 >= oldest } ?? true }
    }
}
