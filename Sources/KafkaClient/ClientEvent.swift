internal import CRDKafka

/// What came on the queue of events, as values.
enum ClientEvent: Sendable {
    case log(KafkaLogLine)
    case statistics(KafkaStatistics)
    case error(KafkaError, KafkaPartition?)
    case endOfPartition(KafkaPosition)
    /// That many delivery reports, which went to who waits for them.
    case delivered(Int)
    case assign([KafkaPartition])
    case revoke([KafkaPartition])
    /// The answer to the commit of this number.
    case committed(UInt, Result<[KafkaPosition], KafkaError>)
    case other
}

extension ClientHandle {
    /// The next event that is there now, or nil.
    func nextEvent() -> ClientEvent? {
        use { _, events, _ in
            guard let event = rd_kafka_queue_poll(events, 0) else { return nil }
            defer { rd_kafka_event_destroy(event) }
            return ClientEvent(event)
        }
    }

    /// Takes records that are there now, at least one if there is any, and stops at either bound.
    ///
    /// - Parameter receive: gets what else came between the records.
    func takeRecords(max: Int, maxBytes: Int, receive: (ClientEvent) -> Void) -> [KafkaRecord] {
        use { _, _, queue in
            var records: [KafkaRecord] = []
            var bytes = 0
            while records.count < max, bytes < maxBytes, let event = rd_kafka_queue_poll(queue, 0) {
                defer { rd_kafka_event_destroy(event) }
                guard rd_kafka_event_type(event) == RD_KAFKA_EVENT_FETCH else {
                    receive(ClientEvent(event))
                    continue
                }
                while let message = rd_kafka_event_message_next(event) {
                    guard let record = KafkaRecord(message) else {
                        receive(.error(KafkaError(message.pointee.err), nil))
                        continue
                    }
                    bytes += record.bytes
                    records.append(record)
                }
            }
            return records
        }
    }
}

extension ClientEvent {
    fileprivate init(_ event: OpaquePointer) {
        switch rd_kafka_event_type(event) {
        case RD_KAFKA_EVENT_LOG: self = .log(KafkaLogLine(event))
        case RD_KAFKA_EVENT_STATS:
            let json = rd_kafka_event_stats(event).map { Array(String(cString: $0).utf8) } ?? []
            self = KafkaStatistics(json: json).map { .statistics($0) } ?? .other
        case RD_KAFKA_EVENT_ERROR: self = Self.error(event)
        case RD_KAFKA_EVENT_DR:
            var count = 0
            while let message = rd_kafka_event_message_next(event) {
                DeliverySlot.fill(from: message)
                count += 1
            }
            self = .delivered(count)
        case RD_KAFKA_EVENT_REBALANCE:
            let partitions = rd_kafka_event_topic_partition_list(event).map { PartitionList.partitions($0) } ?? []
            let isAssign = rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS
            self = isAssign ? .assign(partitions) : .revoke(partitions)
        case RD_KAFKA_EVENT_OFFSET_COMMIT:
            self = .committed(
                UInt(bitPattern: rd_kafka_event_opaque(event)),
                Result { () throws(KafkaError) in
                    let code = rd_kafka_event_error(event)
                    if code.isError { throw KafkaError(code) }
                    guard let list = rd_kafka_event_topic_partition_list(event) else { return [] }
                    return try PartitionList.positions(list)
                })
        default: self = .other
        }
    }

    private static func error(_ event: OpaquePointer) -> ClientEvent {
        let code = rd_kafka_event_error(event)
        var place: KafkaPosition?
        if let partition = rd_kafka_event_topic_partition(event) {
            place = KafkaPosition(
                KafkaPartition(String(cString: partition.pointee.topic), partition.pointee.partition),
                offset: partition.pointee.offset)
            rd_kafka_topic_partition_destroy(partition)
        }
        if code == RD_KAFKA_RESP_ERR__PARTITION_EOF, let place { return .endOfPartition(place) }
        let message = rd_kafka_event_error_string(event).map { String(cString: $0) }
        return .error(
            KafkaError(code, message: message, isFatal: rd_kafka_event_error_is_fatal(event) != 0), place?.partition)
    }
}

extension KafkaLogLine {
    fileprivate init(_ event: OpaquePointer) {
        var facility: UnsafePointer<CChar>?
        var text: UnsafePointer<CChar>?
        var level: Int32 = 0
        rd_kafka_event_log(event, &facility, &text, &level)
        self.init(
            level: Int(level), facility: facility.map { String(cString: $0) } ?? "", text: text.map { String(cString: $0) } ?? "")
    }
}

extension KafkaRecord {
    /// nil where the message is an error.
    fileprivate init?(_ message: UnsafePointer<rd_kafka_message_t>) {
        guard !message.pointee.err.isError, let name = rd_kafka_topic_name(message.pointee.rkt) else { return nil }
        partition = KafkaPartition(String(cString: name), message.pointee.partition)
        offset = message.pointee.offset
        key = [UInt8](message.pointee.key, count: message.pointee.key_len)
        value = [UInt8](message.pointee.payload, count: message.pointee.len)
        headers = Self.headers(message)
        var type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE
        let milliseconds = rd_kafka_message_timestamp(message, &type)
        timestamp =
            switch type {
            case RD_KAFKA_TIMESTAMP_CREATE_TIME: .created(milliseconds: milliseconds)
            case RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME: .appended(milliseconds: milliseconds)
            default: .none
            }
    }

    private static func headers(_ message: UnsafePointer<rd_kafka_message_t>) -> [KafkaHeader] {
        var list: OpaquePointer?
        guard rd_kafka_message_headers(message, &list) == RD_KAFKA_RESP_ERR_NO_ERROR, let list else { return [] }
        var headers: [KafkaHeader] = []
        var (name, value, size): (UnsafePointer<CChar>?, UnsafeRawPointer?, Int) = (nil, nil, 0)
        while rd_kafka_header_get_all(list, headers.count, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR, let name {
            headers.append(KafkaHeader(String(cString: name), [UInt8](value, count: size)))
        }
        return headers
    }
}

extension [UInt8] {
    /// A copy of what librdkafka owns; nil where it has nothing, which is not the same as no bytes.
    fileprivate init?(_ start: UnsafeRawPointer?, count: Int) {
        guard let start else { return nil }
        self.init(UnsafeRawBufferPointer(start: start, count: count))
    }
}
