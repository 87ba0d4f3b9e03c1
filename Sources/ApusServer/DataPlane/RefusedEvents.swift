import ApusHTTP
import ApusIntake
import ApusPorts
import ApusResources
import CloudEvents

/// What can be read of the events of a request that is refused: as much as `apus why` needs to find them by their id.
///
/// A best effort, made only where the answer is a refusal, and bounded: a body of more than ``Limits/refusalBodyBytesMax`` is not
/// looked into.
enum RefusedEvents {
    /// Of a message that was decoded, and then was not admitted.
    static func of(_ message: DecodedMessage) -> [RefusedMessage.Event] {
        message.events.prefix(Limits.refusalEventsMax).map { event in
            let attributes = event.attributes
            return RefusedMessage.Event(
                id: attributes.text(of: "id"), source: attributes.text(of: "source"), type: attributes.text(of: "type"))
        }
    }

    /// Of a message that cannot be decoded, or whose body was not read.
    static func of(_ head: RequestHead, body: [UInt8]) -> [RefusedMessage.Event] {
        guard !head.headers.has("content-type", beginningWith: "application/cloudevents") else { return inJSON(body) }
        let event = RefusedMessage.Event(
            id: text(head, "ce-id"), source: text(head, "ce-source"), type: text(head, "ce-type"))
        return [event]
    }

    private static func inJSON(_ body: [UInt8]) -> [RefusedMessage.Event] {
        guard !body.isEmpty, body.count <= Limits.refusalBodyBytesMax, let document = try? JSONReader.document(body) else {
            return []
        }
        if case .sequence(let items) = document.content { return items.prefix(Limits.refusalEventsMax).map(event) }
        return [event(document)]
    }

    private static func event(_ document: DocumentNode) -> RefusedMessage.Event {
        RefusedMessage.Event(id: document["id"]?.text, source: document["source"]?.text, type: document["type"]?.text)
    }

    /// A header's value as the attribute's text, decoded as the binding decodes it; as it stands where it is no valid value.
    private static func text(_ head: RequestHead, _ name: StaticString) -> String? {
        guard let raw = head.headers.text(of: name) else { return nil }
        guard raw.utf8.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "\"") }) else { return raw }
        let alone = HeaderBlock([
            ("ce-specversion", "1.0"), ("ce-id", raw), ("ce-source", "/"), ("ce-type", "t"),
        ])
        let message = try? HTTPBinding.decode(headers: alone, body: [])
        return message?.events.first?.attributes.text(of: "id") ?? raw
    }
}

extension IngressConnection {
    /// Remembers that a request was refused, for those who ask for its events.
    func remember(_ refusal: IntakeRefusal, of events: [RefusedMessage.Event]) {
        loop.shared.intake.refusals.add(refusal, namespace: target.namespace, broker: target.broker, events: events)
    }
}
