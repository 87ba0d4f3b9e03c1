package import NIOCore
import NIOPosix

/// Requests one at a time for whoever awaits: the CLI and the client of the resource API.
package struct HTTPClient: Sendable {
    let transport: HTTPTransport
    private let userAgent: String
    /// PEM certificates to trust beside the system's, or nil.
    let caCerts: String?

    /// Takes one loop of `group`; connections are kept for the next request.
    package init(group: any EventLoopGroup, userAgent: String = "apus", caCerts: String? = nil) {
        transport = HTTPTransport(loop: group.next(), tls: TLSContexts())
        self.userAgent = userAgent
        self.caCerts = caCerts
    }

    /// Sends a request and gives the whole answer, whatever its status. `timeout` covers dialling to the last byte.
    ///
    /// `Host`, `User-Agent` and `Content-Length` are written here. At most `bodyBytesMax` of the answer's body are read.
    package func request(
        _ method: String, _ url: String, headers: [(name: String, value: String)] = [], body: [UInt8] = [],
        timeout: Duration = .seconds(30), bodyBytesMax: Int = 16_777_216
    ) async throws(HTTPFailure) -> HTTPAnswer {
        let target: HTTPURL
        do {
            target = try HTTPURL(url)
        } catch {
            throw HTTPFailure(error.message)
        }
        var reading = AnswerBounds()
        reading.readBytesMax = bodyBytesMax
        reading.keptBytesMax = bodyBytesMax
        reading.otherKeptBytesMax = bodyBytesMax
        let request = HTTPRequest(
            head: head(method, target, headers, length: body.count), body: body, isHead: method == "HEAD", reading: reading)
        let endpoint = HTTPEndpoint(target, caCerts: caCerts)
        let result = await withCheckedContinuation { continuation in
            transport.loop.execute {
                transport.exchange(request, with: endpoint, timeout: timeout) { continuation.resume(returning: $0) }
            }
        }
        return try result.get()
    }

    /// Closes the connections that are kept.
    package func close() { transport.close() }

    func head(
        _ method: String, _ url: HTTPURL, _ headers: [(name: String, value: String)], length: Int
    ) -> [UInt8] {
        var buffer = ByteBuffer()
        buffer.writeString("\(method) \(url.target) HTTP/1.1\r\nHost: \(url.hostField)\r\n")
        HTTPEncoder.writeField("User-Agent", userAgent, into: &buffer)
        for header in headers { HTTPEncoder.writeField(header.name, header.value, into: &buffer) }
        // RFC 9110, section 8.6: a request without a body says so only where its method would have one.
        if length > 0 || !["GET", "HEAD", "DELETE"].contains(method) { HTTPEncoder.writeContentLength(length, into: &buffer) }
        HTTPEncoder.writeEnd(into: &buffer)
        return Array(buffer.readableBytesView)
    }
}
