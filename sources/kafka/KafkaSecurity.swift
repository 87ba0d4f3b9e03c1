import ApusPorts
import ApusResources

/// Knative's `spec.net`: credentials and certificates, each by a reference to a Secret, which is read when a source starts.
struct KafkaSecurity: Sendable, Equatable {
    /// One key of a Secret in the source's namespace.
    struct Reference: Sendable, Equatable {
        /// Where the reference stands: `spec.net.sasl.user`.
        var path: String
        var name: String
        var key: String
    }

    struct SASL: Sendable, Equatable {
        var user: Reference
        var password: Reference
        /// `PLAIN` where there is none.
        var mechanism: Reference?
    }

    struct TLS: Sendable, Equatable {
        var certificate: Reference?
        var key: Reference?
        var certificateAuthority: Reference?
    }

    var sasl: SASL?
    var tls: TLS?

    static let mechanisms = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]

    static let fields: [SourceSchema.Field] = {
        var fields: [SourceSchema.Field] = [
            .init("spec.net", "KafkaNetSpec", "How the brokers are spoken to; plain TCP where it is absent."),
            .init("spec.net.sasl", "KafkaSASLSpec", "Credentials."),
            .init("spec.net.sasl.enable", "true or false", defaultValue: "false", "Whether they are used."),
            .init("spec.net.tls", "KafkaTLSSpec", "Encryption."),
            .init("spec.net.tls.enable", "true or false", defaultValue: "false", "Whether it is used."),
        ]
        for (path, text) in [
            ("sasl.user", "The user's name."), ("sasl.password", "The password."),
            ("sasl.type", "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; PLAIN where it is absent."),
            ("tls.cert", "The client's certificate, PEM."), ("tls.key", "The client's private key, PEM."),
            ("tls.caCert", "Whom to trust, PEM; the system's where it is absent."),
        ] {
            let whole = "spec.net.\(path)"
            fields += [
                .init(whole, "SecretValueFromSource", text),
                .init("\(whole).secretKeyRef", "SecretKeySelector", "A key of a Secret; see apus serve --secrets."),
                .init("\(whole).secretKeyRef.name", "string", "The Secret's name, in the source's namespace."),
                .init("\(whole).secretKeyRef.key", "string", "The key in it."),
            ]
        }
        return fields
    }()

    /// nil, with errors reported, where something is wrong.
    init?(_ net: inout FieldReader?, _ report: FieldReport) {
        guard var reader = net else { return }
        let sasl = reader.object("sasl"), tls = reader.object("tls")
        reader.finish()
        var isWhole = true
        if var reader = sasl {
            let isOn = reader.boolean("enable") ?? false
            let user = Reference.read("user", of: &reader, isNeeded: isOn, &isWhole)
            let password = Reference.read("password", of: &reader, isNeeded: isOn, &isWhole)
            let mechanism = Reference.read("type", of: &reader, isNeeded: false, &isWhole)
            reader.finish()
            if isOn, let user, let password { self.sasl = SASL(user: user, password: password, mechanism: mechanism) }
        }
        if var reader = tls {
            let isOn = reader.boolean("enable") ?? false
            let certificate = Reference.read("cert", of: &reader, isNeeded: false, &isWhole)
            let key = Reference.read("key", of: &reader, isNeeded: false, &isWhole)
            let authority = Reference.read("caCert", of: &reader, isNeeded: false, &isWhole)
            reader.finish()
            if isOn, (certificate == nil) != (key == nil) {
                report.add(reader.path, "expected both or none, got one: cert, key")
                isWhole = false
            }
            if isOn { self.tls = TLS(certificate: certificate, key: key, certificateAuthority: authority) }
        }
        guard isWhole else { return nil }
    }

    /// librdkafka's keys. Values of Secrets are among them.
    func properties(_ secrets: SecretLookup, namespace: String) throws(SourceFailure) -> [String: String] {
        var properties: [String: String] = [:]
        if let sasl {
            let mechanism = try sasl.mechanism.map { reference throws(SourceFailure) in
                try reference.line(secrets, namespace)
            }
            if let mechanism, !Self.mechanisms.contains(mechanism) {
                throw SourceFailure(
                    reason: "SecretInvalid",
                    message: "\(sasl.mechanism?.path ?? "") must be one of \(Self.mechanisms.joined(separator: ", "))")
            }
            properties["sasl.mechanism"] = mechanism ?? "PLAIN"
            properties["sasl.username"] = try sasl.user.line(secrets, namespace)
            properties["sasl.password"] = try sasl.password.line(secrets, namespace)
        }
        if let tls {
            for (key, reference) in [
                ("ssl.certificate.pem", tls.certificate), ("ssl.key.pem", tls.key), ("ssl.ca.pem", tls.certificateAuthority),
            ] {
                if let reference { properties[key] = try reference.text(secrets, namespace) }
            }
        }
        switch (sasl, tls) {
        case (nil, nil): break
        case (nil, _): properties["security.protocol"] = "ssl"
        case (_, nil): properties["security.protocol"] = "sasl_plaintext"
        default: properties["security.protocol"] = "sasl_ssl"
        }
        return properties
    }
}

extension KafkaSecurity.Reference {
    /// nil where it is absent, and where it is wrong, which is reported and takes `isWhole` away.
    fileprivate static func read(
        _ name: String, of parent: inout FieldReader, isNeeded: Bool, _ isWhole: inout Bool
    ) -> KafkaSecurity.Reference? {
        let place = parent.place(name), report = parent.report
        guard var value = parent.object(name) else {
            if isNeeded, !parent.names.contains(name) {
                report.add(place, "missing field: with enable: true it is needed")
            }
            if isNeeded || parent.names.contains(name) { isWhole = false }
            return nil
        }
        var reference: KafkaSecurity.Reference?
        if var reader = value.object("secretKeyRef") {
            let secret = reader.string("name"), key = reader.string("key")
            for (field, text) in [("name", secret), ("key", key)] where text == nil {
                report.add(reader.place(field), "missing field: the Secret's \(field) is needed")
            }
            reader.finish()
            if let secret, let key { reference = .init(path: place, name: secret, key: key) }
        } else {
            report.add("\(place).secretKeyRef", "missing field: a key of a Secret is needed")
        }
        value.finish()
        if reference == nil { isWhole = false }
        return reference
    }

    /// One line: an editor's line feed at the end is no part of a password.
    fileprivate func line(_ secrets: SecretLookup, _ namespace: String) throws(SourceFailure) -> String {
        var bytes = try bytes(secrets, namespace)
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        return try text(bytes)
    }

    fileprivate func text(_ secrets: SecretLookup, _ namespace: String) throws(SourceFailure) -> String {
        try text(bytes(secrets, namespace))
    }

    private func bytes(_ secrets: SecretLookup, _ namespace: String) throws(SourceFailure) -> [UInt8] {
        do {
            return try secrets.read(namespace, name, key)
        } catch {
            throw SourceFailure(reason: "SecretMissing", message: "\(path): \(error.message)")
        }
    }

    private func text(_ bytes: [UInt8]) throws(SourceFailure) -> String {
        guard let text = String(validating: bytes, as: UTF8.self), !bytes.isEmpty, !bytes.contains(0) else {
            throw SourceFailure(
                reason: "SecretInvalid", message: "\(path): the key \(key) of the Secret \(name) must be text, and not empty.")
        }
        return text
    }
}
