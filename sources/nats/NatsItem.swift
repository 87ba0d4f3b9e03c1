import ApusPorts
import ApusResources
import CloudEvents
import NATSClient

/// What a message of NATS is as an event: itself where it is one, and the data of one where it is not.
struct NatsItem {
    var metadata: ObjectMeta

    /// - Parameters:
    ///   - id: of an event that has to be made: a message's place in its stream, or a new one.
    ///   - origin: for the dead stream.
    func item(_ message: NATSMessage, id: String, origin: String) -> SourceItem {
        SourceItem(event(message, id: id), raw: message.payload, origin: origin)
    }

    private func event(_ message: NATSMessage, id: String) -> Result<SourceEvent, SourceItem.Unreadable> {
        let headers = message.headers.fields.map { (name: $0.name, value: $0.value) }
        do {
            let decoded = try NATSBinding.decode(headers: headers, payload: message.payload)
            guard let event = decoded.events.first else { return .failure(.init("The message holds no event.")) }
            if decoded.mode == .structured { return .success(try SourceEvent(structured: message.payload)) }
            let data = message.payload.isEmpty ? nil : message.payload
            return .success(SourceEvent(CloudEvent(attributes: event.attributes, data: data)))
        } catch {
            guard error.code == .notACloudEvent else { return .failure(.init(error.message)) }
            return wrapped(message, id: id)
        }
    }

    /// As KafkaSource wraps a record: the subject in the source, the headers as extensions.
    private func wrapped(_ message: NATSMessage, id: String) -> Result<SourceEvent, SourceItem.Unreadable> {
        var extensions: [Attribute] = []
        for field in message.headers.fields {
            let name = "natsheader" + Self.extensionName(field.name)
            guard name.utf8.count > 10, !extensions.contains(where: { $0.name == name }) else { continue }
            extensions.append(Attribute(name: name, value: .string(field.value)))
        }
        let contentType = message.headers.fields.first { $0.name.lowercased() == "content-type" }?.value
        if let event = try? made(message, id, contentType, extensions) { return .success(SourceEvent(event)) }
        // The words of others: a type that is none is left out, a value that is no text leaves as bytes.
        extensions = extensions.map { attribute in
            let isText = (try? CloudEvent(id: "1", source: "/", type: "t", extensions: [attribute])) != nil
            return isText ? attribute : Attribute(name: attribute.name, value: .binary(Array(attribute.value.text.utf8)))
        }
        let isType = (try? CloudEvent(id: "1", source: "/", type: "t", dataContentType: contentType)) != nil
        do {
            return .success(SourceEvent(try made(message, id, isType ? contentType : nil, extensions)))
        } catch {
            return .failure(.init(error.message))
        }
    }

    private func made(
        _ message: NATSMessage, _ id: String, _ contentType: String?, _ extensions: [Attribute]
    ) throws(CloudEventError) -> CloudEvent {
        try CloudEvent(
            id: id, source: NatsSource.eventSource(metadata, subject: message.subject), type: NatsSource.eventType,
            subject: message.subject, dataContentType: contentType, extensions: extensions, data: message.payload)
    }

    /// Lower-case letters and digits are what names of attributes may have.
    private static func extensionName(_ name: String) -> String {
        String(
            decoding: name.utf8.map { UInt8(ascii: "A")...UInt8(ascii: "Z") ~= $0 ? $0 | 0x20 : $0 }.filter {
                UInt8(ascii: "a")...UInt8(ascii: "z") ~= $0 || UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0
            }, as: UTF8.self)
    }
}
