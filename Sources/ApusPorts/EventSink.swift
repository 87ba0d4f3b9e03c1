public import CloudEvents

/// Sends one event to one subscriber, once. Whether to try again is not its business.
///
/// A sink is made for one ``Executor`` and is used only there; `completion` is called there too, exactly once, never before
/// `deliver` has returned. A timeout is an outcome like any other.
public protocol EventSink: AnyObject, Sendable {
    func deliver(_ delivery: Delivery, completion: @escaping @Sendable (Outcome) -> Void)
}

/// Makes sinks for an executor; gives executors.
public protocol EventSinkFactory: Sendable {
    /// The next executor, in turns: one for each broker.
    func makeExecutor() -> any Executor
    /// The sink whose connections live on `executor`, which came from ``makeExecutor()``.
    func makeSink(on executor: any Executor) -> any EventSink
}

/// One thread's worth of serial execution with a clock: an event loop in the product, a seeded one in the simulator.
public protocol Executor: SerialExecutor {
    /// Wall clock, UTC.
    var now: Timestamp { get }
    /// Runs `body` here, later.
    func execute(_ body: @escaping @Sendable () -> Void)
    /// Runs `body` here once `delay` has passed; never early.
    func schedule(after delay: Duration, _ body: @escaping @Sendable () -> Void)
}

/// One attempt: what is sent, where, and how long it may take.
public struct Delivery: Sendable {
    public var record: LogRecord
    public var destination: Destination
    /// How long the attempt may take, from dialling to the last byte of the answer.
    public var timeout: Duration
    /// The trigger's namespace, sent as `Kn-Namespace`.
    public var namespace: String
    /// The mode to send in; nil keeps the mode in which the event came (promise 3).
    public var format: ContentMode?
    /// Attributes that this delivery adds (`knativeerrordest`, `apusreplay`, …).
    public var added: [Attribute]
    /// Whether the answer may carry a reply: sends `Prefer: reply`, and reads a body as an event.
    public var wantsReply: Bool

    public init(
        record: LogRecord, destination: Destination, timeout: Duration, namespace: String, format: ContentMode? = nil,
        added: [Attribute] = [], wantsReply: Bool = true
    ) {
        self.record = record
        self.destination = destination
        self.timeout = timeout
        self.namespace = namespace
        self.format = format
        self.added = added
        self.wantsReply = wantsReply
    }
}

/// Where a delivery goes: a resolved, absolute `http` or `https` URL, and the certificates that its host may show.
public struct Destination: Sendable, Hashable {
    public var url: String
    /// PEM certificates to trust beside the system's, or nil.
    public var caCerts: String?

    public init(url: String, caCerts: String? = nil) {
        self.url = url
        self.caCerts = caCerts
    }
}

/// What came of one attempt. Failure is ordinary life, so it is a value and not an error.
public enum Outcome: Sendable {
    case answered(Answer)
    /// No whole answer came: refused, reset, timed out, no such host, a certificate that does not verify. The text says which.
    case failed(String)
}

public struct Answer: Sendable {
    public var status: Int
    /// The first ``Limits/errorBodyBytesMax`` bytes of the answer's body.
    public var body: [UInt8]
    /// `Retry-After` in seconds from now, where the answer had one that could be read (integer or HTTP date).
    public var retryAfter: Duration?
    public var reply: Reply

    public enum Reply: Sendable {
        case none
        /// The answer is a CloudEvent. Its hops are the default: the dispatcher sets them.
        case event(EventRecord)
        /// The answer claims to be a CloudEvent (by its media type) and is not a valid one: the sentence says why.
        case invalid(String)
    }

    public init(status: Int, body: [UInt8] = [], retryAfter: Duration? = nil, reply: Reply = .none) {
        self.status = status
        self.body = body
        self.retryAfter = retryAfter
        self.reply = reply
    }
}

/// The one door as the dispatcher sees it: where replies go in (law 1).
public protocol ReplyDoor: AnyObject, Sendable {
    /// Puts a reply on the broker's log. `changes` become durable with it where the log can (``EventLog/appendsWithChanges``).
    /// A full queue makes this wait, not fail. `completion` comes on any thread.
    func accept(
        reply: EventRecord, changes: CursorChange?,
        completion: @escaping @Sendable (Result<Position, LogError>) -> Void)
}
