internal import CRDKafka

/// Questions to the brokers. Each waits for an answer, so each is called on a thread of its own.
extension ClientCore {
    func metadata(of topic: String, timeout: Duration) async throws(KafkaError) -> KafkaTopic {
        try await blocking("metadata") { handle throws(KafkaError) in try handle.metadata(of: topic, timeout: timeout) }
    }
}

extension ClientHandle {
    func metadata(of topic: String, timeout: Duration) throws(KafkaError) -> KafkaTopic {
        try use { client, _, _ throws(KafkaError) in
            guard let wanted = rd_kafka_topic_new(client, topic, nil) else { throw KafkaError(rd_kafka_last_error()) }
            defer { rd_kafka_topic_destroy(wanted) }
            var answer: UnsafePointer<rd_kafka_metadata>?
            let code = rd_kafka_metadata(client, 0, wanted, &answer, timeout.milliseconds)
            guard !code.isError, let answer else { throw KafkaError(code) }
            defer { rd_kafka_metadata_destroy(answer) }
            guard answer.pointee.topic_cnt > 0 else { throw KafkaError(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) }
            return try KafkaTopic(answer.pointee.topics[0], name: topic)
        }
    }

    /// The offset at the group's commit; nil where there is none.
    func committed(_ partitions: [KafkaPartition], timeout: Duration) throws(KafkaError) -> [KafkaPartition: Int64] {
        try use { client, _, _ throws(KafkaError) in
            let list = PartitionList(partitions)
            let code = list.withPointer { rd_kafka_committed(client, $0, timeout.milliseconds) }
            if code.isError { throw KafkaError(code) }
            return try list.known()
        }
    }

    /// librdkafka's begin and end, as the leader has them now.
    func watermarks(of partition: KafkaPartition, timeout: Duration) throws(KafkaError) -> KafkaWatermarks {
        try use { client, _, _ throws(KafkaError) in
            var marks = KafkaWatermarks(low: 0, high: 0)
            let code = rd_kafka_query_watermark_offsets(
                client, partition.topic, partition.partition, &marks.low, &marks.high, timeout.milliseconds)
            if code.isError { throw KafkaError(code, message: "\(partition): \(String(cString: rd_kafka_err2str(code)))") }
            return marks
        }
    }

    /// The first record at or after a time; nil where the brokers know of none.
    func offsets(
        at milliseconds: Int64, in partitions: [KafkaPartition], timeout: Duration
    ) throws(KafkaError) -> [KafkaPartition: Int64] {
        try use { client, _, _ throws(KafkaError) in
            let list = PartitionList(partitions.map { KafkaPosition($0, offset: milliseconds) })
            let code = list.withPointer { rd_kafka_offsets_for_times(client, $0, timeout.milliseconds) }
            if code.isError { throw KafkaError(code) }
            return try list.known()
        }
    }

    /// Never more than one at a time is asked for, and never DeleteGroups or DescribeGroups: against brokers without them
    /// librdkafka 2.0.2 aborts the process or hangs when the client ends.
    func createTopic(
        _ name: String, partitions: Int, replicas: Int, timeout: Duration
    ) throws(KafkaError) -> KafkaTopicCreation {
        try use { client, _, _ throws(KafkaError) in
            let (made, message) = KafkaConfiguration.withMessage {
                rd_kafka_NewTopic_new(name, Int32(clamping: partitions), Int32(clamping: replicas), $0, $1)
            }
            guard let made else { throw .configuration(message) }
            defer { rd_kafka_NewTopic_destroy(made) }
            guard let answers = rd_kafka_queue_new(client) else { throw KafkaError(RD_KAFKA_RESP_ERR__FAIL) }
            defer { rd_kafka_queue_destroy(answers) }
            let options = rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_CREATETOPICS)
            defer { rd_kafka_AdminOptions_destroy(options) }
            _ = KafkaConfiguration.withMessage {
                rd_kafka_AdminOptions_set_request_timeout(options, timeout.milliseconds, $0, $1)
            }
            var topic: OpaquePointer? = made
            rd_kafka_CreateTopics(client, &topic, 1, options, answers)
            // The request's own time runs out first.
            guard let event = rd_kafka_queue_poll(answers, timeout.milliseconds &+ 1000) else { return .unsupported }
            defer { rd_kafka_event_destroy(event) }
            return try KafkaTopicCreation(event)
        }
    }
}

extension PartitionList {
    /// Offsets that are one, by their partition.
    fileprivate borrowing func known() throws(KafkaError) -> [KafkaPartition: Int64] {
        var known: [KafkaPartition: Int64] = [:]
        for position in try positions() where position.offset >= 0 { known[position.partition] = position.offset }
        return known
    }
}

extension KafkaTopicCreation {
    fileprivate init(_ event: OpaquePointer) throws(KafkaError) {
        let code = rd_kafka_event_error(event)
        switch code {
        case RD_KAFKA_RESP_ERR_NO_ERROR: break
        case RD_KAFKA_RESP_ERR__TIMED_OUT, RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
            self = .unsupported
            return
        default: throw KafkaError(code, message: rd_kafka_event_error_string(event).map { String(cString: $0) })
        }
        var count = 0
        guard let results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count), count > 0,
            let result = results[0]
        else {
            self = .unsupported
            return
        }
        let topicCode = rd_kafka_topic_result_error(result)
        switch topicCode {
        case RD_KAFKA_RESP_ERR_NO_ERROR: self = .created
        case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS: self = .existed
        default: throw KafkaError(topicCode, message: rd_kafka_topic_result_error_string(result).map { String(cString: $0) })
        }
    }
}

extension KafkaTopic {
    fileprivate init(_ topic: rd_kafka_metadata_topic, name: String) throws(KafkaError) {
        if topic.err.isError {
            throw KafkaError(topic.err, message: "topic \(name): \(String(cString: rd_kafka_err2str(topic.err)))")
        }
        self.name = name
        partitions = (0..<Int(topic.partition_cnt)).map { index in
            let partition = topic.partitions[index]
            return Partition(id: partition.id, leader: partition.leader, replicas: Int(partition.replica_cnt))
        }.sorted { $0.id < $1.id }
    }
}
