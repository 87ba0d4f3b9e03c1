import ApusPorts
import CloudEvents

/// A record as it leaves in one mode, without what differs from one delivery of it to another.
///
/// Follows the rules for a writer in cloudevents.md, section 5: what came is what leaves.
struct EncodedRecord: Sendable {
    private static let arrival = "knativearrivaltime"

    private let record: LogRecord
    private let added: [Attribute]
    /// Field lines: `Content-Type`, attributes, forwarded fields, `Content-Length`.
    private(set) var lines: [UInt8] = []
    let body: [UInt8]
    /// The trace that goes on, where the event came with one.
    let trace: TraceContext?
    let traceState: String?

    /// Whether this is what a delivery sends. Equal records of one log share their storage, so comparing them costs little.
    func isOf(_ delivery: Delivery) -> Bool { record == delivery.record && added == delivery.added }

    /// Binary mode (HTTP protocol binding, section 3.1). Fails where the data of a structured event cannot be given as bytes.
    init(binary record: LogRecord, added: [Attribute]) throws(CloudEventError) {
        let event = record.event
        var attributes: Attributes
        switch event.mode {
        case .binary:
            attributes = event.attributesWithContentType
            self.init(record, added, body: event.body)
        case .structured, .batched:
            let data = try JSONFormat.data(in: event.body)
            attributes = event.attributes.inBinaryMode(impliedJSON: data.isImpliedJSON)
            self.init(record, added, body: data.bytes ?? [])
        }
        Self.merge(added, into: &attributes)
        HTTPBinding.appendBinaryHeaders(of: attributes, to: &lines)
        if let moment = Self.arrival(record, added) { lines.appendField("ce-knativearrivaltime", moment) }
    }

    /// Structured mode (HTTP protocol binding, section 3.2).
    init(structured record: LogRecord, added: [Attribute]) {
        let additions = Self.additions(record, added)
        let event = record.event
        switch event.mode {
        case .binary:
            var attributes = event.attributesWithContentType
            Self.merge(additions, into: &attributes)
            let object = JSONFormat.encode(CloudEvent(attributes: attributes, data: event.hasData ? event.body : nil))
            self.init(record, added, body: object)
            lines.appendField("Content-Type", JSONFormat.mediaType)
        case .structured, .batched:
            self.init(record, added, body: JSONFormat.splice(additions, removing: [EventRecord.hopsAttribute], into: event.body))
            lines.appendField("Content-Type", Self.structuredType(event.contentType))
        }
    }

    private init(_ record: LogRecord, _ added: [Attribute], body: [UInt8]) {
        self.record = record
        self.added = added
        self.body = body
        // The attributes of an event as a rule fit, so that the lines are allocated once.
        lines.reserveCapacity(768)
        var parent: String?
        var state: String?
        for header in record.event.headers {
            switch header.name {
            case "traceparent": parent = header.value
            case "tracestate": state = state.map { "\($0),\(header.value)" } ?? header.value
            default: lines.appendField(header.name, header.value)
            }
        }
        trace = parent.flatMap(TraceContext.init)
        traceState = trace == nil ? nil : state
        if let traceState { lines.appendField("tracestate", traceState) }
        lines.appendField("Content-Length", String(body.count))
    }

    /// When the log took the event (knative.md, item 30); nil where the event or the delivery says so itself.
    private static func arrival(_ record: LogRecord, _ added: [Attribute]) -> String? {
        guard !record.event.attributes.has(arrival), !added.contains(where: { $0.name == arrival }) else { return nil }
        return record.appendedAt.rfc3339
    }

    private static func additions(_ record: LogRecord, _ added: [Attribute]) -> [Attribute] {
        guard let moment = arrival(record, added) else { return added }
        return added + [Attribute(name: arrival, value: .timestamp(moment))]
    }

    /// Takes out the hops, and what is added in its place; then adds.
    private static func merge(_ additions: [Attribute], into attributes: inout Attributes) {
        if attributes.has(EventRecord.hopsAttribute) { attributes.remove(EventRecord.hopsAttribute) }
        for attribute in additions { attributes.set(attribute.name, to: attribute.value) }
    }

    /// The media type as it came. An event of a batch leaves as one event, so the batch's type does not leave with it.
    private static func structuredType(_ received: String?) -> String {
        guard let received, !received.lowercased().hasPrefix("application/cloudevents-batch") else { return JSONFormat.mediaType }
        return received
    }
}

extension EventRecord {
    /// In binary mode the `Content-Type` that came is the `datacontenttype`.
    fileprivate var attributesWithContentType: Attributes {
        guard let contentType, !attributes.has("datacontenttype") else { return attributes }
        var attributes = attributes
        attributes.append("datacontenttype", .string(contentType))
        return attributes
    }
}

extension Attributes {
    /// Whether an attribute is there. Asked of each record for names that few have, so lengths are compared first.
    fileprivate func has(_ name: String) -> Bool {
        contains { $0.name.utf8.count == name.utf8.count && $0.name.utf8.elementsEqual(name.utf8) }
    }
}
