/// Every reason for which the data plane refuses a request. The raw values are the codes of `specs/errors/errors.yaml`, which
/// gives each its sentence and what to do about it.
package enum ErrorCode: String, Error, Sendable, CaseIterable {
    // What the message is: the codes of CloudEventError.
    case notACloudEvent = "not-a-cloudevent"
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
    // What the door admits.
    case eventTooLarge = "event-too-large"
    case batchTooLarge = "batch-too-large"
    case unknownBroker = "unknown-broker"
    case hopsExhausted = "hops-exhausted"
    case queueFull = "queue-full"
    case logUnavailable = "log-unavailable"
    // What the request is.
    case methodNotAllowed = "method-not-allowed"
    case notFound = "not-found"
    case malformedPath = "malformed-path"
    case malformedRequest = "malformed-request"
    case requestTimeout = "request-timeout"
    case targetTooLong = "target-too-long"
    case expectationFailed = "expectation-failed"
    case headTooLarge = "head-too-large"
    case unsupportedTransferCoding = "unsupported-transfer-coding"
    case unsupportedHTTPVersion = "unsupported-http-version"
    case tooManyConnections = "too-many-connections"

    /// The HTTP status that it is answered with (promise 4).
    package var status: Int {
        switch self {
        case .notACloudEvent, .unsupportedSpecVersion, .missingAttribute, .invalidAttributeName, .invalidAttribute,
            .duplicateAttribute, .tooManyAttributes, .invalidHeader, .invalidJSON, .nestingTooDeep, .invalidData, .invalidBatch,
            .hopsExhausted, .malformedPath, .malformedRequest:
            400
        case .unknownBroker, .notFound: 404
        case .methodNotAllowed: 405
        case .requestTimeout: 408
        case .tooManyEvents, .eventTooLarge, .batchTooLarge: 413
        case .targetTooLong: 414
        case .unsupportedMediaType: 415
        case .expectationFailed: 417
        case .queueFull: 429
        case .headTooLarge: 431
        case .unsupportedTransferCoding: 501
        case .logUnavailable, .tooManyConnections: 503
        case .unsupportedHTTPVersion: 505
        }
    }
}
