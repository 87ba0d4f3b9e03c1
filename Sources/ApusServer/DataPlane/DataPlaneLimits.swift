package import ApusHTTP
import ApusPorts

/// The data plane's bounds. They start as ``Limits`` has them; flags and tests set others.
///
/// Times are counted by a sweep once a second: a bound is never kept too short, and at most two seconds too long.
package struct DataPlaneLimits: Sendable {
    package var openConnectionsMax = Limits.openConnectionsMax
    /// Requests of one connection that wait for their answers; beyond, it is not read.
    package var pipelinedRequestsMax = Limits.pipelinedRequestsMax
    /// From the first byte of a head to its last.
    package var headSecondsMax = Limits.requestHeadSecondsMax
    /// From the end of the head to the last byte of the body.
    package var bodySecondsMax = Limits.requestBodySecondsMax
    /// Without a request, or with answers that are not taken.
    package var idleSecondsMax = Limits.idleConnectionSecondsMax
    /// After the last answer, for the client to close its side.
    package var lingerSecondsMax = Limits.closingConnectionSecondsMax
    /// What is read and dropped of the body of a request that was refused, so that the connection can stay.
    package var refusedBodyBytesMax = Limits.refusedBodyBytesMax
    /// What is read and dropped after the last answer.
    package var lingerBytesMax = Limits.closingConnectionBytesMax
    /// Bodies that are not whole yet, on one event loop together.
    package var partialBodiesBytesMax = Limits.partialBodiesBytesMax
    /// Heads and the parts of chunked bodies; the bound on a body is the intake's.
    package var http: HTTPLimits

    package init() {
        http = HTTPLimits()
        http.headBytesMax = Limits.headBytesMax
        http.headFieldsMax = Limits.headFieldsMax
        http.targetBytesMax = Limits.requestTargetBytesMax
        http.chunkOverheadBytesMax = Limits.chunkOverheadBytesMax
    }
}
