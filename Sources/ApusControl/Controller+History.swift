package import ApusHistory
import ApusResources
package import CloudEvents

extension Controller {
    /// The wall clock that the node was given.
    nonisolated package var now: Timestamp { environment.now() }

    /// What a broker's log can be asked; nil where there is no such broker, or its log is not open.
    package func history(namespace: String, broker: String) -> BrokerHistory? {
        let identity = ResourceIdentity(kind: Broker.kind, namespace: namespace, name: broker)
        return services[identity].map { service in
            BrokerHistory(namespace: namespace, broker: broker, log: service.log, cursors: service.cursors)
        }
    }
}
