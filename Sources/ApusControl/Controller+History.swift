package import ApusHistory
import ApusResources
package import CloudEvents

extension Controller {
    /// What a broker's log can be asked; nil where there is no such broker, or its log is not open.
    package func history(namespace: String, broker: String) -> BrokerHistory? {
        let identity = ResourceIdentity(kind: Broker.kind, namespace: namespace, name: broker)
        return services[identity]?.history
    }

    /// The node's clock: what relative times of a question are counted from.
    package nonisolated var now: Timestamp { environment.now() }
}
