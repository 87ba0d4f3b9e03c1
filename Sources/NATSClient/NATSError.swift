internal import CNATS

/// What libnats, the server or JetStream answered when they could not do what they were told.
package struct NATSError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Status names of libnats, and two of ours.
    package enum Status: String, Sendable, Equatable, CaseIterable {
        case error = "NATS_ERR"
        case protocolError = "NATS_PROTOCOL_ERROR"
        case ioError = "NATS_IO_ERROR"
        case connectionClosed = "NATS_CONNECTION_CLOSED"
        case noServer = "NATS_NO_SERVER"
        case staleConnection = "NATS_STALE_CONNECTION"
        case secureConnectionWanted = "NATS_SECURE_CONNECTION_WANTED"
        case secureConnectionRequired = "NATS_SECURE_CONNECTION_REQUIRED"
        case connectionDisconnected = "NATS_CONNECTION_DISCONNECTED"
        case authenticationFailed = "NATS_CONNECTION_AUTH_FAILED"
        case notPermitted = "NATS_NOT_PERMITTED"
        case invalidSubject = "NATS_INVALID_SUBJECT"
        case invalidArgument = "NATS_INVALID_ARG"
        case invalidSubscription = "NATS_INVALID_SUBSCRIPTION"
        case illegalState = "NATS_ILLEGAL_STATE"
        case slowConsumer = "NATS_SLOW_CONSUMER"
        case maxPayload = "NATS_MAX_PAYLOAD"
        case insufficientBuffer = "NATS_INSUFFICIENT_BUFFER"
        case noMemory = "NATS_NO_MEMORY"
        case systemError = "NATS_SYS_ERROR"
        case timeout = "NATS_TIMEOUT"
        case tlsError = "NATS_SSL_ERROR"
        case noServerSupport = "NATS_NO_SERVER_SUPPORT"
        case draining = "NATS_DRAINING"
        case noResponders = "NATS_NO_RESPONDERS"
        /// Any other status of libnats; its name stands in the text.
        case other = "NATS_OTHER"
        /// JetStream refused: ``NATSError/jetStreamCode`` and its description.
        case jetStream = "JETSTREAM"
        /// The task that waited was cancelled.
        case cancelled = "CANCELLED"
    }

    package var status: Status
    /// The words of the server or of libnats.
    package var text: String
    /// JetStream's `err_code`, as in `jsErrCode` of libnats; nil where JetStream did not answer.
    package var jetStreamCode: Int?
    /// Whether the same may succeed later, with nothing changed by its caller. To publish again is harmless with a message id.
    package var isRetriable: Bool

    package init(_ status: Status, _ text: String, jetStreamCode: Int? = nil, isRetriable: Bool? = nil) {
        self.status = status
        self.text = text
        self.jetStreamCode = jetStreamCode
        self.isRetriable = isRetriable ?? Self.retriable.contains(status)
    }

    package var description: String {
        if let jetStreamCode { return "\(text) (JetStream \(jetStreamCode))" }
        return "\(text) (\(status.rawValue))"
    }

    /// The connection is closed and stays so.
    package static let closed = NATSError(.connectionClosed, "the connection is closed")
    static let cancelled = NATSError(.cancelled, "the task that waited was cancelled")

    /// No stream or no leader at this moment, a lost connection, no answer in time: all pass.
    private static let retriable: Set<Status> = [
        .ioError, .noServer, .staleConnection, .connectionDisconnected, .timeout, .noResponders, .insufficientBuffer,
        .slowConsumer,
    ]
}

extension NATSError {
    /// Throws what libnats says on this thread where `status` is not OK.
    static func check(_ status: natsStatus) throws(NATSError) {
        guard status != NATS_OK else { return }
        throw last(status)
    }

    /// `status` with the words that libnats keeps for this thread.
    static func last(_ status: natsStatus) -> NATSError {
        var lastStatus = NATS_OK
        let detail = nats_GetLastError(&lastStatus).map { String(cString: $0) } ?? ""
        let own = natsStatus_GetText(status).map { String(cString: $0) } ?? "status \(status.rawValue)"
        return NATSError(Status(status), detail.isEmpty ? own : withoutPlace(detail))
    }

    /// libnats writes `(conn.c:1905): ` before the server's words.
    private static func withoutPlace(_ text: String) -> String {
        guard text.hasPrefix("("), let end = text.firstRange(of: "): ") else { return text }
        let place = text[..<end.lowerBound]
        return place.contains(".c:") && !place.contains(" ") ? String(text[end.upperBound...]) : text
    }
}

extension NATSError.Status {
    private static let known: [UInt32: Self] = Dictionary(
        uniqueKeysWithValues: [
            (NATS_ERR, .error), (NATS_PROTOCOL_ERROR, .protocolError), (NATS_IO_ERROR, .ioError),
            (NATS_CONNECTION_CLOSED, .connectionClosed), (NATS_NO_SERVER, .noServer),
            (NATS_STALE_CONNECTION, .staleConnection), (NATS_SECURE_CONNECTION_WANTED, .secureConnectionWanted),
            (NATS_SECURE_CONNECTION_REQUIRED, .secureConnectionRequired),
            (NATS_CONNECTION_DISCONNECTED, .connectionDisconnected), (NATS_CONNECTION_AUTH_FAILED, .authenticationFailed),
            (NATS_NOT_PERMITTED, .notPermitted), (NATS_INVALID_SUBJECT, .invalidSubject),
            (NATS_INVALID_ARG, .invalidArgument), (NATS_INVALID_SUBSCRIPTION, .invalidSubscription),
            (NATS_ILLEGAL_STATE, .illegalState), (NATS_SLOW_CONSUMER, .slowConsumer), (NATS_MAX_PAYLOAD, .maxPayload),
            (NATS_INSUFFICIENT_BUFFER, .insufficientBuffer), (NATS_NO_MEMORY, .noMemory), (NATS_SYS_ERROR, .systemError),
            (NATS_TIMEOUT, .timeout), (NATS_SSL_ERROR, .tlsError), (NATS_NO_SERVER_SUPPORT, .noServerSupport),
            (NATS_DRAINING, .draining), (NATS_NO_RESPONDERS, .noResponders),
        ].map { (status: natsStatus, name: Self) in (status.rawValue, name) })

    init(_ status: natsStatus) { self = Self.known[status.rawValue] ?? .other }
}
