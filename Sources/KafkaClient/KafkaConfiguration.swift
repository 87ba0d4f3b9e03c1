internal import CRDKafka

/// What a client is made with: librdkafka's own keys, passed as they are.
///
/// Its description hides what is secret, so it may stand in a log.
package struct KafkaConfiguration: Sendable, Equatable, CustomStringConvertible {
    /// librdkafka's keys, such as `security.protocol`, `sasl.username`, `ssl.ca.pem` or `session.timeout.ms`.
    package var properties: [String: String]

    /// - Parameter bootstrapServers: `host:port`, at least one.
    package init(bootstrapServers: [String], properties: [String: String] = [:]) {
        self.properties = properties
        self.properties["bootstrap.servers"] = bootstrapServers.joined(separator: ",")
    }

    package var description: String {
        properties.sorted { $0.key < $1.key }
            .map { "\($0.key)=\(Self.isSecret($0.key) ? Self.hidden : $0.value)" }.joined(separator: " ")
    }

    /// Whether the value of a key is for nobody's eyes: passwords, private keys, tokens.
    package static func isSecret(_ key: String) -> Bool {
        let secrets = ["password", "secret", "ssl.key.pem", "ssl_key", "oauthbearer.config", "jaas", "token"]
        return secrets.contains { key.contains($0) }
    }

    private static let hidden = "***"
}

/// What a client is for.
enum KafkaRole: Sendable, Equatable {
    case producer
    case consumer(group: String)

    /// Without these the promises of this room do not hold; a configuration that says otherwise is refused.
    fileprivate var fixed: [String: String] {
        switch self {
        case .producer: ["log.queue": "true"]
        case .consumer(let group):
            [
                "log.queue": "true", "group.id": group, "enable.auto.commit": "false", "enable.auto.offset.store": "false",
            ]
        }
    }

    /// What holds where the configuration says nothing.
    fileprivate var defaults: [String: String] {
        switch self {
        case .producer: ["enable.idempotence": "true", "linger.ms": "5"]
        case .consumer:
            [
                "queued.max.messages.kbytes": String(KafkaConsumer.queuedKilobytesDefault),
                "statistics.interval.ms": String(KafkaConsumer.statisticsMillisecondsDefault),
            ]
        }
    }

    var type: rd_kafka_type_t { self == .producer ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER }

    var events: Int32 {
        RD_KAFKA_EVENT_LOG | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_STATS
            | (self == .producer ? RD_KAFKA_EVENT_DR : RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_OFFSET_COMMIT)
    }
}

extension KafkaConfiguration {
    /// librdkafka's object of this configuration. rd_kafka_new takes it over when it succeeds, and only then.
    func make(for role: KafkaRole) throws(KafkaError) -> OpaquePointer {
        guard let configuration = rd_kafka_conf_new() else { throw .configuration("no memory for a configuration") }
        do throws(KafkaError) {
            for (key, value) in try merged(for: role).sorted(by: { $0.key < $1.key }) {
                try Self.set(key, value, in: configuration)
            }
        } catch {
            rd_kafka_conf_destroy(configuration)
            throw error
        }
        rd_kafka_conf_set_events(configuration, role.events)
        return configuration
    }

    private func merged(for role: KafkaRole) throws(KafkaError) -> [String: String] {
        if properties["bootstrap.servers", default: ""].isEmpty {
            throw .configuration("bootstrap.servers is empty: at least one host:port is needed")
        }
        for (key, value) in role.fixed {
            if let given = properties[key], given != value {
                throw .configuration("\(key) is \(value) here and cannot be \"\(given)\"")
            }
        }
        // An idle consumer is polled when its statistics come, and by nothing else.
        if role != .producer, properties["statistics.interval.ms"] == "0" {
            throw .configuration("statistics.interval.ms cannot be 0: an idle consumer would drop out of its group")
        }
        return role.defaults.merging(properties) { $1 }.merging(role.fixed) { $1 }
    }

    private static func set(_ key: String, _ value: String, in configuration: OpaquePointer) throws(KafkaError) {
        let (code, message) = withMessage { rd_kafka_conf_set(configuration, key, value, $0, $1) }
        if code == RD_KAFKA_CONF_OK { return }
        // Its words may hold the value.
        let isTelling = isSecret(key) && !value.isEmpty && message.contains(value)
        throw .configuration(isTelling ? "invalid value for configuration property \"\(key)\"" : message)
    }

    /// Calls with room for a message of librdkafka's.
    static func withMessage<Value>(_ body: (UnsafeMutablePointer<CChar>, Int) -> Value) -> (Value, String) {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { buffer in
            guard let start = buffer.baseAddress else { preconditionFailure("an allocation of 512 bytes has an address") }
            buffer.initialize(repeating: 0)
            let value = body(start, buffer.count)
            return (value, String(cString: start))
        }
    }
}
