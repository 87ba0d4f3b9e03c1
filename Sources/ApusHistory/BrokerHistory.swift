package import ApusPorts

/// What one broker's log can be asked: its events, its dead letters, and what became of each of them.
///
/// Reads only; nothing here is on an event's way.
package struct BrokerHistory: Sendable {
    package let namespace: String
    package let broker: String
    let log: any EventLog
    let cursors: any CursorStore
    /// Wakes those who wait for the next event. There is one a broker that runs: make the history once.
    package let tail: LogTail

    package init(namespace: String, broker: String, log: any EventLog, cursors: any CursorStore) {
        self.namespace = namespace
        self.broker = broker
        self.log = log
        self.cursors = cursors
        tail = LogTail(log, .events)
    }

    /// The log is being closed: whoever waits for its next event is told.
    package func close() { tail.close() }
}
