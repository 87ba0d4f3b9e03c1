/// Manifests as the tests write them.
enum Manifest {
    static func broker(_ name: String = "default", annotations: [String: String] = [:], delivery: String = "") -> String {
        """
        apiVersion: eventing.knative.dev/v1
        kind: Broker
        metadata:
          name: \(name)
          annotations: {\(flow(annotations))}
        spec: {\(delivery.isEmpty ? "" : "delivery: {\(delivery)}")}
        ---

        """
    }

    /// A trigger of the broker `default`; `type` nil takes every event.
    static func trigger(
        _ name: String, to url: String, type: String? = nil, annotations: [String: String] = [:], delivery: String = ""
    ) -> String {
        """
        apiVersion: eventing.knative.dev/v1
        kind: Trigger
        metadata:
          name: \(name)
          annotations: {\(flow(annotations))}
        spec:
          broker: default
          filter: {\(type.map { "attributes: {type: \($0)}" } ?? "")}
          subscriber: {uri: "\(url)"}
        \(delivery.isEmpty ? "" : "  delivery: {\(delivery)}")
        ---

        """
    }

    /// A NatsSource with these lines of flow YAML in its spec, into the broker `broker`.
    static func natsSource(_ name: String, servers: [String], spec: String, broker: String = "default") -> String {
        """
        apiVersion: sources.apus.dev/v1alpha1
        kind: NatsSource
        metadata: {name: \(name)}
        spec:
          servers: [\(servers.map { "\"\($0)\"" }.joined(separator: ", "))]
          \(spec.split(separator: "\n").joined(separator: "\n  "))
          sink: {ref: {apiVersion: eventing.knative.dev/v1, kind: Broker, name: \(broker)}}
        ---

        """
    }

    private static func flow(_ texts: [String: String]) -> String {
        texts.sorted { $0.key < $1.key }.map { "\"\($0.key)\": \"\($0.value)\"" }.joined(separator: ", ")
    }
}
