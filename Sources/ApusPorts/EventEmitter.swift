public import CloudEvents

/// Where a source's events go: the one door of a Broker, or a `uri` (law 1). What it returned from is as durable as a 202.
public protocol EventEmitter: Sendable {
    /// Emits a batch, in order. When this returns, a broker's log has all of it, as one durable append, or a `uri` has answered
    /// 2xx to each of its events.
    ///
    /// A full queue makes this wait, not fail. A `uri` is tried again as a trigger's subscriber is, by the default policy.
    /// Order across calls is that of the calls where each waits for the one before; several at once are fine.
    func emit(_ events: [SourceEvent]) async throws(EmitFailure)

    /// Keeps a record that cannot become an event in the broker's dead stream, with its raw bytes, and counts it. Where the sink
    /// is a `uri` there is no dead stream: the record is counted, and said in the log.
    func bury(_ record: RawRecord) async throws(EmitFailure)
}

/// An event as a source found it: in binary mode the attributes beside the data, in structured mode the JSON as it came.
public struct SourceEvent: Sendable, Equatable {
    /// The context attributes, valid by the CloudEvents specification.
    public var attributes: Attributes
    /// `.binary` or `.structured`.
    public var mode: ContentMode
    /// The media type of `body`, or nil. In binary mode it is the `datacontenttype`, and stands among `attributes` too.
    public var contentType: String?
    /// The data in binary mode, none where there is no data; the JSON object in structured mode.
    public var body: [UInt8]
    /// Fields that travel with the event (`traceparent`, …), names in lower case.
    public var headers: [ForwardedHeader]

    /// In binary mode, of an event that the source made or decoded. It is checked by who makes it: ``CloudEvent/validate()``.
    public init(_ event: CloudEvent, headers: [ForwardedHeader] = []) {
        attributes = event.attributes
        mode = .binary
        contentType = event.dataContentType
        body = event.data ?? []
        self.headers = headers
    }

    /// In structured mode: the bytes of one JSON event, which leave as they came. Throws where they are no event.
    public init(structured json: [UInt8], headers: [ForwardedHeader] = []) throws(CloudEventError) {
        attributes = try JSONFormat.decode(json).attributes
        mode = .structured
        contentType = "\(JSONFormat.mediaType); charset=utf-8"
        body = json
        self.headers = headers
    }
}

/// A record of another system that is no event and cannot become one.
public struct RawRecord: Sendable, Equatable {
    /// As they came. What is beyond ``Limits/eventBytesMax`` is cut off.
    public var bytes: [UInt8]
    /// Where it was: `orders partition 3 offset 17`.
    public var origin: String
    /// Why it cannot become an event, in a sentence.
    public var reason: String

    public init(bytes: [UInt8], origin: String, reason: String) {
        self.bytes = bytes
        self.origin = origin
        self.reason = reason
    }
}

/// Why the sink did not take a batch.
public struct EmitFailure: Error, Sendable, Equatable {
    public enum Kind: Sendable, Equatable {
        /// The event at `index` is never taken, however often it comes: bury it.
        case refused(index: Int)
        /// Not now: the broker is not there or its log cannot be written, the `uri` failed all retries: try again later.
        case unavailable
    }

    public var kind: Kind
    /// How many of the batch, from its beginning, the sink has all the same. 0 at a broker, where a batch is all or nothing.
    public var kept: Int
    /// What was wrong, in a sentence, with the sink's own words.
    public var message: String

    public init(_ kind: Kind, kept: Int = 0, message: String) {
        self.kind = kind
        self.kept = kept
        self.message = message
    }
}

/// A record that a source has read: the event that it makes, or why it makes none, and the record as it came.
public struct SourceItem: Sendable {
    /// The event; or, in a sentence, why the record cannot become one.
    public var event: Result<SourceEvent, Unreadable>
    /// The record's own bytes, for the dead stream.
    public var raw: [UInt8]
    /// Where it was; see ``RawRecord/origin``.
    public var origin: String

    public struct Unreadable: Error, Sendable, Equatable {
        public var sentence: String

        public init(_ sentence: String) { self.sentence = sentence }
    }

    public init(_ event: Result<SourceEvent, Unreadable>, raw: [UInt8], origin: String) {
        self.event = event
        self.raw = raw
        self.origin = origin
    }
}

extension EventEmitter {
    /// Brings records in, in order: events are emitted together, and what is no event, or what the sink refuses for good, is
    /// buried. Returns when all of them are durable one way or the other, and so may be acknowledged where they came from.
    ///
    /// - Returns: for each item, nil where it was emitted, and the reason where it was buried.
    /// - Throws: ``EmitFailure/Kind/unavailable``; `kept` counts the items from the beginning that are durable.
    @discardableResult
    public func bring(_ items: [SourceItem]) async throws(EmitFailure) -> [String?] {
        var outcomes = [String?](repeating: nil, count: items.count)
        var start = 0
        while start < items.count {
            var batch: [SourceEvent] = []
            for item in items[start...] {
                guard case .success(let event) = item.event else { break }
                batch.append(event)
            }
            var refusal: String?
            do {
                if !batch.isEmpty { try await emit(batch) }
                start += batch.count
            } catch {
                guard case .refused(let index) = error.kind, batch.indices.contains(index) else {
                    throw EmitFailure(.unavailable, kept: start + error.kept, message: error.message)
                }
                refusal = error.message
                // A log that took none of the batch takes what stood before the refused one now.
                if error.kept < index { try await emitBefore(Array(batch[error.kept..<index]), at: start + error.kept) }
                start += index
            }
            guard start < items.count else { break }
            let item = items[start]
            if case .failure(let unreadable) = item.event { refusal = unreadable.sentence }
            guard let refusal else { continue }
            try await buryItem(RawRecord(bytes: item.raw, origin: item.origin, reason: refusal), at: start)
            outcomes[start] = refusal
            start += 1
        }
        return outcomes
    }

    private func emitBefore(_ events: [SourceEvent], at start: Int) async throws(EmitFailure) {
        do {
            try await emit(events)
        } catch {
            throw EmitFailure(.unavailable, kept: start + error.kept, message: error.message)
        }
    }

    private func buryItem(_ record: RawRecord, at index: Int) async throws(EmitFailure) {
        do {
            try await bury(record)
        } catch {
            throw EmitFailure(.unavailable, kept: index, message: error.message)
        }
    }
}
