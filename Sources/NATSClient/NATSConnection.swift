/// A connection to a NATS server or cluster that libnats keeps, and makes anew when it is lost.
///
/// Nothing here waits on a thread of the caller's. It is closed when the last reference to it goes.
package final class NATSConnection: Sendable {
    let core: ConnectionCore

    private init(_ core: ConnectionCore) { self.core = core }

    deinit { core.beginClose() }

    /// Connects to the first server that takes it. Throws the server's own words, such as `Authorization Violation`.
    package static func connect(_ configuration: NATSConfiguration) async throws(NATSError) -> NATSConnection {
        NATSConnection(try await ConnectionCore.connect(configuration))
    }

    package var configuration: NATSConfiguration { core.configuration }

    /// What happens to the connection, for one reader; ends after ``NATSEvent/closed(_:)``. The newest 256 are kept for it.
    package var events: AsyncStream<NATSEvent> { core.relay.events }

    /// Sends a message to whoever listens; that may be nobody. While there is no connection, it waits in libnats' buffer.
    ///
    /// Returns when libnats has it: ``flush(timeoutMilliseconds:)`` says that the server has.
    package func publish(
        _ payload: [UInt8], to subject: String, headers: NATSHeaders = [:], reply: String? = nil
    ) async throws(NATSError) {
        try await core.publish(NATSMessage(subject: subject, reply: reply, headers: headers, payload: payload))
    }

    /// Sends a message and waits for its first answer. `noResponders` comes at once, `timeout` after
    /// ``NATSConfiguration/requestTimeoutMilliseconds`` unless another is given,
    /// `connectionDisconnected` when the connection is lost.
    package func request(
        _ payload: [UInt8], to subject: String, headers: NATSHeaders = [:], timeoutMilliseconds: Int? = nil
    ) async throws(NATSError) -> NATSMessage {
        let message = NATSMessage(subject: subject, headers: headers, payload: payload)
        try message.check()
        let timeout = timeoutMilliseconds ?? core.configuration.requestTimeoutMilliseconds
        return try await core.replies.answer(timeoutMilliseconds: timeout) { reply, failed in
            var asking = message
            asking.reply = reply
            core.postRequest(asking, failed: failed)
        }
    }

    /// Waits until the server has seen all that was published before.
    package func flush(timeoutMilliseconds: Int = 5000) async throws(NATSError) {
        try await core.flush(timeoutMilliseconds: timeoutMilliseconds)
    }

    /// Subscribes to a subject, which may have wildcards; with `queue`, each message goes to one member of that group.
    ///
    /// The server knows it when ``flush(timeoutMilliseconds:)`` returns.
    package func subscribe(
        _ subject: String, queue: String? = nil, pending: PendingLimits = .standard
    ) async throws(NATSError) -> NATSSubscription {
        if let queue, NATSSubject.problem(in: queue, wildcards: false) != nil {
            throw NATSError(.invalidArgument, "'\(queue)' is no name of a queue group")
        }
        return try await NATSSubscription(core, subject, queue: queue, pending: pending)
    }

    package var jetStream: JetStream { JetStream(connection: self) }

    /// Lets what is on its way arrive and leave, then closes; closes anyway at the timeout.
    package func drain(timeoutMilliseconds: Int = 10_000) async throws(NATSError) {
        try await core.drainAndClose(timeoutMilliseconds: timeoutMilliseconds)
    }

    /// Ends subscriptions and waits, and returns when libnats' threads for it have ended. Can be called again.
    package func close() async { await core.close() }
}
