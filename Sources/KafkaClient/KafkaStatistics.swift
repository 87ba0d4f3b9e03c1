/// What of librdkafka's statistics is of use here. Comes every `statistics.interval.ms`.
package struct KafkaStatistics: Sendable, Equatable {
    package struct Partition: Sendable, Equatable {
        /// Records behind the last committed offset; nil while that is not known.
        package var lag: Int64?
        /// Records fetched and not yet taken, of all partitions of this consumer together.
        package var queuedRecords: Int64 = 0
        /// Of their values: librdkafka counts neither keys nor headers here, nor for `queued.max.messages.kbytes`.
        package var queuedBytes: Int64 = 0
    }

    package var partitions: [KafkaPartition: Partition] = [:]
    /// Messages of a producer that have no delivery report yet.
    package var waitingMessages: Int64 = 0

    /// nil where it is not JSON as librdkafka writes it.
    init?(json: [UInt8]) {
        var scanner = JSONScanner(json)
        scanner.object { key, scanner in
            switch key {
            case "msg_cnt": waitingMessages = scanner.integer() ?? 0
            case "topics": scanner.object { topic, scanner in readTopic(topic, &scanner) }
            default: scanner.skip()
            }
        }
        if scanner.failed { return nil }
    }

    private mutating func readTopic(_ topic: String, _ scanner: inout JSONScanner) {
        scanner.object { key, scanner in
            guard key == "partitions" else { return scanner.skip() }
            scanner.object { id, scanner in
                var partition = Partition()
                scanner.object { key, scanner in
                    switch key {
                    case "consumer_lag": partition.lag = scanner.integer().flatMap { $0 < 0 ? nil : $0 }
                    case "fetchq_cnt": partition.queuedRecords = scanner.integer() ?? 0
                    case "fetchq_size": partition.queuedBytes = scanner.integer() ?? 0
                    default: scanner.skip()
                    }
                }
                // librdkafka's own partition -1 holds messages that have none yet.
                if let number = Int32(id), number >= 0 { partitions[KafkaPartition(topic, number)] = partition }
            }
        }
    }
}
