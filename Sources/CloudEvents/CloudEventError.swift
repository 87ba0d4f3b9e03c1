/// Why a message is no valid CloudEvent: a code, a sentence that says what was wrong and what would be right, and where.
public struct CloudEventError: Error, Sendable, Equatable {
    /// The raw values are the codes of the error catalogue in `specs/errors`.
    public enum Code: String, Sendable, CaseIterable {
        /// Neither a CloudEvents media type nor the four required `ce-` headers.
        case notACloudEvent = "not-a-cloudevent"
        /// A CloudEvents media type, charset or content encoding that is not supported.
        case unsupportedMediaType = "unsupported-media-type"
        case unsupportedSpecVersion = "unsupported-specversion"
        case missingAttribute = "missing-attribute"
        case invalidAttributeName = "invalid-attribute-name"
        case invalidAttribute = "invalid-attribute"
        case duplicateAttribute = "duplicate-attribute"
        case tooManyAttributes = "too-many-attributes"
        case invalidHeader = "invalid-header"
        case invalidJSON = "invalid-json"
        case nestingTooDeep = "nesting-too-deep"
        case invalidData = "invalid-data"
        case invalidBatch = "invalid-batch"
        case tooManyEvents = "too-many-events"
    }

    public var code: Code
    public var message: String
    /// The attribute, member or header that is wrong.
    public var field: String?
    /// In a batch, the index of the event that is wrong.
    public var index: Int?

    public init(_ code: Code, _ message: String, field: String? = nil, index: Int? = nil) {
        self.code = code
        self.message = message
        self.field = field
        self.index = index
    }
}
