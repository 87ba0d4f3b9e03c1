/// Whom connections are shared with: exchanges to equal endpoints may take each other's.
package struct HTTPEndpoint: Sendable, Hashable {
    package var scheme: HTTPURL.Scheme
    package var host: String
    package var isIPv6: Bool
    package var port: Int
    /// PEM certificates to trust beside the system's, or nil.
    package var caCerts: String?

    package init(_ url: HTTPURL, caCerts: String? = nil) {
        scheme = url.scheme
        host = url.host
        isIPv6 = url.isIPv6
        port = url.port
        // Without TLS they say nothing, and must not keep connections apart.
        self.caCerts = url.scheme == .https ? caCerts : nil
    }

    /// `host:port` for sentences.
    package var name: String { (isIPv6 ? "[\(host)]" : host) + ":\(port)" }
}
