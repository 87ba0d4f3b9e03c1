import ApusPorts
import CloudEvents

/// Makes records of a decoded message, or says why the door does not admit it. Pure: promises 3 and 7, and the size of an event.
enum Admission {
    /// How an event of a batch leaves: the one spelling that all SDKs take.
    static let structuredContentType = "application/cloudevents+json; charset=utf-8"

    static func records(
        of message: DecodedMessage, body: [UInt8], headers: [ForwardedHeader], limits: IntakeLimits
    ) throws(IntakeRefusal) -> [EventRecord] {
        if message.mode != .batched, let event = message.events.first {
            let isWhole = event.range == 0..<body.count
            return [
                try record(
                    event, mode: message.mode, contentType: message.contentType, body: isWhole ? body : Array(body[event.range]),
                    headers: headers, index: nil, limits: limits)
            ]
        }
        var records: [EventRecord] = []
        records.reserveCapacity(message.events.count)
        for (index, event) in message.events.enumerated() {
            records.append(
                try record(
                    event, mode: .structured, contentType: structuredContentType, body: Array(body[event.range]),
                    headers: headers, index: index, limits: limits))
        }
        return records
    }

    /// The records of a source's events: each with its own bytes and its own mode.
    static func records(of events: [SourceEvent], limits: IntakeLimits) throws(IntakeRefusal) -> [EventRecord] {
        var records: [EventRecord] = []
        records.reserveCapacity(events.count)
        for (index, event) in events.enumerated() {
            records.append(
                try record(
                    DecodedMessage.Event(attributes: event.attributes, range: 0..<event.body.count), mode: event.mode,
                    contentType: event.contentType, body: event.body, headers: event.headers, index: index, limits: limits))
        }
        return records
    }

    private static func record(
        _ event: DecodedMessage.Event, mode: ContentMode, contentType: String?, body: [UInt8], headers: [ForwardedHeader],
        index: Int?, limits: IntakeLimits
    ) throws(IntakeRefusal) -> EventRecord {
        var attributes = event.attributes
        let hops = try takeHops(from: &attributes, index: index)
        let record = EventRecord(
            attributes: attributes, mode: mode, contentType: contentType, body: body, headers: headers, hops: hops)
        try checkSize(record, index: index, limits: limits)
        return record
    }

    /// In structured mode the attributes are part of the body; in binary mode they stand beside it.
    private static func checkSize(_ record: EventRecord, index: Int?, limits: IntakeLimits) throws(IntakeRefusal) {
        var size = record.body.count
        if record.mode == .binary {
            for attribute in record.attributes { size += attribute.name.utf8.count + attribute.value.text.utf8.count }
        }
        for header in record.headers { size += header.name.utf8.count + header.value.utf8.count }
        guard size > limits.eventBytesMax else { return }
        throw IntakeRefusal(
            .eventTooLarge, "The event is \(size) bytes large; this broker takes \(limits.eventBytesMax).", index: index)
    }

    /// Promise 7: absent or no integer begins at the most; a value of 1 or less has no hop left; any other counts one down.
    private static func takeHops(from attributes: inout Attributes, index: Int?) throws(IntakeRefusal) -> UInt8 {
        guard let value = attributes.remove(EventRecord.hopsAttribute), let hops = Int(value.text) else { return Limits.hopsMax }
        guard hops > 1 else {
            throw IntakeRefusal(
                .hopsExhausted,
                "The event has no hops left: \(EventRecord.hopsAttribute) is \(hops), and a broker takes 2 or more.",
                field: EventRecord.hopsAttribute, index: index)
        }
        return UInt8(min(hops - 1, Int(Limits.hopsMax)))
    }
}
