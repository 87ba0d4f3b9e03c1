/// Where a destination is: an absolute `http` or `https` URL.
public struct ResolvedDestination: Sendable, Hashable {
    public var url: String
    public var caCerts: String?
    public var audience: String?

    public init(url: String, caCerts: String? = nil, audience: String? = nil) {
        self.url = url
        self.caCerts = caCerts
        self.audience = audience
    }
}

/// URLs of what stands outside the node, by `namespace/Kind/name` (promise 25).
public struct NameTable: Sendable, Equatable {
    private var urls: [String: String] = [:]

    public init() {}

    /// Adds one; an earlier one of the same name stays. Throws where the name or the URL is none.
    public mutating func add(name: String, url: String) throws(FieldError) {
        if let problem = Self.problem(name: name, url: url) { throw FieldError(path: name, message: problem) }
        if urls[name] == nil { urls[name] = url }
    }

    /// Adds what `--resolve` was given: `namespace/Kind/name=URL`.
    public mutating func add(flag: String) throws(FieldError) {
        guard let equals = flag.firstIndex(of: "=") else {
            throw FieldError(path: "--resolve", message: "must be namespace/Kind/name=URL, was \"\(flag)\"")
        }
        do {
            try add(name: String(flag[..<equals]), url: String(flag[flag.index(after: equals)...]))
        } catch {
            throw FieldError(path: "--resolve", message: error.message)
        }
    }

    /// Adds what a ConfigMap named `apus-names` holds; entries that are none were refused when it was loaded.
    public mutating func add(_ map: ConfigMap) {
        for (name, url) in map.data where Self.problem(name: name, url: url) == nil && urls[name] == nil { urls[name] = url }
    }

    public func url(namespace: String, kind: String, name: String) -> String? { urls["\(namespace)/\(kind)/\(name)"] }

    static func problem(name: String, url: String) -> String? {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, ResourceName.isLabel(parts[0]), !parts[1].isEmpty, ResourceName.isSubdomain(parts[2]) else {
            return "must be named namespace/Kind/name, was \"\(name)\""
        }
        guard let uri = URIReference(url), uri.isAbsolute, uri.isHTTP else {
            return "must be an absolute http or https URL, was \"\(url)\""
        }
        return nil
    }
}

/// Finds where destinations are. Pure: what it knows is given to it.
public struct DestinationResolver: Sendable {
    private let names: NameTable
    private let brokerURL: @Sendable (_ namespace: String, _ name: String) -> String?

    /// `brokerURL` gives the ingress of a Broker of this node, nil where there is no such Broker.
    public init(names: NameTable, brokerURL: @escaping @Sendable (_ namespace: String, _ name: String) -> String?) {
        self.names = names
        self.brokerURL = brokerURL
    }

    /// `namespace` is the owner's, for a reference that has none (knative.md item 75).
    public func resolve(_ destination: DestinationSpec?, namespace: String) -> Resolution {
        guard let destination else { return .notConfigured }
        let url: Result<String, Failure>
        if let reference = destination.ref {
            url = resolve(reference, uri: destination.uri, namespace: reference.namespace ?? namespace)
        } else if let uri = destination.uri {
            url = Self.checked(uri)
        } else {
            url = .failure(Failure(message: "expected at least one, got none: ref, uri"))
        }
        switch url {
        case .success(let url):
            return .resolved(
                ResolvedDestination(url: url, caCerts: destination.caCerts, audience: destination.audience))
        case .failure(let failure): return .failed(failure.message)
        }
    }

    /// The Broker of this node that a destination is, where it is one and nothing is below it.
    public func broker(of destination: DestinationSpec, namespace: String) -> ResourceIdentity? {
        guard let reference = destination.ref, destination.uri == nil, Self.isBroker(reference) else { return nil }
        let namespace = reference.namespace ?? namespace
        guard brokerURL(namespace, reference.name) != nil else { return nil }
        return ResourceIdentity(kind: Broker.kind, namespace: namespace, name: reference.name)
    }

    private struct Failure: Error {
        var message: String
    }

    private func resolve(_ reference: KReference, uri: String?, namespace: String) -> Result<String, Failure> {
        let place = "\(namespace)/\(reference.kind)/\(reference.name)"
        guard let base = baseURL(of: reference, namespace: namespace) else {
            let isBroker = Self.isBroker(reference)
            return .failure(
                Failure(
                    message: isBroker
                        ? "brokers.eventing.knative.dev \"\(reference.name)\" not found in namespace \(namespace)"
                        : "\(reference.kind) \"\(reference.name)\" (\(reference.apiVersion)) is not known here: "
                            + "give its URL in the ConfigMap apus-names or with --resolve \(place)=URL"))
        }
        guard let uri else { return Self.checked(base) }
        guard let relative = URIReference(uri), relative.scheme == nil, let parsed = URIReference(base) else {
            return .failure(Failure(message: "the uri \"\(uri)\" is not relative to \(base)"))
        }
        return Self.checked(relative.resolved(against: parsed).description)
    }

    private func baseURL(of reference: KReference, namespace: String) -> String? {
        if Self.isBroker(reference), let url = brokerURL(namespace, reference.name) { return url }
        return names.url(namespace: namespace, kind: reference.kind, name: reference.name)
    }

    private static func isBroker(_ reference: KReference) -> Bool {
        reference.kind == Broker.kind && reference.apiVersion.hasPrefix("eventing.knative.dev/")
    }

    private static func checked(_ url: String) -> Result<String, Failure> {
        guard let uri = URIReference(url), uri.isAbsolute else {
            return .failure(Failure(message: "\"\(url)\" is not an absolute URL"))
        }
        guard uri.isHTTP else { return .failure(Failure(message: "\"\(url)\" is neither http nor https")) }
        // What the delivery's client refuses: said now, not in the tenth retry.
        guard uri.authority?.contains("@") == false else {
            let message = "\"\(url)\" has a user name or a password, which is not supported: leave it out"
            return .failure(Failure(message: message))
        }
        guard uri.hasUsablePort else {
            return .failure(Failure(message: "the port of \"\(url)\" is not a number from 1 to 65535"))
        }
        return .success(url)
    }
}
