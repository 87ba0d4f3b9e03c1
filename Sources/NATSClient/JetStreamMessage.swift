/// A message that a pull consumer delivered, to be acknowledged, refused or given up: nothing else takes it off the consumer.
package struct JetStreamMessage: Sendable {
    /// Where a message stands in its stream and its consumer.
    package struct Metadata: Sendable, Equatable {
        package var domain: String?
        package var stream: String
        package var consumer: String
        /// 1 for the first delivery.
        package var deliveredCount: UInt64
        package var streamSequence: UInt64
        package var consumerSequence: UInt64
        /// When the stream took it, since 1970.
        package var timestampNanoseconds: Int64
        /// Messages of the consumer after this one.
        package var pendingMessages: UInt64
    }

    package var message: NATSMessage
    package var metadata: Metadata
    let core: ConnectionCore

    /// Nil where the reply subject is not JetStream's.
    init?(_ message: NATSMessage, core: ConnectionCore) {
        guard let metadata = message.reply.flatMap(Metadata.init(ackSubject:)) else { return nil }
        self.message = message
        self.metadata = metadata
        self.core = core
    }

    /// Done with, once the server has heard it: a crash before that delivers it again.
    package func ack() async throws(NATSError) { try await say("+ACK") }

    /// Done with, and the server has said that it knows.
    package func ackSync(timeoutMilliseconds: Int? = nil) async throws(NATSError) {
        let acknowledgement = acknowledgement("+ACK")
        let timeout = timeoutMilliseconds ?? core.configuration.requestTimeoutMilliseconds
        _ = try await core.replies.answer(timeoutMilliseconds: timeout) { reply, failed in
            var asking = acknowledgement
            asking.reply = reply
            core.postRequest(asking, failed: failed)
        }
    }

    /// To be delivered again, at once or after a delay.
    package func nak(delayMilliseconds: Int = 0) async throws(NATSError) {
        try await say(Self.nak(delayMilliseconds))
    }

    /// Never to be delivered again, and not done with either.
    package func term() async throws(NATSError) { try await say("+TERM") }

    /// Still at work: the acknowledgement wait begins anew.
    package func inProgress() async throws(NATSError) { try await say("+WPI") }

    /// To be delivered again; nobody waits for it.
    func postNak() { core.post(acknowledgement(Self.nak(0))) }

    /// Still at work; nobody waits for it.
    func postInProgress() { core.post(acknowledgement("+WPI")) }

    /// What became of a message: what ``ack()``, ``term()`` and ``nak(delayMilliseconds:)`` say.
    package enum Outcome: Sendable, Equatable {
        case done
        case givenUp
        case again(delayMilliseconds: Int)
    }

    /// The same as to say it, for many at once.
    func acknowledgement(_ outcome: Outcome) -> NATSMessage {
        switch outcome {
        case .done: acknowledgement("+ACK")
        case .givenUp: acknowledgement("+TERM")
        case .again(let delay): acknowledgement(Self.nak(delay))
        }
    }

    private static func nak(_ delayMilliseconds: Int) -> String {
        delayMilliseconds > 0 ? "-NAK {\"delay\": \(delayMilliseconds)000000}" : "-NAK"
    }

    private func say(_ word: String) async throws(NATSError) { try await core.publish(acknowledgement(word)) }

    private func acknowledgement(_ word: String) -> NATSMessage {
        NATSMessage(subject: message.reply ?? "", payload: Array(word.utf8))
    }
}

extension JetStreamMessage.Metadata {
    /// Reads `$JS.ACK.<stream>.<consumer>.<delivered>.<stream sequence>.<consumer sequence>.<time>.<pending>`, and the form
    /// with domain and account before the stream.
    init?(ackSubject: String) {
        let tokens = ackSubject.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).map {
            String($0) ?? ""
        }
        guard tokens.count == 9 || tokens.count >= 11, tokens[0] == "$JS", tokens[1] == "ACK" else { return nil }
        let isLong = tokens.count > 9
        let start = isLong ? 4 : 2
        let numbers = tokens[(start + 2)..<(start + 7)].map { UInt64($0) }
        guard numbers.allSatisfy({ $0 != nil }), let time = Int64(tokens[start + 5]) else { return nil }
        let values = numbers.compactMap { $0 }
        self.init(
            domain: isLong && tokens[2] != "_" ? tokens[2] : nil, stream: tokens[start], consumer: tokens[start + 1],
            deliveredCount: values[0], streamSequence: values[1], consumerSequence: values[2], timestampNanoseconds: time,
            pendingMessages: values[4])
    }
}
