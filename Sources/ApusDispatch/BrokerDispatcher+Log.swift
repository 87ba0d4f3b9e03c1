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
}
