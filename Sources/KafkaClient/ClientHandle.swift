internal import CRDKafka

/// librdkafka's client and its queues: the only owner of their pointers, which are good inside of ``use(_:)`` only.
///
/// The last reference gives them back, on a thread of its own because that may block. Who calls holds a reference, so no call
/// meets a client that is gone.
// Sendable: every stored property is a constant, librdkafka's functions may be called from any thread, and deinit runs when no
// reference is left that could call one.
final class ClientHandle: @unchecked Sendable {
    private let client: OpaquePointer
    /// Everything but records: errors, log lines, statistics, delivery reports, rebalances, results of commits.
    private let events: OpaquePointer
    /// Records of all partitions; of no use in a producer.
    private let records: OpaquePointer
    private let wakes: [Unmanaged<Wake>]
    private let gone: Gate

    /// - Parameters:
    ///   - onEvents, onRecords: called by librdkafka's threads, which hold a lock: to note and return.
    ///   - gone: opened when librdkafka's last thread has ended.
    init(
        _ configuration: KafkaConfiguration, for role: KafkaRole, onEvents: @escaping @Sendable () -> Void,
        onRecords: @escaping @Sendable () -> Void, gone: Gate
    ) throws(KafkaError) {
        let made = try configuration.make(for: role)
        let (client, message) = KafkaConfiguration.withMessage { rd_kafka_new(role.type, made, $0, $1) }
        guard let client else {
            rd_kafka_conf_destroy(made)
            throw .configuration(message)
        }
        guard let events = rd_kafka_queue_new(client), let records = rd_kafka_queue_new(client) else {
            preconditionFailure("librdkafka aborts where there is no memory")
        }
        self.client = client
        self.events = events
        self.records = records
        self.gone = gone
        wakes = [Wake(onEvents), Wake(onRecords)].map(Unmanaged.passRetained)
        let own =
            role == .producer
            ? [rd_kafka_queue_get_main(client)]
            : [
                rd_kafka_queue_get_main(client), rd_kafka_queue_get_consumer(client),
            ]
        for queue in own {
            rd_kafka_queue_forward(queue, events)
            rd_kafka_queue_destroy(queue)
        }
        rd_kafka_set_log_queue(client, events)
        for (queue, wake) in zip([events, records], wakes) {
            rd_kafka_queue_cb_event_enable(
                queue,
                { _, wake in
                    guard let wake else { return }
                    Unmanaged<Wake>.fromOpaque(wake).takeUnretainedValue().call()
                }, wake.toOpaque())
        }
    }

    /// What librdkafka's threads call; it lives until the last of them has ended.
    private final class Wake: Sendable {
        let call: @Sendable () -> Void

        init(_ call: @escaping @Sendable () -> Void) { self.call = call }
    }

    deinit {
        for queue in [events, records] {
            rd_kafka_queue_cb_event_enable(queue, nil, nil)
            rd_kafka_queue_destroy(queue)
        }
        nonisolated(unsafe) let client = client
        let (wakes, gone) = (wakes, gone)
        BlockingCall.start("destroy") {
            // An orderly close came before, where it could; to wait for another could wait for ever.
            rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE)
            for wake in wakes { wake.release() }
            gone.open()
        }
    }

    /// Calls librdkafka with its client, its queue of events and its queue of records, none of which may leave `body`.
    func use<Value, Failure: Error>(
        _ body: (_ client: OpaquePointer, _ events: OpaquePointer, _ records: OpaquePointer) throws(Failure) -> Value
    ) throws(Failure) -> Value {
        defer { withExtendedLifetime(self) {} }
        return try body(client, events, records)
    }
}
