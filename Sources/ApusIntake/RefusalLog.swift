import ApusPorts
package import CloudEvents
import Synchronization

/// A message that the data plane refused, as far as it could be read.
package struct RefusedMessage: Sendable, Equatable {
    /// What is known of one event; texts are cut to ``Limits/refusalTextBytesMax``.
    package struct Event: Sendable, Equatable {
        package var id: String?
        package var source: String?
        package var type: String?

        package init(id: String?, source: String?, type: String?) {
            self.id = id.map(RefusedMessage.cut)
            self.source = source.map(RefusedMessage.cut)
            self.type = type.map(RefusedMessage.cut)
        }
    }

    package var at: Timestamp
    package var namespace: String
    package var broker: String
    package var refusal: IntakeRefusal
    /// One, or those of a batch, at most ``Limits/refusalEventsMax``: all of a batch are refused where one is wrong.
    package var events: [Event]

    init(at: Timestamp, namespace: String, broker: String, refusal: IntakeRefusal, events: some Sequence<Event>) {
        self.at = at
        self.namespace = namespace
        self.broker = broker
        self.refusal = refusal
        self.refusal.message = Self.cut(refusal.message)
        self.refusal.field = refusal.field.map(Self.cut)
        self.events = Array(events.prefix(Limits.refusalEventsMax))
    }

    /// An estimate of the memory that it takes.
    var sizeBytes: Int {
        let texts = [namespace, broker, refusal.message, refusal.field ?? ""].reduce(0) { $0 + $1.utf8.count }
        return events.reduce(160 + texts) { size, event in
            size + 64 + [event.id, event.source, event.type].reduce(0) { $0 + ($1?.utf8.count ?? 0) }
        }
    }

    private static func cut(_ text: String) -> String {
        guard text.utf8.count > Limits.refusalTextBytesMax else { return text }
        return String(decoding: text.utf8.prefix(Limits.refusalTextBytesMax), as: UTF8.self)
    }
}

/// The refusals of the last hours, for those who ask why an event never arrived (promise 22).
///
/// In memory, and bounded by count, bytes and age: whoever sends garbage pushes out older refusals and no more. An event that is
/// accepted never comes here.
package final class RefusalLog: Sendable {
    private struct State: Sendable {
        /// Those from `start` on, the oldest first; what is before is gone, and is cut off now and then.
        var entries: [RefusedMessage] = []
        var start = 0
        var bytes = 0
        var forgottenUntil: Timestamp?
    }

    private let entriesMax: Int
    private let bytesMax: Int
    private let age: Duration
    private let clock: @Sendable () -> Timestamp
    private let began: Timestamp
    private let state = Mutex(State())

    package init(
        entriesMax: Int = Limits.refusalEntriesMax, bytesMax: Int = Limits.refusalBytesMax,
        age: Duration = .seconds(Limits.refusalHoursMax * 3600), clock: @escaping @Sendable () -> Timestamp
    ) {
        self.entriesMax = entriesMax
        self.bytesMax = bytesMax
        self.age = age
        self.clock = clock
        began = clock()
    }

    /// Remembers that a message was refused. A message of which nothing is known is not worth it, as nobody can ask for it.
    package func add(_ refusal: IntakeRefusal, namespace: String, broker: String, events: [RefusedMessage.Event]) {
        let known = events.lazy.filter { $0.id != nil }
        guard !known.isEmpty else { return }
        let message = RefusedMessage(at: clock(), namespace: namespace, broker: broker, refusal: refusal, events: known)
        state.withLock { state in
            state.entries.append(message)
            state.bytes += message.sizeBytes
            forget(&state, now: message.at)
        }
    }

    /// Refusals of events with this id, the oldest first; of one namespace or one broker where those are given.
    package func refusals(ofID id: String, namespace: String? = nil, broker: String? = nil) -> [RefusedMessage] {
        let asked = RefusedMessage.Event(id: id, source: nil, type: nil).id ?? id
        let now = clock()
        return state.withLock { state in
            forget(&state, now: now)
            return state.entries[state.start...].filter { message in
                guard namespace.map({ $0.utf8.elementsEqual(message.namespace.utf8) }) ?? true,
                    broker.map({ $0.utf8.elementsEqual(message.broker.utf8) }) ?? true
                else { return false }
                return message.events.contains { $0.id?.utf8.elementsEqual(asked.utf8) == true }
            }
        }
    }

    /// The moment from which on every refusal is remembered.
    package var since: Timestamp {
        let now = clock()
        return state.withLock { state in
            forget(&state, now: now)
            return max(began, state.forgottenUntil ?? began)
        }
    }

    private func forget(_ state: inout State, now: Timestamp) {
        while state.start < state.entries.count {
            let oldest = state.entries[state.start]
            guard state.entries.count - state.start > entriesMax || state.bytes > bytesMax || now - oldest.at > age else { break }
            state.bytes -= oldest.sizeBytes
            state.forgottenUntil = oldest.at
            state.start += 1
        }
        guard state.start > 0, state.start >= state.entries.count / 2 else { return }
        state.entries.removeFirst(state.start)
        state.start = 0
    }
}
