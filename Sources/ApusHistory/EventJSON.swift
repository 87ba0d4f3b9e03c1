import ApusPorts
import ApusResources
import CloudEvents

/// A logged event in the JSON event format.
enum EventJSON {
    static func document(of record: EventRecord) -> DocumentNode? {
        var data: [UInt8]? = record.hasData ? record.body : nil
        if record.mode != .binary { data = (try? JSONFormat.data(in: record.body))?.bytes ?? nil }
        return try? JSONReader.document(JSONFormat.encode(CloudEvent(attributes: record.attributes, data: data)))
    }
}
