/// The JSON event format and its batch (JSON event format, sections 2 to 4).
public enum JSONFormat {
    public static let mediaType = "application/cloudevents+json"
    public static let batchMediaType = "application/cloudevents-batch+json"

    /// Reads one event with its data, as the bytes that binary mode would carry.
    public static func decode(_ bytes: [UInt8], limits: FormatLimits = FormatLimits()) throws(CloudEventError) -> CloudEvent {
        fatalError("JSONFormat.decode is being built")
    }

    public static func decodeBatch(_ bytes: [UInt8], limits: FormatLimits = FormatLimits()) throws(CloudEventError)
        -> [CloudEvent]
    {
        fatalError("JSONFormat.decodeBatch is being built")
    }

    /// Writes one event. Data of a JSON media type that is valid JSON stands as it is, as `data`; any other data as `data_base64`.
    public static func encode(_ event: CloudEvent) -> [UInt8] { fatalError("JSONFormat.encode is being built") }

    public static func encodeBatch(_ events: [CloudEvent]) -> [UInt8] { fatalError("JSONFormat.encodeBatch is being built") }

    /// Adds attributes before the last `}` of an event's object; every other byte stays. A name that the object has is replaced
    /// by taking the old member out.
    public static func splice(_ added: [Attribute], into object: [UInt8]) -> [UInt8] {
        fatalError("JSONFormat.splice is being built")
    }
}
