import NIOCore

/// One request and what becomes of it. Used on its loop only.
final class ClientExchange: DeadlineEntry {
    /// What the exchange waits for: said where it times out.
    enum Phase: String {
        case queued = "waiting for a connection"
        case connecting
        case sent = "waiting for the answer"
        case reading = "reading the answer"
    }

    let id: ConnectionPool.ExchangeID
    let endpoint: EndpointConnections
    let request: HTTPRequest
    let timeout: Duration
    let deadline: NIODeadline
    let deadlineTick: Int64
    var place: (slot: Int, index: Int)?
    var phase = Phase.queued
    /// The connection that carries the exchange.
    var connection: ClientConnection?
    /// Whether a kept connection turned out to be closed and the request went out again on a fresh one.
    var isRepeated = false
    private var completion: ((Result<HTTPAnswer, HTTPFailure>) -> Void)?

    init(
        id: ConnectionPool.ExchangeID, endpoint: EndpointConnections, request: HTTPRequest, timeout: Duration,
        deadline: NIODeadline, deadlineTick: Int64, completion: @escaping (Result<HTTPAnswer, HTTPFailure>) -> Void
    ) {
        self.id = id
        self.endpoint = endpoint
        self.request = request
        self.timeout = timeout
        self.deadline = deadline
        self.deadlineTick = deadlineTick
        self.completion = completion
    }

    /// Whether nobody has been told yet what came of it.
    var isOpen: Bool { completion != nil }

    var timeoutFailure: HTTPFailure { HTTPFailure("timed out after \(timeout.sentence) (\(phase.rawValue))") }

    /// Gives the completion away: it is called exactly once.
    func takeCompletion() -> ((Result<HTTPAnswer, HTTPFailure>) -> Void)? {
        defer { completion = nil }
        return completion
    }
}

extension Duration {
    /// Nanoseconds, at most about 146 years either way, so that no sum with a clock's reading overflows.
    package var clampedNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let bound: Int64 = 4_600_000_000
        return min(max(seconds, -bound), bound) * 1_000_000_000 + attoseconds / 1_000_000_000
    }

    /// `30 s`, or `50 ms` where it is not whole seconds.
    var sentence: String {
        let nanoseconds = clampedNanoseconds
        return nanoseconds % 1_000_000_000 == 0 ? "\(nanoseconds / 1_000_000_000) s" : "\(nanoseconds / 1_000_000) ms"
    }
}
