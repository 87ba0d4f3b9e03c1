import ApusPorts
import ApusTelemetry
import CloudEvents
import Logging

/// What every source's emitter does beside emitting: `ceOverrides`, counts, and a log line for what is kept nowhere.
struct OverridingEmitter: EventEmitter {
    let sink: any EventEmitter
    let overrides: [Attribute]
    let meters: SourceMeters
    /// Whether ``sink`` has a dead stream.
    let keepsUnreadable: Bool
    let resource: String
    let logger: Logger

    func emit(_ events: [SourceEvent]) async throws(EmitFailure) {
        do {
            try await sink.emit(overrides.isEmpty ? events : events.map(overridden))
            meters.emitted.add(events.count)
        } catch {
            meters.emitted.add(error.kept)
            meters.failures.add()
            throw error
        }
    }

    func bury(_ record: RawRecord) async throws(EmitFailure) {
        try await sink.bury(record)
        meters.unreadable.add()
        guard !keepsUnreadable else { return }
        logger.error(
            LogMessage.recordPassed,
            metadata: [LogKey.resource: "\(resource)", LogKey.origin: "\(record.origin)", LogKey.error: "\(record.reason)"])
    }

    /// In structured mode the attributes stand in the body, too: they are spliced in there.
    private func overridden(_ event: SourceEvent) -> SourceEvent {
        var event = event
        for attribute in overrides { event.attributes.set(attribute.name, to: attribute.value) }
        if event.mode == .structured { event.body = JSONFormat.splice(overrides, into: event.body) }
        return event
    }
}
