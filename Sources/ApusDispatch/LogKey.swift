import ApusPorts
import Logging

/// Names of the metadata of this room's log lines.
enum LogKey {
    static let namespace = "apus.namespace"
    static let broker = "apus.broker"
    static let trigger = "apus.trigger"
    static let stream = "apus.stream"
    static let position = "apus.position"
    static let reason = "apus.reason"
    static let status = "apus.status"
    static let error = "apus.error"
    static let events = "apus.events"

    static func say(_ what: String, _ error: LogError) -> String { "\(what): \(error)" }
}

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
            "Events were trimmed or damaged before they were delivered.",
            metadata: [
                LogKey.namespace: "\(namespace)", LogKey.broker: "\(broker)", LogKey.stream: "\(run.stream.rawValue)",
                LogKey.trigger: "\(reader)", LogKey.events: "\(count)",
            ])
    }
}
