internal import CRDKafka

/// What went wrong, in librdkafka's own words.
package struct KafkaError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What a caller decides on; ``KafkaError/name`` tells the cases of one reason apart.
    package enum Reason: Sendable, Equatable, CaseIterable {
        /// A key that librdkafka does not know, or a value that it does not take.
        case configuration
        /// No broker answers: a name, an address, a broker that is down.
        case unreachable
        /// Credentials or certificates were refused, by them or by us.
        case authentication
        /// The credentials are right and may not do this.
        case authorization
        /// The topic or the partition is not there.
        case unknownTopic
        /// The answer did not come in time.
        case timedOut
        /// The offset is not, or no longer, in the partition.
        case offsetOutOfRange
        /// The group moved on: this consumer no longer owns what it spoke of.
        case rebalanced
        /// The record is larger than the broker or the client allows, or else malformed.
        case invalidRecord
        /// The task was cancelled before librdkafka had it.
        case cancelled
        /// The client was closed.
        case closed
        case other
    }

    package var reason: Reason
    /// Kafka's name of the code, such as `NOT_ENOUGH_REPLICAS`; librdkafka's own begin with an underscore, such as `_TRANSPORT`.
    package var name: String
    package var message: String
    /// Whether the same may succeed when it is tried again later.
    package var isRetriable: Bool
    /// Whether this client can do nothing more: close it and make another.
    package var isFatal: Bool

    package var description: String { "\(message) (\(name))" }

    static let closed = KafkaError(
        reason: .closed, name: "_DESTROY", message: "the client is closed", isRetriable: false, isFatal: false)

    static let cancelled = KafkaError(
        reason: .cancelled, name: "_INTR", message: "the task was cancelled", isRetriable: true, isFatal: false)

    static func configuration(_ message: String) -> KafkaError {
        KafkaError(reason: .configuration, name: "_INVALID_ARG", message: message, isRetriable: false, isFatal: false)
    }

    /// - Parameter message: what librdkafka says of this case; else what it says of the code.
    init(_ code: rd_kafka_resp_err_t, message: String? = nil, isFatal: Bool = false) {
        self.init(
            reason: Reason(code), name: String(cString: rd_kafka_err2name(code)),
            message: message ?? String(cString: rd_kafka_err2str(code)), isRetriable: !isFatal && code.isRetriable,
            isFatal: isFatal)
    }

    /// Takes over what librdkafka made for one call; nil where the call succeeded.
    init?(owned error: OpaquePointer?) {
        guard let error else { return nil }
        defer { rd_kafka_error_destroy(error) }
        self.init(
            rd_kafka_error_code(error), message: String(cString: rd_kafka_error_string(error)),
            isFatal: rd_kafka_error_is_fatal(error) != 0)
        isRetriable = isRetriable || rd_kafka_error_is_retriable(error) != 0
    }

    package init(reason: Reason, name: String, message: String, isRetriable: Bool, isFatal: Bool) {
        self.reason = reason
        self.name = name
        self.message = message
        self.isRetriable = isRetriable
        self.isFatal = isFatal
    }
}

extension KafkaError.Reason {
    fileprivate init(_ code: rd_kafka_resp_err_t) {
        switch code {
        case RD_KAFKA_RESP_ERR__INVALID_ARG, RD_KAFKA_RESP_ERR__CONFLICT, RD_KAFKA_RESP_ERR_INVALID_CONFIG:
            self = .configuration
        case RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, RD_KAFKA_RESP_ERR__RESOLVE,
            RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE, RD_KAFKA_RESP_ERR__WAIT_COORD, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
            self = .unreachable
        case RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR__SSL, RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED,
            RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM, RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE:
            self = .authentication
        case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
            RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
            self = .authorization
        case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION,
            RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
            self = .unknownTopic
        case RD_KAFKA_RESP_ERR__TIMED_OUT, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
            RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
            self = .timedOut
        case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE, RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, RD_KAFKA_RESP_ERR__NO_OFFSET:
            self = .offsetOutOfRange
        case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS,
            RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED:
            self = .rebalanced
        case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_INVALID_MSG, RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE,
            RD_KAFKA_RESP_ERR_INVALID_RECORD, RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
            self = .invalidRecord
        case RD_KAFKA_RESP_ERR__DESTROY, RD_KAFKA_RESP_ERR__PURGE_QUEUE, RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
            self = .closed
        default:
            self = .other
        }
    }
}

extension rd_kafka_resp_err_t {
    var isError: Bool { self != RD_KAFKA_RESP_ERR_NO_ERROR }

    /// librdkafka says it of errors that it makes as objects, and of a bare code it does not.
    fileprivate var isRetriable: Bool {
        switch self {
        case RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, RD_KAFKA_RESP_ERR__RESOLVE,
            RD_KAFKA_RESP_ERR__TIMED_OUT, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE,
            RD_KAFKA_RESP_ERR__WAIT_COORD, RD_KAFKA_RESP_ERR__QUEUE_FULL, RD_KAFKA_RESP_ERR__RETRY,
            RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION,
            RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
            RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE,
            RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION,
            RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
            RD_KAFKA_RESP_ERR_NOT_COORDINATOR, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
            RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND, RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS,
            RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR, RD_KAFKA_RESP_ERR_NOT_CONTROLLER:
            true
        default:
            false
        }
    }
}
