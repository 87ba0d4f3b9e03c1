/// Why bytes are no HTTP/1.1 message that this room takes: a code, and a sentence that says what was wrong.
///
/// After any of these the place where the next message begins is unknown, so the connection has to be closed.
package struct HTTPError: Error, Sendable, Equatable {
    /// The raw values are codes of the error catalogue in `specs/errors`.
    package enum Code: String, Sendable, CaseIterable {
        case malformedRequest = "malformed-request"
        case bodyTooLarge = "event-too-large"
        case targetTooLong = "target-too-long"
        case expectationFailed = "expectation-failed"
        case headTooLarge = "head-too-large"
        case unsupportedTransferCoding = "unsupported-transfer-coding"
        case unsupportedVersion = "unsupported-http-version"
    }

    package var code: Code
    package var message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The status of the answer to a request that was refused for this.
    package var status: Int {
        switch code {
        case .malformedRequest: 400
        case .bodyTooLarge: 413
        case .targetTooLong: 414
        case .expectationFailed: 417
        case .headTooLarge: 431
        case .unsupportedTransferCoding: 501
        case .unsupportedVersion: 505
        }
    }

    static func malformed(_ message: String) -> HTTPError { HTTPError(.malformedRequest, message) }
}
