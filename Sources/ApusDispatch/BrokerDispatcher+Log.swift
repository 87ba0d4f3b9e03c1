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

    /// Events went before they were delivered: only a forced trim does that (promise 21).
    func lost(_ count: Int64, _ reader: String, _ run: StreamRun) {
        logger.error(
            LogMessage.eventsTrimmed,
            metadata: [
                LogKey.namespace: "\(namespace)", LogKey.broker: "\(broker)", LogKey.stream: "\(run.stream.rawValue)",
                LogKey.trigger: "\(reader)", LogKey.events: "\(count)",
            ])
    }
}
