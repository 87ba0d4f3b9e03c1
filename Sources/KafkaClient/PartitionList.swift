internal import CRDKafka

/// librdkafka's list of partitions, owned: it goes with the value.
struct PartitionList: ~Copyable {
    private let list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>

    init(_ positions: [KafkaPosition]) {
        guard let list = rd_kafka_topic_partition_list_new(Int32(clamping: positions.count)) else {
            preconditionFailure("librdkafka aborts where there is no memory")
        }
        self.list = list
        for position in positions {
            let entry = rd_kafka_topic_partition_list_add(list, position.partition.topic, position.partition.partition)
            entry?.pointee.offset = position.offset
        }
    }

    init(_ partitions: [KafkaPartition]) { self.init(partitions.map { KafkaPosition($0, offset: KafkaPosition.committed) }) }

    deinit { rd_kafka_topic_partition_list_destroy(list) }

    /// The pointer is good inside of `body` only.
    borrowing func withPointer<Value, Failure: Error>(
        _ body: (UnsafeMutablePointer<rd_kafka_topic_partition_list_t>) throws(Failure) -> Value
    ) throws(Failure) -> Value {
        try body(list)
    }

    /// What librdkafka wrote into it. Throws the first error that one of the partitions has.
    borrowing func positions() throws(KafkaError) -> [KafkaPosition] { try Self.positions(UnsafePointer(list)) }

    /// The same of a list that librdkafka owns.
    static func positions(
        _ list: UnsafePointer<rd_kafka_topic_partition_list_t>
    ) throws(KafkaError) -> [KafkaPosition] {
        var positions: [KafkaPosition] = []
        for index in 0..<Int(list.pointee.cnt) {
            let entry = list.pointee.elems[index]
            if entry.err.isError {
                let place = "\(String(cString: entry.topic))[\(entry.partition)]"
                throw KafkaError(entry.err, message: "\(place): \(String(cString: rd_kafka_err2str(entry.err)))")
            }
            positions.append(KafkaPosition(KafkaPartition(String(cString: entry.topic), entry.partition), offset: entry.offset))
        }
        return positions
    }

    /// The partitions of a list that librdkafka owns.
    static func partitions(_ list: UnsafePointer<rd_kafka_topic_partition_list_t>) -> [KafkaPartition] {
        (0..<Int(list.pointee.cnt)).map { index in
            let entry = list.pointee.elems[index]
            return KafkaPartition(String(cString: entry.topic), entry.partition)
        }
    }
}
