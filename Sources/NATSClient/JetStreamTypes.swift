/// What a stream answers when it has a message.
package struct PublishAck: Sendable, Equatable, Decodable {
    package var stream: String
    package var sequence: UInt64
    /// The stream had a message with this id within its duplicate window, and did not take it again.
    package var isDuplicate: Bool
    package var domain: String?

    enum CodingKeys: String, CodingKey {
        case stream, domain
        case sequence = "seq"
        case isDuplicate = "duplicate"
    }

    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        stream = try fields.decode(String.self, forKey: .stream)
        sequence = try fields.decode(UInt64.self, forKey: .sequence)
        isDuplicate = try fields.decodeIfPresent(Bool.self, forKey: .isDuplicate) ?? false
        domain = try fields.decodeIfPresent(String.self, forKey: .domain)
    }
}

/// A stream to make; what is absent is the server's default. Times are nanoseconds, as JetStream has them.
package struct StreamConfiguration: Sendable, Equatable, Codable {
    package enum Storage: String, Sendable, Equatable, Codable {
        case file, memory
    }

    package var name: String
    package var subjects: [String]?
    package var storage: Storage
    package var replicas: Int
    package var messagesMax: Int64?
    package var bytesMax: Int64?
    package var ageMaxNanoseconds: Int64?
    package var duplicateWindowNanoseconds: Int64?

    enum CodingKeys: String, CodingKey {
        case name, subjects, storage
        case replicas = "num_replicas"
        case messagesMax = "max_msgs"
        case bytesMax = "max_bytes"
        case ageMaxNanoseconds = "max_age"
        case duplicateWindowNanoseconds = "duplicate_window"
    }

    package init(
        name: String, subjects: [String], storage: Storage = .file, replicas: Int = 1, messagesMax: Int64? = nil,
        bytesMax: Int64? = nil, ageMaxNanoseconds: Int64? = nil, duplicateWindowNanoseconds: Int64? = nil
    ) {
        self.name = name
        self.subjects = subjects
        self.storage = storage
        self.replicas = replicas
        self.messagesMax = messagesMax
        self.bytesMax = bytesMax
        self.ageMaxNanoseconds = ageMaxNanoseconds
        self.duplicateWindowNanoseconds = duplicateWindowNanoseconds
    }
}

/// A stream as it stands.
package struct StreamInfo: Sendable, Equatable, Decodable {
    package struct State: Sendable, Equatable, Decodable {
        package var messages: UInt64
        package var bytes: UInt64
        package var firstSequence: UInt64
        package var lastSequence: UInt64

        enum CodingKeys: String, CodingKey {
            case messages, bytes
            case firstSequence = "first_seq"
            case lastSequence = "last_seq"
        }
    }

    package var config: StreamConfiguration
    package var state: State
    /// Absent outside of a cluster.
    package var cluster: ClusterInfo?
}

/// Who leads a stream or a consumer.
package struct ClusterInfo: Sendable, Equatable, Decodable {
    package struct Replica: Sendable, Equatable, Decodable {
        package var name: String
        package var current: Bool
    }

    package var name: String?
    package var leader: String?
    package var replicas: [Replica]?
}

/// A durable pull consumer to make; what is absent is the server's default. Times are nanoseconds, as JetStream has them.
package struct ConsumerConfiguration: Sendable, Equatable, Codable {
    package enum DeliverPolicy: String, Sendable, Equatable, Codable {
        case all, new, last
        case lastPerSubject = "last_per_subject"
        case byStartSequence = "by_start_sequence"
        case byStartTime = "by_start_time"
    }

    package var durableName: String
    package var deliverPolicy: DeliverPolicy = .all
    package var startSequence: UInt64?
    /// RFC 3339.
    package var startTime: String?
    /// How long the server waits for an acknowledgement before it delivers again.
    package var ackWaitNanoseconds: Int64?
    /// Deliveries of one message; -1 without an end.
    package var maxDeliver: Int?
    package var maxAckPending: Int?
    package var filterSubject: String?
    /// Several filters need nats-server 2.10.
    package var filterSubjects: [String]?
    /// Waits before second, third … deliveries.
    package var backoffNanoseconds: [Int64]?
    package var description: String?
    /// Needs nats-server 2.10; older ones pass over it.
    package var metadata: [String: String]?
    /// A consumer that nobody asks for this long is removed by the server; absent means never.
    package var inactiveThresholdNanoseconds: Int64?
    var ackPolicy = "explicit"
    var deliverSubject: String?

    enum CodingKeys: String, CodingKey {
        case description, metadata
        case durableName = "durable_name"
        case deliverPolicy = "deliver_policy"
        case startSequence = "opt_start_seq"
        case startTime = "opt_start_time"
        case ackWaitNanoseconds = "ack_wait"
        case maxDeliver = "max_deliver"
        case maxAckPending = "max_ack_pending"
        case filterSubject = "filter_subject"
        case filterSubjects = "filter_subjects"
        case backoffNanoseconds = "backoff"
        case inactiveThresholdNanoseconds = "inactive_threshold"
        case ackPolicy = "ack_policy"
        case deliverSubject = "deliver_subject"
    }

    package init(durableName: String) { self.durableName = durableName }

    /// A consumer that was made elsewhere may have no durable name.
    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        durableName = try fields.decodeIfPresent(String.self, forKey: .durableName) ?? ""
        deliverPolicy = try fields.decodeIfPresent(DeliverPolicy.self, forKey: .deliverPolicy) ?? .all
        startSequence = try fields.decodeIfPresent(UInt64.self, forKey: .startSequence)
        startTime = try fields.decodeIfPresent(String.self, forKey: .startTime)
        ackWaitNanoseconds = try fields.decodeIfPresent(Int64.self, forKey: .ackWaitNanoseconds)
        maxDeliver = try fields.decodeIfPresent(Int.self, forKey: .maxDeliver)
        maxAckPending = try fields.decodeIfPresent(Int.self, forKey: .maxAckPending)
        filterSubject = try fields.decodeIfPresent(String.self, forKey: .filterSubject)
        filterSubjects = try fields.decodeIfPresent([String].self, forKey: .filterSubjects)
        backoffNanoseconds = try fields.decodeIfPresent([Int64].self, forKey: .backoffNanoseconds)
        description = try fields.decodeIfPresent(String.self, forKey: .description)
        metadata = try fields.decodeIfPresent([String: String].self, forKey: .metadata)
        inactiveThresholdNanoseconds = try fields.decodeIfPresent(Int64.self, forKey: .inactiveThresholdNanoseconds)
        ackPolicy = try fields.decodeIfPresent(String.self, forKey: .ackPolicy) ?? ""
        deliverSubject = try fields.decodeIfPresent(String.self, forKey: .deliverSubject)
    }
}

/// A consumer as it stands. What its `ack_floor` means differs between servers, so it is not shown.
package struct ConsumerInfo: Sendable, Equatable, Decodable {
    package var stream: String
    package var name: String
    package var config: ConsumerConfiguration
    /// Delivered and not yet acknowledged.
    package var ackPendingMessages: Int
    package var redeliveredMessages: Int
    /// Not yet delivered.
    package var pendingMessages: UInt64
    /// Pull requests that wait at the server.
    package var waitingRequests: Int
    package var cluster: ClusterInfo?

    enum CodingKeys: String, CodingKey {
        case name, config, cluster
        case stream = "stream_name"
        case ackPendingMessages = "num_ack_pending"
        case redeliveredMessages = "num_redelivered"
        case pendingMessages = "num_pending"
        case waitingRequests = "num_waiting"
    }
}
