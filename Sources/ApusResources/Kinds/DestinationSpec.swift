internal import CloudEvents
private import Foundation

/// Knative's KReference: a resource by its name.
public struct KReference: Sendable, Equatable {
    public var apiVersion: String
    public var kind: String
    public var name: String
    /// nil until the owner's namespace is filled in.
    public var namespace: String?
    /// The name of one of the referent's addresses; accepted, and without meaning here.
    public var address: String?

    public init(apiVersion: String, kind: String, name: String, namespace: String? = nil, address: String? = nil) {
        self.apiVersion = apiVersion
        self.kind = kind
        self.name = name
        self.namespace = namespace
        self.address = address
    }

    var document: DocumentNode {
        .mapping([
            ("kind", .string(kind)), ("namespace", namespace.map { .string($0) }), ("name", .string(name)),
            ("apiVersion", .string(apiVersion)), ("address", address.map { .string($0) }),
        ])
    }

    init?(_ reader: FieldReader?) {
        guard var reader else { return nil }
        let apiVersion = reader.string("apiVersion")
        let kind = reader.string("kind")
        let name = reader.string("name")
        self.init(
            apiVersion: apiVersion ?? "", kind: kind ?? "", name: name ?? "", namespace: reader.string("namespace"),
            address: reader.string("address"))
        if reader.take("group") != nil {
            reader.report.add(reader.place("group"), "needs Knative's flag kreference-group; use apiVersion")
        }
        reader.finish()
        for (field, value) in [("apiVersion", apiVersion), ("kind", kind), ("name", name)] where value == nil {
            reader.report.add(reader.place(field), "missing field: a reference names apiVersion, kind and name")
        }
    }
}

/// Knative's Destination: where events go, as it is written (knative.md section 2.1).
public struct DestinationSpec: Sendable, Equatable {
    public var ref: KReference?
    public var uri: String?
    /// PEM certificates to trust.
    public var caCerts: String?
    public var audience: String?

    public init(ref: KReference? = nil, uri: String? = nil, caCerts: String? = nil, audience: String? = nil) {
        self.ref = ref
        self.uri = uri
        self.caCerts = caCerts
        self.audience = audience
    }

    /// With the owner's namespace where the reference has none.
    func defaulted(namespace: String) -> DestinationSpec {
        var copy = self
        if copy.ref != nil, copy.ref?.namespace == nil { copy.ref?.namespace = namespace }
        return copy
    }

    var document: DocumentNode {
        .mapping([
            ("ref", ref?.document), ("uri", uri.map { .string($0) }), ("CACerts", caCerts.map { .string($0) }),
            ("audience", audience.map { .string($0) }),
        ])
    }

    init?(_ reader: FieldReader?) {
        guard var reader else { return nil }
        let names = reader.names
        self.init(
            ref: KReference(reader.object("ref")), uri: reader.string("uri"), caCerts: reader.string("CACerts"),
            audience: reader.string("audience"))
        reader.finish()
        if !names.contains("ref") || ref != nil { check(reader) }
    }

    private func check(_ reader: FieldReader) {
        let report = reader.report
        if let uri {
            check(uri, reader.place("uri"), report)
        } else if ref == nil {
            report.add(reader.path, "expected at least one, got none: ref, uri")
        }
        if let caCerts, !PEM.isCertificates(caCerts) {
            report.add(reader.place("CACerts"), "CA Cert provided is invalid: must be certificates in PEM")
        }
    }

    private func check(_ uri: String, _ path: String, _ report: FieldReport) {
        guard let parsed = URIReference(uri) else {
            report.add(path, "must be a URI, was \"\(uri)\"")
            return
        }
        if ref != nil, parsed.scheme != nil {
            report.add(path, "Absolute URI is not allowed when Ref or [apiVersion, kind, name] is present")
        } else if ref == nil, !parsed.isAbsolute {
            report.add(path, "Relative URI is not allowed when Ref and [apiVersion, kind, name] is absent")
        }
    }
}

/// Certificates in PEM (RFC 7468): how they look, not whether they are good; TLS says that.
enum PEM {
    static func isCertificates(_ text: String) -> Bool {
        var body: String?
        var found = 0
        for line in text.split(whereSeparator: \.isNewline).map({ $0.trimmingCharacters(in: .whitespaces) }) {
            if line == "-----BEGIN CERTIFICATE-----" {
                guard body == nil else { return false }
                body = ""
            } else if line == "-----END CERTIFICATE-----" {
                // Every certificate in DER is a sequence, which begins with 0x30.
                guard let text = body, let bytes = Data(base64Encoded: text), bytes.first == 0x30 else { return false }
                body = nil
                found += 1
            } else if body != nil {
                body?.append(line)
            }
        }
        return found > 0 && body == nil
    }
}
