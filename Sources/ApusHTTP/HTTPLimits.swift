/// Bounds that reading a message keeps, so that no peer can make it grow without end.
package struct HTTPLimits: Sendable {
    /// The start line and the fields together, in bytes.
    package var headBytesMax = 131_072
    /// Fields of one head.
    package var headFieldsMax = 512
    /// The request target, in bytes.
    package var targetBytesMax = 8192
    /// A body, without what chunks add to it, in bytes.
    package var bodyBytesMax = 1_048_576
    /// What chunks add to a body: all extensions and all trailers of one message together, in bytes.
    package var chunkOverheadBytesMax = 16_384

    package init() {}
}
