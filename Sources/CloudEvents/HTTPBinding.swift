/// How an HTTP message holds events (HTTP protocol binding, section 3).
public enum ContentMode: UInt8, Sendable, Hashable {
    case binary = 0
    case structured = 1
    case batched = 2
}

/// Bounds that reading keeps, so that no message can make it grow without end.
public struct FormatLimits: Sendable {
    public var attributes = 200
    public var nesting = 64
    public var batchEvents = 1000

    public init() {}
}

/// What a decoded HTTP message held. `range` points into the body that was decoded.
public struct DecodedMessage: Sendable {
    public struct Event: Sendable {
        public var attributes: Attributes
        /// The bytes of the body that hold the event: all of it, or the object's own range in a batch.
        public var range: Range<Int>

        public init(attributes: Attributes, range: Range<Int>) {
            self.attributes = attributes
            self.range = range
        }
    }

    public var mode: ContentMode
    /// The `Content-Type` field's text, or nil where there was none.
    public var contentType: String?
    public var events: [Event]

    public init(mode: ContentMode, contentType: String?, events: [Event]) {
        self.mode = mode
        self.contentType = contentType
        self.events = events
    }
}

/// The HTTP protocol binding, both ways, for CloudEvents 1.0 and 0.3.
public enum HTTPBinding {
    /// Decodes and validates a request or an answer. Data is left where it is: only attributes are read.
    public static func decode(
        headers: HeaderBlock, body: [UInt8], limits: FormatLimits = FormatLimits()
    ) throws(CloudEventError) -> DecodedMessage { fatalError("HTTPBinding.decode is being built") }

    /// Appends the header lines of binary mode (`ce-id: 1\r\n…`), percent-encoded; `datacontenttype` becomes `Content-Type`.
    public static func appendBinaryHeaders(of attributes: Attributes, to lines: inout [UInt8]) {
        fatalError("HTTPBinding.appendBinaryHeaders is being built")
    }
}
