package import ApusPorts
import CloudEvents

/// A source's way through the one door of a Broker (law 1): it waits where the queue is full, and returns once the log has it.
package struct DoorEmitter: EventEmitter {
    /// Who emits, for the dead stream.
    package struct Owner: Sendable {
        /// As the dead stream names it: `PingSource/NAME`.
        package var name: String
        /// The `source` attribute of what is buried.
        package var uri: String

        package init(name: String, uri: String) {
            self.name = name
            self.uri = uri
        }
    }

    private let intake: Intake
    private let namespace: String
    private let broker: String
    private let owner: Owner
    private let clock: SourceClock

    package init(intake: Intake, namespace: String, broker: String, owner: Owner, clock: SourceClock) {
        self.intake = intake
        self.namespace = namespace
        self.broker = broker
        self.owner = owner
        self.clock = clock
    }

    package func emit(_ events: [SourceEvent]) async throws(EmitFailure) {
        guard !events.isEmpty else { return }
        do {
            try await accept(events)
        } catch {
            guard error.isForGood else { throw EmitFailure(.unavailable, message: error.message) }
            if let index = error.index { throw EmitFailure(.refused(index: index), message: error.message) }
            // The log refused a batch without saying for which of its events: they are tried one by one.
            try await emitOneByOne(events)
        }
    }

    private func emitOneByOne(_ events: [SourceEvent]) async throws(EmitFailure) {
        for (index, event) in events.enumerated() {
            do {
                try await accept([event])
            } catch {
                throw EmitFailure(
                    error.isForGood ? .refused(index: index) : .unavailable, kept: index, message: error.message)
            }
        }
    }

    /// How long a full queue is left alone: it drains in milliseconds, or its disk is slow.
    private static let queueFullWait = Duration.milliseconds(20)

    private func accept(_ events: [SourceEvent]) async throws(IntakeRefusal) {
        while true {
            guard let door = intake.door(namespace: namespace, broker: broker) else {
                throw IntakeRefusal(
                    .unknownBroker, "There is no broker \(broker) in namespace \(namespace), or it is not ready to take events.")
            }
            let result = await Receipt.of { receiver throws(IntakeRefusal) in
                try door.accept(events, receiver: receiver, token: 0).map { _ in }
            }
            guard case .failure(let refusal) = result else { return }
            guard refusal.code == .queueFull, !Task.isCancelled else { throw refusal }
            await clock.sleep(Self.queueFullWait)
        }
    }

    package func bury(_ record: RawRecord) async throws(EmitFailure) {
        guard let door = intake.door(namespace: namespace, broker: broker) else {
            throw EmitFailure(
                .unavailable, message: "There is no broker \(broker) in namespace \(namespace), or it is not ready.")
        }
        let dead = owner.dead(record, at: clock.now())
        let result = await DeadReceipt.of { door.log.append(AppendBatch(stream: .dead, records: [dead], receiver: $0)) }
        if case .failure(let error) = result { throw EmitFailure(.unavailable, message: error.sentence) }
    }
}

extension DoorEmitter.Owner {
    /// The dead stream's record of what cannot become an event: the bytes as data of an event that says where they were.
    func dead(_ record: RawRecord, at now: Timestamp) -> EventRecord {
        var attributes = Attributes()
        attributes.append("specversion", .string("1.0"))
        attributes.append("id", .string(record.origin))
        attributes.append("source", .uriReference(uri))
        attributes.append("type", .string("dev.apus.source.unreadable"))
        attributes.append("time", .timestamp(now.rfc3339))
        attributes.append("datacontenttype", .string("application/octet-stream"))
        return EventRecord(
            attributes: attributes, mode: .binary, contentType: "application/octet-stream",
            body: Array(record.bytes.prefix(Limits.eventBytesMax)),
            deadLetter: DeadLetter(
                trigger: name, position: Position(offset: 0), reason: .unreadable, attempts: 0, destination: "", status: 400,
                body: Array(record.reason.utf8.prefix(Limits.errorBodyBytesMax)), firstAttemptAt: now, lastAttemptAt: now))
    }
}

extension IntakeRefusal {
    /// Whether the same event is never taken.
    fileprivate var isForGood: Bool {
        switch code {
        case .unknownBroker, .queueFull, .logUnavailable: false
        default: true
        }
    }
}

/// Waits for what the door says of one request. Told at most once.
private final class Receipt: IntakeReceiver {
    private let continuation: CheckedContinuation<Result<Void, IntakeRefusal>, Never>

    private init(_ continuation: CheckedContinuation<Result<Void, IntakeRefusal>, Never>) { self.continuation = continuation }

    /// `request` gives nil where the receiver will be told.
    static func of(
        _ request: (Receipt) throws(IntakeRefusal) -> Void?
    ) async -> Result<Void, IntakeRefusal> {
        await withCheckedContinuation { continuation in
            do throws(IntakeRefusal) {
                if try request(Receipt(continuation)) != nil { continuation.resume(returning: .success(())) }
            } catch {
                continuation.resume(returning: .failure(error))
            }
        }
    }

    func accepted(_ outcomes: [IntakeOutcome]) {
        guard let outcome = outcomes.first else { return }
        continuation.resume(returning: outcome.result.map { _ in })
    }
}

/// Waits for what the log says of one append. Told once.
private final class DeadReceipt: AppendReceiver {
    private let continuation: CheckedContinuation<Result<Position, LogError>, Never>

    private init(_ continuation: CheckedContinuation<Result<Position, LogError>, Never>) { self.continuation = continuation }

    static func of(_ append: (DeadReceipt) -> Void) async -> Result<Position, LogError> {
        await withCheckedContinuation { append(DeadReceipt($0)) }
    }

    func appended(_ outcomes: [AppendOutcome]) {
        guard let outcome = outcomes.first else { return }
        continuation.resume(returning: outcome.result)
    }
}
