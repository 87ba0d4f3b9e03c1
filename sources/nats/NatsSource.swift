package import ApusPorts
package import ApusResources
import CloudEvents

/// NATS, core subjects or a JetStream stream. Knative has no such source; the event is made as KafkaSource makes its own.
package struct NatsSource: SourceKind {
    package static let eventType = "dev.apus.nats.message"

    package static let schema = SourceSchema(
        kind: ResourceKind(
            group: "sources.apus.dev", version: "v1alpha1", kind: "NatsSource", plural: "natssources", singular: "natssource",
            shortNames: []),
        origin: "Apus, NatsSource v1alpha1", condition: "Connected", fields: NatsSpec.fields,
        columns: [.sink, .field("SERVERS", path: "spec.servers"), .age, .ready, .reason],
        check: { spec, _ in _ = NatsSpec(&spec) },
        eventAttributes: { resource in
            let subject = resource.read { NatsSpec(&$0) }??.subjectText ?? ""
            return [.init(type: eventType, source: eventSource(resource.metadata, subject: subject))]
        })

    package static let waivers = [
        "fails with the store's words where its progress cannot be kept":
            "Its progress is the consumer's, which the server keeps."
    ]

    package static func make(_ resource: SourceResource) throws(SourceFailure) -> any EventSource {
        guard let spec = resource.read({ NatsSpec(&$0) }) ?? nil else {
            throw SourceFailure(reason: "SpecInvalid", message: "The spec cannot be read.")
        }
        return NatsReader(spec: spec, metadata: resource.metadata)
    }

    /// `/apis/v1alpha1/namespaces/<namespace>/natssources/<name>#<subject>`; a subject is no URI, so it is encoded.
    static func eventSource(_ metadata: ObjectMeta, subject: String) -> String {
        var fragment = ""
        for byte in subject.utf8 {
            let isPlain =
                UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte
                || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte || "-._~*$".utf8.contains(byte)
            let digits = Array("0123456789ABCDEF")
            fragment += isPlain ? String(UnicodeScalar(byte)) : "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
        }
        return "/apis/v1alpha1/namespaces/\(metadata.namespace)/natssources/\(metadata.name)#\(fragment)"
    }
}
