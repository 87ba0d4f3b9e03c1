import ApusPorts
import ApusResources
import BrokerMemory
import CloudEvents
import EventFilters
import Synchronization
import Testing

@testable import ApusHistory

/// A broker's log in memory, and what a test says of its triggers: passports without a node.
final class PassportScene {
    let log = MemoryLog { Timestamp(rfc3339: "2026-11-21T10:00:00Z") ?? Timestamp(nanoseconds: 0) }
    let history: BrokerHistory
    var triggers: [PassportTrigger] = []
    private let standings = Mutex<[String: DeliveryStanding]>([:])
    /// Traces that wait for their commit.
    var unstored: [DeliveryTrace] = []
    /// Runs once, when it was asked where an event stands.
    var whenAsked: (@Sendable () -> Void)?

    init() { history = BrokerHistory(namespace: "default", broker: "default", log: log, cursors: log) }

    static let start = Timestamp(rfc3339: "2026-11-21T10:00:01Z") ?? Timestamp(nanoseconds: 0)

    /// Puts an event on the log; gives its position.
    @discardableResult
    func append(_ id: String, _ extensions: [String: String] = [:], cause: Cause? = nil, hops: UInt8 = 255) -> Position {
        let position = log.bounds(of: .events).next
        var attributes = Attributes()
        for (name, value) in [("id", id), ("source", "/s"), ("type", "t")] { attributes.append(name, .string(value)) }
        for (name, value) in extensions.sorted(by: { $0.key < $1.key }) { attributes.append(name, .string(value)) }
        let record = EventRecord(attributes: attributes, mode: .binary, hops: hops, cause: cause)
        log.append(AppendBatch(records: [record], receiver: LogNobody()))
        return position
    }

    /// Puts a dead letter on the dead stream.
    @discardableResult
    func bury(_ trigger: String, _ offset: Int64, _ reason: DeadLetter.Reason, attempts: Int, status: Int) -> Position {
        let position = log.bounds(of: .dead).next
        let letter = DeadLetter(
            trigger: trigger, position: Position(offset: offset), reason: reason, attempts: attempts,
            destination: "http://s.example/", status: status, body: Array("out of order".utf8), firstAttemptAt: Self.start,
            lastAttemptAt: Self.start)
        let record = EventRecord(attributes: Attributes(), mode: .binary, deadLetter: letter)
        log.append(AppendBatch(stream: .dead, records: [record], receiver: LogNobody()))
        return position
    }

    /// Adds a trigger, and where each event stands with it: `.passed` unless it is given.
    func trigger(
        _ name: String, filters: [FilterExpression] = [], annotations: [String: String] = [:], next: Int64? = nil,
        stopped: ReaderStop? = nil, sink: String? = nil, standing: DeliveryStanding? = .passed, problem: String? = nil
    ) throws {
        let trigger = Trigger(
            metadata: ObjectMeta(name: name, namespace: "default", annotations: annotations),
            spec: TriggerSpec(broker: "default", filters: filters, subscriber: DestinationSpec()))
        triggers.append(
            PassportTrigger(
                trigger: trigger, filter: try CompiledFilter(filters), attemptsMax: 4,
                subscriber: .failed("Service \"x\" is not known here"),
                deadLetterSink: sink.map { .resolved(ResolvedDestination(url: $0)) } ?? .notConfigured, next: next,
                stopped: stopped, problem: problem))
        if let standing { standings.withLock { $0[name] = standing } }
    }

    func trace(
        _ reader: String, _ offset: Int64, _ attempt: Int, status: Int = 202, text: String = "", _ ending: DeliveryTrace.Ending,
        in stream: ApusPorts.Stream = .events
    ) {
        var change = CursorChange(stream: stream)
        change.traces = [Self.attempt(reader, offset, attempt, status: status, text: text, ending)]
        log.commit(change, receiver: LogNobody(), token: 0)
    }

    static func attempt(
        _ reader: String, _ offset: Int64, _ attempt: Int, status: Int = 202, text: String = "", _ ending: DeliveryTrace.Ending
    ) -> DeliveryTrace {
        DeliveryTrace(
            reader: reader, offset: offset, attempt: attempt, beganAt: start, microseconds: 1500, status: status,
            text: Array(text.utf8), ending: ending)
    }

    func mark(_ trigger: String, began: Int64, filterSince: Int64) {
        let mark = TriggerMark(began: began, beganAt: Self.start, filterSince: filterSince, filter: "f")
        entry(StateKey.trigger(trigger), mark.value)
    }

    func entry(_ key: String, _ value: [UInt8]) {
        var change = CursorChange(stream: .events)
        change.entries = [StateEntry(key: key, value: value)]
        log.commit(change, receiver: LogNobody(), token: 0)
    }

    func passport(_ offset: Int64) async throws -> Passport {
        guard case .found(let record) = try await history.record(at: Position(offset: offset)) else {
            throw LogError.trimmed(oldest: Position(offset: 0))
        }
        let known = standings.withLock { $0 }, unstored = unstored, whenAsked = whenAsked
        let facts = PassportFacts(
            triggers: triggers, unstored: { stream, offset in stream == .events ? unstored.filter { $0.offset == offset } : [] },
            standing: { _, name in
                defer { whenAsked?() }
                return known[name]
            })
        return try await history.passport(of: record, facts: facts)
    }

    /// The only trigger's part of the only event's passport.
    func verdict(_ offset: Int64 = 0) async throws -> TriggerPassport {
        try #require(try await passport(offset).triggers.first)
    }
}

final class LogNobody: AppendReceiver {
    func appended(_ outcomes: [AppendOutcome]) {}
}
