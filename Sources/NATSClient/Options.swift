internal import CNATS

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// A configuration as libnats takes it. Made, used and destroyed on one thread.
final class Options {
    let pointer: OpaquePointer

    /// - Parameter relay: the number under which callbacks find their relay.
    init(_ configuration: NATSConfiguration, relay: UInt) throws(NATSError) {
        var created: OpaquePointer?
        try NATSError.check(natsOptions_Create(&created))
        guard let created else { throw NATSError(.noMemory, "libnats gave no options") }
        pointer = created
        try setServers(configuration.servers)
        try setCredentials(configuration.credentials)
        // libnats 3.4.1 takes tls:// for nats://, and would go on in the clear.
        let asksForTLS = configuration.servers.contains { $0.hasPrefix("tls://") }
        if let tls = configuration.tls ?? (asksForTLS ? .init() : nil) { try setTLS(tls) }
        try setTimes(configuration)
        try setCallbacks(Registry<EventRelay>.closure(relay))
    }

    deinit { natsOptions_Destroy(pointer) }

    /// Never `natsOptions_SetURL`: libnats 3.4.1 takes a list there, says OK, and then cannot connect.
    private func setServers(_ servers: [String]) throws(NATSError) {
        guard !servers.isEmpty else { throw NATSError(.invalidArgument, "no server is named") }
        for server in servers {
            let isURL = !server.isEmpty && server.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F && $0 != UInt8(ascii: ",") }
            guard isURL else {
                throw NATSError(.invalidArgument, "'\(NATSConfiguration.redacted(server))' is no URL of one server")
            }
        }
        var copies = servers.map { UnsafePointer(strdup($0)) }
        defer { for copy in copies { free(UnsafeMutablePointer(mutating: copy)) } }
        try NATSError.check(natsOptions_SetServers(pointer, &copies, Int32(clamping: copies.count)))
        try NATSError.check(natsOptions_SetNoRandomize(pointer, true))
    }

    private func setCredentials(_ credentials: NATSConfiguration.Credentials) throws(NATSError) {
        switch credentials {
        case .none: return
        case .user(let user, let password):
            try NATSError.check(natsOptions_SetUserInfo(pointer, user, password.value))
        case .token(let token): try NATSError.check(natsOptions_SetToken(pointer, token.value))
        case .credentialsFile(let path):
            try Self.checkReadable(path)
            try NATSError.check(natsOptions_SetUserCredentialsFromFiles(pointer, path, nil))
        case .nkey(let publicKey, let seedFile):
            try Self.checkReadable(seedFile)
            try NATSError.check(natsOptions_SetNKeyFromSeed(pointer, publicKey, seedFile))
        }
    }

    private func setTLS(_ tls: NATSConfiguration.TLS) throws(NATSError) {
        try NATSError.check(natsOptions_SetSecure(pointer, true))
        if let authority = tls.certificateAuthority {
            try Self.checkReadable(authority)
            try NATSError.check(natsOptions_LoadCATrustedCertificates(pointer, authority))
        }
        switch (tls.certificate, tls.key) {
        case (nil, nil): break
        case (let certificate?, let key?):
            try Self.checkReadable(certificate)
            try Self.checkReadable(key)
            try NATSError.check(natsOptions_LoadCertificatesChain(pointer, certificate, key))
        default: throw NATSError(.invalidArgument, "a client certificate and its key come together")
        }
        if let name = tls.serverName { try NATSError.check(natsOptions_SetExpectedHostname(pointer, name)) }
    }

    private func setTimes(_ configuration: NATSConfiguration) throws(NATSError) {
        let wait = configuration.reconnectWaitMilliseconds
        if let name = configuration.name { try NATSError.check(natsOptions_SetName(pointer, name)) }
        try NATSError.check(natsOptions_SetTimeout(pointer, Int64(configuration.connectTimeoutMilliseconds)))
        try NATSError.check(natsOptions_SetReconnectWait(pointer, Int64(wait)))
        try NATSError.check(natsOptions_SetReconnectJitter(pointer, Int64(wait / 10 + 1), Int64(wait / 10 + 1)))
        let attempts = configuration.reconnectAttemptsMax.map { Int32(clamping: $0) } ?? -1
        try NATSError.check(natsOptions_SetAllowReconnect(pointer, attempts != 0))
        try NATSError.check(natsOptions_SetMaxReconnect(pointer, attempts))
        try NATSError.check(
            natsOptions_SetReconnectBufSize(pointer, Int32(clamping: configuration.reconnectBufferBytes)))
        try NATSError.check(natsOptions_SetPingInterval(pointer, Int64(configuration.pingIntervalMilliseconds)))
        try NATSError.check(natsOptions_SetMaxPingsOut(pointer, 2))
        try NATSError.check(natsOptions_SetWriteDeadline(pointer, Int64(configuration.writeTimeoutMilliseconds)))
    }

    private func setCallbacks(_ closure: UnsafeMutableRawPointer?) throws(NATSError) {
        try NATSError.check(natsOptions_SetDisconnectedCB(pointer, Callbacks.disconnected, closure))
        try NATSError.check(natsOptions_SetReconnectedCB(pointer, Callbacks.reconnected, closure))
        try NATSError.check(natsOptions_SetClosedCB(pointer, Callbacks.closed, closure))
        try NATSError.check(natsOptions_SetErrorHandler(pointer, Callbacks.error, closure))
        try NATSError.check(natsOptions_SetLameDuckModeCB(pointer, Callbacks.lameDuck, closure))
    }

    /// A file that is missing is said before a server is asked, with its path.
    private static func checkReadable(_ path: String) throws(NATSError) {
        guard let file = fopen(path, "r") else { throw NATSError(.invalidArgument, "\(path) cannot be read") }
        fclose(file)
    }
}
