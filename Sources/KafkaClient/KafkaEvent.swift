/// What a client says of itself besides the answers to its calls.
package enum KafkaEvent: Sendable {
    case log(KafkaLogLine)
    /// Something that librdkafka goes on trying, unless it is fatal. A partition is named where the error is of one.
    case error(KafkaError, KafkaPartition?)
    case statistics(KafkaStatistics)
    /// The end was reached at this place for now; only with `enable.partition.eof`.
    case endOfPartition(KafkaPosition)
}

/// One line of librdkafka's log.
package struct KafkaLogLine: Sendable, Equatable {
    /// syslog's: 0 emergency … 3 error, 4 warning, 5 notice, 6 info, 7 debug.
    package var level: Int
    /// What part of librdkafka speaks, such as `FAIL` or `REQTMOUT`.
    package var facility: String
    package var text: String
}

/// What a group did to the partitions of this consumer. All that is assigned is later revoked or lost, at the latest by a close.
package enum KafkaRebalance: Sendable, Equatable {
    /// These are about to be read.
    case assigned([KafkaPartition])
    /// These are about to go to others: what is done of them can still be committed.
    case revoked([KafkaPartition])
    /// These went already, after a silence: nothing of them can be committed.
    case lost([KafkaPartition])
}
