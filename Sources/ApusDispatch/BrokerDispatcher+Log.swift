import ApusPorts
import ApusTelemetry
import Logging

extension BrokerDispatcher {
    func report(_ error: LogError, _ sentence: Logger.Message, _ run: StreamRun, _ reader: ReaderRun? = nil) {
        var metadata: Logger.Metadata = [
            LogKey.namespace: "\(namespace)", LogKey.broker: "\(broker)", LogKey.stream: "\(run.stream.rawValue)",
            LogKey.error: "\(error)",
        ]
        if let reader { metadata[LogKey.trigger] = "\(reader.name)" }
        logger.error(sentence, metadata: metadata)
    }

    /// Events from an offset on went before they were delivered: a forced trim does that (promise 21), or damage. Without a
    /// reader, they went for every trigger that is caught up.
    func lost(_ count: Int64, from offset: Int64, _ reader: ReaderRun?, _ run: StreamRun) {
        var metadata: Logger.Metadata = [
            LogKey.namespace: "\(namespace)", LogKey.broker: "\(broker)", LogKey.stream: "\(run.stream.rawValue)",
            LogKey.position: "\(Position(offset: offset))", LogKey.events: "\(count)",
        ]
        if let reader { metadata[LogKey.trigger] = "\(reader.name)" }
        logger.error(LogMessage.eventsTrimmed, metadata: metadata)
    }

    /// A trigger's filter met an evaluation error: no match, and counted. The first since the trigger came or its filter changed
    /// is told; one that recurs with every event must not fill the log.
    func filterFailed(on record: LogRecord, _ reader: ReaderRun) {
        guard let filter = reader.plan?.filter else { return }
        let sighting = FilterErrorSighting(
            position: record.position, appendedAt: record.appendedAt, filter: filter, attributes: record.event.attributes)
        reader.filterErrors += 1
        reader.lastFilterError = sighting
        reader.meters.filterErrors?.add(1)
        guard reader.filterErrors == 1 else { return }
        logger.warning(
            LogMessage.filterFailed,
            metadata: [
                LogKey.namespace: "\(namespace)", LogKey.broker: "\(broker)", LogKey.trigger: "\(reader.name)",
                LogKey.position: "\(record.position)", LogKey.error: "\(sighting.sentence)",
            ])
    }
}
