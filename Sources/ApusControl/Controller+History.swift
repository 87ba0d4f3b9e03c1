package import ApusHistory
import ApusResources

extension Controller {
    /// What a broker's log can be asked; nil where there is no such broker, or its log is not open.
    package func history(namespace: String, broker: String) -> BrokerHistory? {
        let identity = ResourceIdentity(kind: Broker.kind, namespace: namespace, name: broker)
        return services[identity].map { service in
            BrokerHistory(namespace: namespace, broker: broker, log: service.log, cursors: service.cursors)
        }
    }
}
