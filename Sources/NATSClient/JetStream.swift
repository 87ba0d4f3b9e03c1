internal import Foundation

/// JetStream through its JSON API: libnats 3.4.1 has no fields for what servers have learned since, and its calls block.
package struct JetStream: Sendable {
    let connection: NATSConnection
    /// Subjects of the API begin with it; a domain would stand in it.
    private let prefix = "$JS.API"

    /// Publishes to the stream that listens to `subject` and waits for its acknowledgement.
    ///
    /// `noResponders` (no stream, or no leader at the moment), `timeout` and a lost connection are retriable: with the same
    /// `messageID`, the stream takes it once within its duplicate window. A cluster of 2.9 needs retries for some
    /// 5 s while it elects.
    package func publish(
        _ payload: [UInt8], to subject: String, messageID: String? = nil, headers: NATSHeaders = [:],
        timeoutMilliseconds: Int? = nil
    ) async throws(NATSError) -> PublishAck {
        var all = headers
        if let messageID { all.add("Nats-Msg-Id", messageID) }
        let answer = try await connection.request(
            payload, to: subject, headers: all, timeoutMilliseconds: timeoutMilliseconds)
        return try Self.decode(PublishAck.self, from: answer)
    }

    /// Makes a stream, or finds it as it is; another configuration under its name is an error.
    @discardableResult
    package func createStream(_ configuration: StreamConfiguration) async throws(NATSError) -> StreamInfo {
        try await call("STREAM.CREATE", Self.name(configuration.name), configuration)
    }

    package func streamInfo(_ stream: String) async throws(NATSError) -> StreamInfo {
        try await call("STREAM.INFO", Self.name(stream), Nothing())
    }

    package func deleteStream(_ stream: String) async throws(NATSError) {
        let _: Success = try await call("STREAM.DELETE", Self.name(stream), Nothing())
    }

    /// Makes a durable pull consumer with explicit acknowledgement, or finds it; what a server lets change is changed.
    @discardableResult
    package func createConsumer(
        _ configuration: ConsumerConfiguration, stream: String
    ) async throws(NATSError) -> ConsumerInfo {
        let names = "\(try Self.name(stream)).\(try Self.name(configuration.durableName))"
        let request = ConsumerRequest(streamName: stream, config: configuration)
        let info: ConsumerInfo = try await call("CONSUMER.DURABLE.CREATE", names, request)
        // Servers before 2.10 pass over a field that they do not know: it would deliver every subject.
        guard (info.config.filterSubjects ?? []).count == (configuration.filterSubjects ?? []).count else {
            throw NATSError(
                .noServerSupport, "this server knows one filter subject a consumer, several came with nats-server 2.10")
        }
        return info
    }

    package func consumerInfo(stream: String, consumer: String) async throws(NATSError) -> ConsumerInfo {
        try await call("CONSUMER.INFO", "\(try Self.name(stream)).\(try Self.name(consumer))", Nothing())
    }

    package func deleteConsumer(stream: String, consumer: String) async throws(NATSError) {
        let names = "\(try Self.name(stream)).\(try Self.name(consumer))"
        let _: Success = try await call("CONSUMER.DELETE", names, Nothing())
    }

    /// Binds to a durable pull consumer that is there.
    package func pullConsumer(stream: String, consumer: String) async throws(NATSError) -> PullConsumer {
        let info = try await consumerInfo(stream: stream, consumer: consumer)
        guard info.config.deliverSubject == nil else {
            throw NATSError(.invalidArgument, "the consumer \(consumer) of \(stream) pushes, and is not pulled from")
        }
        return try await PullConsumer(
            connection.core, stream: stream, consumer: consumer, ackWaitNanoseconds: info.config.ackWaitNanoseconds)
    }

    // MARK: - Calls

    private func call<Request: Encodable, Answer: Decodable>(
        _ operation: String, _ names: String, _ request: Request
    ) async throws(NATSError) -> Answer {
        let body: [UInt8]
        do { body = Array(try JSONEncoder().encode(request)) } catch {
            throw NATSError(.invalidArgument, "\(operation) cannot be written as JSON: \(error)")
        }
        let answer = try await connection.request(body, to: "\(prefix).\(operation).\(names)")
        return try Self.decode(Answer.self, from: answer)
    }

    private static func decode<Answer: Decodable>(_ type: Answer.Type, from message: NATSMessage) throws(NATSError) -> Answer {
        let data = Data(message.payload)
        if let refusal = try? JSONDecoder().decode(Refusal.self, from: data) { throw refusal.error.natsError }
        do { return try JSONDecoder().decode(type, from: data) } catch {
            let text = String(decoding: message.payload.prefix(200), as: UTF8.self)
            throw NATSError(.protocolError, "JetStream's answer is not understood: \(text)")
        }
    }

    /// A name as one token of a subject.
    private static func name(_ name: String) throws(NATSError) -> String {
        let isToken = !name.isEmpty && name.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F && !Array(".*>/\\".utf8).contains($0) }
        guard isToken else { throw NATSError(.invalidArgument, "'\(name)' is no name of a stream or a consumer") }
        return name
    }

    private struct Nothing: Encodable {}

    private struct Success: Decodable { var success: Bool }

    private struct ConsumerRequest: Encodable {
        var streamName: String
        var config: ConsumerConfiguration

        enum CodingKeys: String, CodingKey {
            case streamName = "stream_name"
            case config
        }
    }

    private struct Refusal: Decodable {
        struct Reason: Decodable {
            var code: Int
            var errCode: Int?
            var description: String?

            enum CodingKeys: String, CodingKey {
                case code, description
                case errCode = "err_code"
            }

            /// 5xx, 408 and 429 pass; a store that is full may have room again.
            var natsError: NATSError {
                NATSError(
                    .jetStream, description ?? "JetStream refused with code \(code)", jetStreamCode: errCode ?? code,
                    isRetriable: code >= 500 || code == 408 || code == 429)
            }
        }

        var error: Reason
    }
}
