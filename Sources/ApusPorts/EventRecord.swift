public import CloudEvents

/// An accepted event as the log keeps it: what came, as bytes, with the attributes parsed beside it (promise 3).
public struct EventRecord: Sendable, Equatable {
    /// The decoded context attributes in the order in which they came.
    public var attributes: Attributes
    /// How the bytes of `body` hold the event. An event of a batch is `structured`: its own byte range of the batch.
    public var mode: ContentMode
    /// The `Content-Type` field as it was received, or nil. In binary mode it is the `datacontenttype`.
    public var contentType: String?
    /// The received bytes: the data in binary mode, the JSON object in structured mode.
    public var body: [UInt8]
    /// In binary mode, whether there was data at all: a body of no bytes is no data.
    public var hasData: Bool { mode == .structured || !body.isEmpty }
    /// Fields that travel with the event (knative.md item 31, and `traceparent`, `tracestate`), names in lower case.
    public var headers: [ForwardedHeader]
    /// How many hops the event has left (``hopsAttribute``, promise 7). Never among `attributes`.
    public var hops: UInt8
    /// What this event is a reply to, or nil.
    public var cause: Cause?
    /// On the dead stream only: who gave up on the event, and why.
    public var deadLetter: DeadLetter?

    public init(
        attributes: Attributes, mode: ContentMode, contentType: String? = nil, body: [UInt8] = [],
        headers: [ForwardedHeader] = [], hops: UInt8 = Limits.hopsMax, cause: Cause? = nil, deadLetter: DeadLetter? = nil
    ) {
        self.attributes = attributes
        self.mode = mode
        self.contentType = contentType
        self.body = body
        self.headers = headers
        self.hops = hops
        self.cause = cause
        self.deadLetter = deadLetter
    }

    /// The attribute that counts hops: it lives in the log as ``hops``, and no subscriber sees it (promise 7).
    public static let hopsAttribute = "knativebrokerttl"

    /// An estimate of the memory that the record takes, in bytes: what bounds on caches and queues count.
    public var sizeBytes: Int {
        var size = body.count + 96
        for attribute in attributes { size += attribute.name.utf8.count + attribute.value.text.utf8.count + 32 }
        for header in headers { size += header.name.utf8.count + header.value.utf8.count + 32 }
        return size
    }
}

/// A header field that is not an attribute and travels with the event. The name is in lower case.
public struct ForwardedHeader: Sendable, Hashable {
    public var name: String
    public var value: String

    public init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}

/// The delivery that a reply came from.
public struct Cause: Sendable, Hashable {
    /// The name of the trigger whose subscriber replied.
    public var trigger: String
    /// Where the event stands that was delivered.
    public var position: Position

    public init(trigger: String, position: Position) {
        self.trigger = trigger
        self.position = position
    }
}

/// A record with its place and time in a stream.
public struct LogRecord: Sendable, Equatable {
    public var position: Position
    /// When the log took the event, UTC; never goes backwards along a lane.
    public var appendedAt: Timestamp
    public var event: EventRecord

    public init(position: Position, appendedAt: Timestamp, event: EventRecord) {
        self.position = position
        self.appendedAt = appendedAt
        self.event = event
    }
}

/// Why and how a trigger gave up on an event (promise 17).
public struct DeadLetter: Sendable, Equatable {
    /// Name of the trigger, in the broker's namespace.
    public var trigger: String
    /// Where the event stands in the stream of events.
    public var position: Position
    public var reason: Reason
    /// How many times delivery was attempted; 0 where it never was.
    public var attempts: Int
    /// The URL that was delivered to: `knativeerrordest`.
    public var destination: String
    /// The last HTTP status: `knativeerrorcode`. A transport error is 500.
    public var status: Int
    /// The first ``Limits/errorBodyBytesMax`` bytes of the last answer, or the text of the transport error: `knativeerrordata`.
    public var body: [UInt8]
    public var firstAttemptAt: Timestamp
    public var lastAttemptAt: Timestamp

    public enum Reason: String, Sendable, CaseIterable {
        /// The subscriber answered with a status that is not retried.
        case rejected
        /// The last attempt that the policy allows failed.
        case retriesExhausted = "retries-exhausted"
        /// The subscriber's reply had no hops left (promise 7); the event itself counts as delivered.
        case hopsExhausted = "hops-exhausted"
        /// A source's record that cannot become an event. ``trigger`` is the source then, as `PingSource/NAME`; the record's
        /// bytes are the data, and ``body`` is the sentence that says why.
        case unreadable
        /// A changed copy of a dead letter, made to be redriven: its dead letter sink does not get it (promise 18).
        case edited
    }

    public init(
        trigger: String, position: Position, reason: Reason, attempts: Int, destination: String, status: Int, body: [UInt8],
        firstAttemptAt: Timestamp, lastAttemptAt: Timestamp
    ) {
        self.trigger = trigger
        self.position = position
        self.reason = reason
        self.attempts = attempts
        self.destination = destination
        self.status = status
        self.body = body
        self.firstAttemptAt = firstAttemptAt
        self.lastAttemptAt = lastAttemptAt
    }
}
