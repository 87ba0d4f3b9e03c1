internal import CRDKafka
internal import Synchronization

/// Sends messages, many a request, and says of each where it came to stand.
///
/// Idempotent unless the configuration says otherwise: a retry of librdkafka's neither doubles nor reorders. A message that
/// cannot be delivered fails after `message.timeout.ms` (5 minutes).
package final class KafkaProducer: Sendable {
    private let core: ClientCore
    /// Raised when delivery reports made room in librdkafka's queue.
    private let room = Signal()
    /// Held while a message is handed over, so that none comes after the last flush: nobody would report it.
    private let isClosing = Mutex(false)

    /// - Parameter observe: gets log lines, errors and statistics, one after another; it must not block.
    /// - Throws: ``KafkaError/Reason/configuration`` with librdkafka's words. That no broker answers comes to `observe`, and to
    ///   whom waits.
    package init(
        _ configuration: KafkaConfiguration, observe: @escaping @Sendable (KafkaEvent) -> Void = { _ in }
    ) throws(KafkaError) {
        let room = room
        core = try ClientCore(
            configuration, for: .producer, onRecords: {},
            receive: { event in
                if case .delivered = event { room.raise() }
                if let event = KafkaEvent(event) { observe(event) }
            }, drained: { _ in })
    }

    deinit {
        room.end()
        core.release()
    }

    /// Sends one message and waits until the brokers have it.
    ///
    /// Waits for room while `queue.buffering.max.messages` or `.kbytes` are on their way. Cancelled while it waits for room it
    /// sends nothing; cancelled later it still answers how the delivery ended.
    package func send(_ message: KafkaMessage) async throws(KafkaError) -> KafkaDelivery {
        guard let result = await send(contentsOf: [message]).first else { throw .closed }
        return try result.get()
    }

    /// Sends messages in this order, and waits until each has arrived or failed. Those of one partition keep their order.
    package func send(contentsOf messages: [KafkaMessage]) async -> [Result<KafkaDelivery, KafkaError>] {
        let batch = DeliveryBatch(count: messages.count)
        for (index, message) in messages.enumerated() {
            if let error = await enqueue(message, DeliverySlot(batch, index)) { batch.fill(index, .failure(error)) }
        }
        return await batch.results()
    }

    private func enqueue(_ message: KafkaMessage, _ slot: DeliverySlot) async -> KafkaError? {
        while true {
            let mark = room.mark
            let code: rd_kafka_resp_err_t
            do throws(KafkaError) { code = try hand(message, slot) } catch { return error }
            if code == RD_KAFKA_RESP_ERR_NO_ERROR { return nil }
            guard code == RD_KAFKA_RESP_ERR__QUEUE_FULL else { return KafkaError(code) }
            switch await room.wait(after: mark) {
            case .raised: continue
            case .ended: return .closed
            case .cancelled: return .cancelled
            }
        }
    }

    private func hand(_ message: KafkaMessage, _ slot: DeliverySlot) throws(KafkaError) -> rd_kafka_resp_err_t {
        try isClosing.withLock { isClosing throws(KafkaError) in
            if isClosing { throw .closed }
            return try core.handle().produce(message, slot)
        }
    }

    /// What the brokers say of a topic. Where brokers make topics on demand, asking may make it.
    ///
    /// - Throws: ``KafkaError/Reason/unknownTopic``, ``KafkaError/Reason/unreachable`` or ``KafkaError/Reason/timedOut``.
    package func metadata(of topic: String, timeout: Duration = .seconds(5)) async throws(KafkaError) -> KafkaTopic {
        try await core.metadata(of: topic, timeout: timeout)
    }

    /// Makes a topic where it is missing and the brokers can.
    ///
    /// Without a controller librdkafka waits all of `timeout`, so it is short: ``KafkaTopicCreation/unsupported`` then, and the
    /// topic may still come by itself with the first message.
    package func createTopic(
        _ name: String, partitions: Int, replicas: Int, timeout: Duration = .seconds(2)
    ) async throws(KafkaError) -> KafkaTopicCreation {
        try await core.blocking("create-topic") { handle throws(KafkaError) in
            try handle.createTopic(name, partitions: partitions, replicas: replicas, timeout: timeout)
        }
    }

    /// Sends what waits, for at most this long; what is left then fails with ``KafkaError/Reason/closed``. Returns when
    /// librdkafka's threads have ended.
    package func close(within limit: Duration = .seconds(10)) async {
        isClosing.withLock { $0 = true }
        room.end()
        if let handle = try? core.handle() { await Self.flush(handle, within: limit) }
        core.release()
        await core.waitUntilGone()
    }

    private static func flush(_ handle: ClientHandle, within limit: Duration) async {
        _ = try? await BlockingCall.value("flush") { () throws(KafkaError) in
            handle.use { client, _, _ in
                if rd_kafka_flush(client, limit.milliseconds).isError {
                    rd_kafka_purge(client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT)
                }
                // The line still has to hand out the reports.
                rd_kafka_flush(client, Self.reportMilliseconds)
            }
        }
    }

    /// For the reports of what was purged, which need no broker.
    private static let reportMilliseconds: Int32 = 1000
}

extension ClientHandle {
    /// Hands a message to librdkafka, which copies it. On success the slot is filled by the delivery report.
    fileprivate func produce(_ message: KafkaMessage, _ slot: DeliverySlot) -> rd_kafka_resp_err_t {
        use { client, _, _ in
            let headers = Self.headers(message.headers)
            let owned = Unmanaged.passRetained(slot)
            let code = message.key.withOptionalBytes { key in
                message.value.withOptionalBytes { value in
                    apus_kafka_produce(
                        client, message.topic, message.partition ?? -1, message.timestampMilliseconds ?? 0, key.baseAddress,
                        key.count, value.baseAddress, value.count, headers, owned.toOpaque())
                }
            }
            if code.isError {
                owned.release()
                if let headers { rd_kafka_headers_destroy(headers) }
            }
            return code
        }
    }

    private static func headers(_ headers: [KafkaHeader]) -> OpaquePointer? {
        if headers.isEmpty { return nil }
        let list = rd_kafka_headers_new(headers.count)
        for header in headers {
            header.value.withOptionalBytes { value in
                _ = rd_kafka_header_add(list, header.name, -1, value.baseAddress, value.count)
            }
        }
        return list
    }
}

extension [UInt8]? {
    /// nil has no address; no bytes have one, so that librdkafka tells them apart.
    fileprivate func withOptionalBytes<Value>(_ body: (UnsafeRawBufferPointer) -> Value) -> Value {
        guard let self else { return body(UnsafeRawBufferPointer(start: nil, count: 0)) }
        return self.withUnsafeBytes { bytes in
            if bytes.baseAddress != nil { return body(bytes) }
            return withUnsafeBytes(of: 0 as UInt8) { body(UnsafeRawBufferPointer(rebasing: $0[..<0])) }
        }
    }
}

extension KafkaEvent {
    /// What the owner of a client is told; nil for what is ours.
    init?(_ event: ClientEvent) {
        switch event {
        case .log(let line): self = .log(line)
        case .statistics(let statistics): self = .statistics(statistics)
        case .error(let error, let partition): self = .error(error, partition)
        case .endOfPartition(let position): self = .endOfPartition(position)
        case .delivered, .assign, .revoke, .committed, .other: return nil
        }
    }
}
