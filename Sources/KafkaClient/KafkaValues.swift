/// A partition of a topic.
package struct KafkaPartition: Sendable, Hashable, CustomStringConvertible {
    package var topic: String
    package var partition: Int32

    package init(_ topic: String, _ partition: Int32) {
        self.topic = topic
        self.partition = partition
    }

    package var description: String { "\(topic)[\(partition)]" }
}

/// A place in a partition: the record at `offset` is the next one. To commit it says that all before it is done.
package struct KafkaPosition: Sendable, Hashable, CustomStringConvertible {
    /// The first record that is still there.
    package static let beginning: Int64 = -2
    /// After the last record.
    package static let end: Int64 = -1
    /// Where the group's commit is; where it has none, `auto.offset.reset` says.
    package static let committed: Int64 = -1000

    package var partition: KafkaPartition
    package var offset: Int64

    package init(_ partition: KafkaPartition, offset: Int64) {
        self.partition = partition
        self.offset = offset
    }

    package var description: String { "\(partition)@\(offset)" }
}

/// A name and bytes; Kafka allows a name several times, and no bytes at all.
package struct KafkaHeader: Sendable, Hashable {
    package var name: String
    package var value: [UInt8]?

    package init(_ name: String, _ value: [UInt8]?) {
        self.name = name
        self.value = value
    }
}

/// What a producer sends.
package struct KafkaMessage: Sendable, Hashable {
    package var topic: String
    /// nil leaves it to librdkafka's `partitioner`: by the key, or any.
    package var partition: Int32?
    package var key: [UInt8]?
    package var value: [UInt8]?
    package var headers: [KafkaHeader]
    /// Milliseconds since 1970; nil takes the time of sending.
    package var timestampMilliseconds: Int64?

    package init(
        topic: String, partition: Int32? = nil, key: [UInt8]? = nil, value: [UInt8]?, headers: [KafkaHeader] = [],
        timestampMilliseconds: Int64? = nil
    ) {
        self.topic = topic
        self.partition = partition
        self.key = key
        self.value = value
        self.headers = headers
        self.timestampMilliseconds = timestampMilliseconds
    }
}

/// Where a message came to stand.
package struct KafkaDelivery: Sendable, Hashable {
    package var partition: Int32
    package var offset: Int64
}

/// What a consumer reads.
package struct KafkaRecord: Sendable, Hashable {
    /// Milliseconds since 1970, as the producer or the broker set it.
    package enum Timestamp: Sendable, Hashable {
        case none
        case created(milliseconds: Int64)
        case appended(milliseconds: Int64)
    }

    package var partition: KafkaPartition
    package var offset: Int64
    package var timestamp: Timestamp
    package var key: [UInt8]?
    package var value: [UInt8]?
    package var headers: [KafkaHeader]

    package init(
        partition: KafkaPartition, offset: Int64, timestamp: Timestamp, key: [UInt8]?, value: [UInt8]?, headers: [KafkaHeader]
    ) {
        self.partition = partition
        self.offset = offset
        self.timestamp = timestamp
        self.key = key
        self.value = value
        self.headers = headers
    }

    /// What to commit when this record is done.
    package var next: KafkaPosition { KafkaPosition(partition, offset: offset + 1) }

    /// What the record takes, as a bound counts it.
    var bytes: Int {
        (key?.count ?? 0) + (value?.count ?? 0) + headers.reduce(0) { $0 + $1.name.utf8.count + ($1.value?.count ?? 0) }
    }
}

/// What brokers know of a topic.
package struct KafkaTopic: Sendable, Equatable {
    package struct Partition: Sendable, Equatable {
        package var id: Int32
        /// The broker that leads it, or -1.
        package var leader: Int32
        package var replicas: Int
    }

    package var name: String
    package var partitions: [Partition]
}

/// What became of the wish for a topic.
package enum KafkaTopicCreation: Sendable, Equatable {
    case created
    case existed
    /// These brokers make no topics on demand, or none in this time: a topic may still come by itself with the first message.
    case unsupported
}

/// The first offset of a partition, and the one that the next record will have.
package struct KafkaWatermarks: Sendable, Equatable {
    package var low: Int64
    package var high: Int64
}
