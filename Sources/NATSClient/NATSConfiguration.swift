#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// Text that no description, dump or log line shows.
package struct NATSSecret: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var value: String

    package init(_ value: String) { self.value = value }

    package var description: String { "<redacted>" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

extension NATSSecret {
    /// The first line of a file.
    package init(file path: String) throws(NATSError) {
        guard let file = fopen(path, "r") else { throw NATSError(.invalidArgument, "\(path) cannot be read") }
        defer { fclose(file) }
        var buffer = [UInt8](repeating: 0, count: Self.bytesMax)
        let count = fread(&buffer, 1, buffer.count, file)
        self.init(String(decoding: buffer[..<count].prefix { $0 != 0x0A && $0 != 0x0D }, as: UTF8.self))
    }

    private static let bytesMax = 65_536
}

/// How to reach and to enter a NATS server or cluster.
package struct NATSConfiguration: Sendable, Equatable {
    /// Who enters. Files are read when the connection is made, and again when it is made anew.
    package enum Credentials: Sendable, Equatable {
        case none
        case user(String, password: NATSSecret)
        case token(NATSSecret)
        /// A `.creds` file: a user's JWT and the seed of its NKey.
        case credentialsFile(path: String)
        /// An NKey: its public half (`U…`), and a file with its seed (`SU…`).
        case nkey(publicKey: String, seedFile: String)
    }

    /// TLS, with PEM files. Without `certificateAuthority` the system's own roots are trusted.
    package struct TLS: Sendable, Equatable {
        package var certificateAuthority: String?
        /// Client certificate chain and its key; both or neither.
        package var certificate: String?
        package var key: String?
        /// The name that the server's certificate must bear; nil for the host of the server's URL.
        package var serverName: String?

        package init(
            certificateAuthority: String? = nil, certificate: String? = nil, key: String? = nil, serverName: String? = nil
        ) {
            self.certificateAuthority = certificateAuthority
            self.certificate = certificate
            self.key = key
            self.serverName = serverName
        }
    }

    /// `nats://host:port` or `tls://host:port`, at least one; tried in this order. One with `tls` asks for TLS at all of them.
    package var servers: [String]
    package var credentials: Credentials
    package var tls: TLS?
    /// What the server shows for this connection.
    package var name: String?
    /// For one server; all servers are tried.
    package var connectTimeoutMilliseconds = 2000
    /// Between two rounds through the servers after a connection was lost, and ±10 % on top by libnats.
    package var reconnectWaitMilliseconds = 250
    /// Rounds before the connection is given up and closed; nil never gives up.
    package var reconnectAttemptsMax: Int?
    /// What is published while there is no connection waits in this many bytes; one byte more is refused.
    package var reconnectBufferBytes = 8_388_608
    /// A server that leaves two pings unanswered is gone.
    package var pingIntervalMilliseconds = 20_000
    /// A write that the server does not take for this long ends the connection.
    package var writeTimeoutMilliseconds = 10_000
    /// Where a call names no other.
    package var requestTimeoutMilliseconds = 5000

    package init(servers: [String], credentials: Credentials = .none, tls: TLS? = nil, name: String? = nil) {
        self.servers = servers
        self.credentials = credentials
        self.tls = tls
        self.name = name
    }
}

extension NATSConfiguration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Servers without their user information, and the kind of the credentials.
    package var description: String {
        let kind =
            switch credentials {
            case .none: "no credentials"
            case .user(let user, _): "user \(user)"
            case .token: "a token"
            case .credentialsFile(let path): "credentials of \(path)"
            case .nkey(let publicKey, _): "NKey \(publicKey)"
            }
        return "\(servers.map(Self.redacted).joined(separator: ", ")) with \(kind)\(tls == nil ? "" : ", TLS")"
    }

    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: ["configuration": description]) }

    /// The URL without what stands before its last `@`.
    package static func redacted(_ url: String) -> String {
        guard let at = url.utf8.lastIndex(of: UInt8(ascii: "@")) else { return url }
        let scheme = url.firstRange(of: "://").map { url[..<$0.upperBound] } ?? ""
        return scheme + "<redacted>" + url[at...]
    }
}
