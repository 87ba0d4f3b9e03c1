package import ApusPorts

/// What one broker's log can be asked: its events, its dead letters, and what became of each of them.
///
/// Reads only; nothing here is on an event's way.
package struct BrokerHistory: Sendable {
    package let namespace: String
    package let broker: String
    let log: any EventLog
    let cursors: any CursorStore

    package init(namespace: String, broker: String, log: any EventLog, cursors: any CursorStore) {
        self.namespace = namespace
        self.broker = broker
        self.log = log
        self.cursors = cursors
    }
}
