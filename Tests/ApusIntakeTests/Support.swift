import ApusPorts
import ApusTelemetry
import ApusTesting
import CloudEvents
import EventFilters
import Synchronization

@testable import ApusIntake

/// Remembers what it is told, call by call.
final class Listener: IntakeReceiver {
    private let calls = Mutex<[[IntakeOutcome]]>([])

    func accepted(_ outcomes: [IntakeOutcome]) { calls.withLock { $0.append(outcomes) } }

    /// How often it was called.
    var callCount: Int { calls.withLock { $0.count } }

    /// The outcome under a token, or nil where none came.
    func result(_ token: UInt64) -> Result<Accepted, IntakeRefusal>? {
        calls.withLock { $0.joined().first { $0.token == token }?.result }
    }

    /// The offset that was answered under a token.
    func offset(_ token: UInt64) -> Int64? { try? result(token)?.get().position?.offset }

    func refusal(_ token: UInt64) -> IntakeRefusal? {
        guard case .failure(let refusal) = result(token) else { return nil }
        return refusal
    }
}

/// A door on a log that a test holds, and a clock that a test sets.
final class Scene: Sendable {
    let log = HeldLog()
    let listener = Listener()
    let intake: Intake
    private let time: Time

    private final class Time: Sendable {
        let now = Mutex(Timestamp(nanoseconds: 0))
    }

    init(_ change: (inout IntakeLimits) -> Void = { _ in }) {
        var limits = IntakeLimits()
        change(&limits)
        let time = Time()
        self.time = time
        intake = Intake(limits: limits, meters: IntakeMeters(Meters())) { time.now.withLock { $0 } }
    }

    func advance(seconds: Int64) {
        let now = time.now.withLock { now in
            now.nanoseconds += seconds * 1_000_000_000
            return now
        }
        log.setNow(now)
    }

    @discardableResult
    func open(window: Duration? = nil, filters: [[FilterExpression]] = []) async throws -> BrokerDoor {
        try await intake.open(
            namespace: "default", broker: "default", log: log, filters: Self.index(filters), deduplicationWindow: window)
    }

    static func index(_ filters: [[FilterExpression]]) throws -> FilterIndex {
        FilterIndex(try filters.enumerated().map { (id: $0.offset, filter: try CompiledFilter($0.element)) })
    }

    @discardableResult
    func send(_ message: DecodedMessage, body: [UInt8] = [], token: UInt64 = 0) throws(IntakeRefusal) -> Accepted? {
        try intake.accept(
            message, body: body, headers: [], namespace: "default", broker: "default", receiver: listener, token: token)
    }
}

/// The attributes of an event.
func attributes(_ id: String, source: String = "/s", type: String = "t", hops: AttributeValue? = nil) -> Attributes {
    var attributes = Attributes()
    attributes.append("specversion", .string("1.0"))
    attributes.append("id", .string(id))
    attributes.append("source", .uriReference(source))
    attributes.append("type", .string(type))
    if let hops { attributes.append("knativebrokerttl", hops) }
    return attributes
}

/// One event in binary mode.
func binary(_ id: String, source: String = "/s", type: String = "t", hops: AttributeValue? = nil, bytes: Int = 0)
    -> DecodedMessage
{
    let event = DecodedMessage.Event(
        attributes: attributes(id, source: source, type: type, hops: hops), range: 0..<bytes)
    return DecodedMessage(mode: .binary, contentType: nil, events: [event])
}

/// A batch whose events' bytes stand one behind another in `body`, each `size` long.
func batch(_ ids: [String], size: Int = 0) -> DecodedMessage {
    let events = ids.enumerated().map { index, id in
        DecodedMessage.Event(attributes: attributes(id), range: (index * size)..<((index + 1) * size))
    }
    return DecodedMessage(mode: .batched, contentType: "application/cloudevents-batch+json", events: events)
}
