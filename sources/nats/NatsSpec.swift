import ApusResources
import NATSClient

/// What a NatsSource asks for, read and checked.
struct NatsSpec: Sendable {
    /// Core subjects live as long as their subscription; a stream keeps its messages until they are acknowledged.
    enum Origin: Sendable, Equatable {
        case core(subject: String, queue: String?)
        case stream(String, durable: String?, filters: [String], startsAt: ConsumerConfiguration.DeliverPolicy)
    }

    enum Credentials: Sendable, Equatable {
        case none
        case user(String, passwordFile: String)
        case tokenFile(String)
        case file(String)
        case nkey(publicKey: String, seedFile: String)
    }

    var servers: [String]
    var origin: Origin
    var credentials = Credentials.none
    var tls: NATSConfiguration.TLS?

    /// The subject, or the stream's name: what its events' source ends with when the message's own subject is not known yet.
    var subjectText: String {
        switch origin {
        case .core(let subject, _): subject
        case .stream(let stream, _, _, _): stream
        }
    }

    static let fields: [SourceSchema.Field] = [
        .init("spec.servers", "URLs", isRequired: true, "nats://host:port or tls://host:port, tried in order."),
        .init("spec.subject", "subject", "A core subject, which may have wildcards; not beside stream."),
        .init("spec.queue", "name", "Of a queue group: each message of the subject goes to one of its members."),
        .init("spec.stream", "name", "A JetStream stream, read through a durable pull consumer; not beside subject."),
        .init("spec.durable", "name", "Of the consumer; absent, one is made for this source."),
        .init("spec.filterSubjects", "subjects", "What of the stream is read; several need nats-server 2.10."),
        .init("spec.deliverPolicy", "all or new", defaultValue: "all", "Where a consumer that is made now begins."),
        .init("spec.auth", "mapping", "One way to enter: user and passwordFile, tokenFile, credentialsFile, nkey and seedFile."),
        .init("spec.auth.user", "text", "User; with passwordFile."),
        .init("spec.auth.passwordFile", "path", "A file that holds the user's password."),
        .init("spec.auth.tokenFile", "path", "A file that holds a token."),
        .init("spec.auth.credentialsFile", "path", "A .creds file: JWT and NKey seed."),
        .init("spec.auth.nkey", "public key", "An NKey, U…; with seedFile."),
        .init("spec.auth.seedFile", "path", "A file that holds the seed of the NKey."),
        .init("spec.tls", "mapping", "TLS, also where a server's URL says nats://."),
        .init("spec.tls.caFile", "path", "Certificates that are trusted; absent, the system's."),
        .init("spec.tls.certFile", "path", "The client's certificate chain; with keyFile."),
        .init("spec.tls.keyFile", "path", "The key of the client's certificate."),
        .init("spec.tls.serverName", "name", "The name that the server's certificate bears, where it is not the URL's host."),
    ]

    /// Reads the fields of `spec` that are the kind's own; nil, with errors reported, where one of them is wrong.
    init?(_ spec: inout FieldReader) {
        let report = spec.report
        servers = Self.servers(&spec)
        let origin = Self.origin(&spec)
        if let auth = spec.object("auth") { credentials = Self.credentials(auth) ?? .none }
        if var reader = spec.object("tls") {
            tls = NATSConfiguration.TLS(
                certificateAuthority: reader.string("caFile"), certificate: reader.string("certFile"),
                key: reader.string("keyFile"), serverName: reader.string("serverName"))
            if (tls?.certificate == nil) != (tls?.key == nil) {
                report.add(reader.path, "expected both or neither: certFile, keyFile")
            }
            reader.finish()
        }
        guard let origin else { return nil }
        self.origin = origin
    }

    private static func servers(_ spec: inout FieldReader) -> [String] {
        let servers = texts(&spec, "servers"), place = spec.place("servers")
        if servers.isEmpty { spec.report.add(place, "missing field(s)") }
        for server in servers {
            if server.utf8.contains(UInt8(ascii: "@")) {
                // Not repeated here: check's output and the node's log are no place for it either.
                spec.report.add(place, "invalid value: credentials belong in spec.auth; in a URL everyone would see them")
            } else if let end = server.firstRange(of: "://"), !["nats", "tls"].contains(server[..<end.lowerBound]) {
                spec.report.add(place, "invalid value: '\(server)' must be nats://host:port or tls://host:port")
            }
        }
        return servers
    }

    private static func origin(_ spec: inout FieldReader) -> Origin? {
        let report = spec.report
        let subject = spec.string("subject"), queue = spec.string("queue"), stream = spec.string("stream")
        let durable = spec.string("durable"), filters = texts(&spec, "filterSubjects")
        let policy = spec.string("deliverPolicy") ?? "all"
        let startsAt = ConsumerConfiguration.DeliverPolicy(rawValue: policy)
        if startsAt != .all, startsAt != .new {
            report.add(spec.place("deliverPolicy"), "invalid value: \(policy), must be all or new")
        }
        for (name, text) in [("subject", subject)] + filters.map({ ("filterSubjects", $0) }) {
            guard let text, let problem = NATSSubject.problem(in: text, wildcards: true) else { continue }
            report.add(spec.place(name), "invalid value: \(problem)")
        }
        for (name, text) in [("queue", queue), ("stream", stream), ("durable", durable)] {
            guard let text, NATSSubject.problem(in: text, wildcards: false) != nil || text.utf8.contains(UInt8(ascii: ".")) else {
                continue
            }
            report.add(spec.place(name), "invalid value: '\(text)' must be one name without dots, wildcards and blanks")
        }
        switch (subject, stream) {
        case (let subject?, nil):
            for (name, isThere) in [("durable", durable != nil), ("filterSubjects", !filters.isEmpty)] where isThere {
                report.add(spec.place(name), "belongs to a stream, and spec.subject is a core subject")
            }
            return .core(subject: subject, queue: queue)
        case (nil, let stream?):
            if queue != nil { report.add(spec.place("queue"), "belongs to a subject; sources share a stream by one durable") }
            return .stream(stream, durable: durable, filters: filters, startsAt: startsAt ?? .all)
        default:
            let got = subject == nil ? "neither" : "both"
            report.add(spec.path, "expected exactly one, got \(got): spec.stream, spec.subject")
            return nil
        }
    }

    private static func credentials(_ reader: FieldReader) -> Credentials? {
        var reader = reader
        let user = reader.string("user"), passwordFile = reader.string("passwordFile"), tokenFile = reader.string("tokenFile")
        let file = reader.string("credentialsFile"), nkey = reader.string("nkey"), seedFile = reader.string("seedFile")
        reader.finish()
        var found: [Credentials] = []
        if let user, let passwordFile { found.append(.user(user, passwordFile: passwordFile)) }
        if let tokenFile { found.append(.tokenFile(tokenFile)) }
        if let file { found.append(.file(file)) }
        if let nkey, let seedFile { found.append(.nkey(publicKey: nkey, seedFile: seedFile)) }
        let isWhole = (user == nil) == (passwordFile == nil) && (nkey == nil) == (seedFile == nil)
        guard found.count == 1, isWhole else {
            reader.report.add(
                reader.path, "expected exactly one: user and passwordFile, tokenFile, credentialsFile, nkey and seedFile")
            return nil
        }
        return found[0]
    }

    private static func texts(_ spec: inout FieldReader, _ name: String) -> [String] {
        (spec.list(name) ?? []).compactMap { item in
            if let text = item.node.text, !text.isEmpty { return text }
            let problem = item.node.text == nil ? "must be a string, was \(item.node.typeName)" : "must not be empty"
            spec.report.add(item.path, problem, line: item.node.line)
            return nil
        }
    }
}
