/// The JSON event format and its batch (JSON event format, sections 2 to 4).
public enum JSONFormat {
    public static let mediaType = "application/cloudevents+json"
    public static let batchMediaType = "application/cloudevents-batch+json"

    /// Reads one event with its data, as the bytes that binary mode would carry.
    public static func decode(_ bytes: [UInt8], limits: FormatLimits = FormatLimits()) throws(CloudEventError) -> CloudEvent {
        let object = try JSONObject(whole: bytes.span, limits: limits)
        let event = try JSONEvent(object, bytes.span, limits: limits)
        return CloudEvent(attributes: event.attributes, data: try event.data.bytes(in: bytes.span))
    }

    /// Reads a batch. Errors carry the index of the event that is wrong.
    public static func decodeBatch(_ bytes: [UInt8], limits: FormatLimits = FormatLimits()) throws(CloudEventError)
        -> [CloudEvent]
    {
        var events: [CloudEvent] = []
        try JSONBatch.forEach(in: bytes.span, limits: limits) { event, _ throws(CloudEventError) in
            events.append(CloudEvent(attributes: event.attributes, data: try event.data.bytes(in: bytes.span)))
        }
        return events
    }

    /// The data of one event's object as the bytes that binary mode carries; nil where it has none. `isImpliedJSON` where the
    /// data is a JSON value that no `datacontenttype` names: binary mode then says `application/json`, and only then adds it.
    public static func data(
        in object: [UInt8], limits: FormatLimits = FormatLimits()
    ) throws(CloudEventError) -> (bytes: [UInt8]?, isImpliedJSON: Bool) {
        let bytes = object.span
        let event = try JSONEvent(JSONObject(whole: bytes, limits: limits), bytes, limits: limits)
        let data = try event.data.bytes(in: bytes)
        if case .json(_, implied: true) = event.data { return (data, true) }
        return (data, false)
    }

    /// Writes one event. Data of a JSON media type that is valid JSON stands as it is, as `data`; any other data as
    /// `data_base64`.
    ///
    /// In 0.3, text of a text type stands as `data` too, and anything else as `data` with `datacontentencoding: base64`.
    public static func encode(_ event: CloudEvent) -> [UInt8] {
        var writer = JSONWriter()
        writer.append(event)
        return writer.bytes
    }

    public static func encodeBatch(_ events: [CloudEvent]) -> [UInt8] {
        var writer = JSONWriter()
        writer.bytes.append(0x5B)
        for (index, event) in events.enumerated() {
            if index > 0 { writer.bytes.append(0x2C) }
            writer.append(event)
        }
        writer.bytes.append(0x5D)
        return writer.bytes
    }

    /// Adds attributes before the last `}` of an event's object; every other byte stays. A name that the object has is replaced
    /// by taking the old member out, as are the names in `removed`. What is no event's object comes back as it is.
    public static func splice(
        _ added: [Attribute], removing removed: [String] = [], into object: [UInt8], limits: FormatLimits = FormatLimits()
    ) -> [UInt8] {
        var limits = limits
        limits.attributes = .max / 2
        guard !added.isEmpty || !removed.isEmpty, let read = try? JSONObject(whole: object.span, limits: limits) else {
            return object
        }
        let names = removed + added.map(\.name)
        var writer = JSONWriter()
        writer.bytes.reserveCapacity(object.count + added.count * 48)
        var copied = 0
        var hasMembers = false
        for (index, member) in read.members.enumerated() {
            guard isTakenOut(member, of: object, by: names) else {
                hasMembers = true
                continue
            }
            // The comma that goes with it: the one before, or for the first members the one after.
            if hasMembers {
                writer.bytes.append(contentsOf: object[copied..<max(copied, read.members[index - 1].value.upperBound)])
                copied = member.value.upperBound
            } else {
                writer.bytes.append(contentsOf: object[copied..<member.start])
                copied = index + 1 < read.members.count ? read.members[index + 1].start : member.value.upperBound
            }
        }
        writer.bytes.append(contentsOf: object[copied..<read.range.upperBound - 1])
        for attribute in added {
            if hasMembers { writer.bytes.append(0x2C) }
            hasMembers = true
            writer.append(name: attribute.name, attribute.value)
        }
        writer.bytes.append(contentsOf: object[(read.range.upperBound - 1)...])
        return writer.bytes
    }

    private static func isTakenOut(_ member: JSONMember, of object: [UInt8], by names: [String]) -> Bool {
        let name = member.nameBytes(object.span)
        for taken in names where name.elementsEqual(taken.utf8) { return true }
        return false
    }
}
