import ApusResources
import CloudEvents

/// What a PingSource asks for, read and checked.
package struct PingSpec: Sendable, Equatable {
    package var cron: Cron
    /// The schedule and its zone as they were written: what stands for them in the progress.
    package var scheduleText: String
    package var contentType: String?
    /// nil where the event has no data.
    package var data: [UInt8]?

    static let defaultSchedule = "* * * * *"

    /// Reads the fields of `spec` that are the kind's own; nil, with errors reported, where one of them is wrong.
    init?(_ spec: inout FieldReader) {
        let report = spec.report
        let schedule = spec.string("schedule") ?? Self.defaultSchedule
        let zone = spec.string("timezone")
        contentType = spec.string("contentType")
        let text = spec.string("data"), base64 = spec.string("dataBase64")
        var read: Cron?
        do {
            read = try Cron(schedule, zone: zone)
        } catch {
            report.add(spec.place(error.isZone ? "timezone" : "schedule"), "invalid value: \(error.message)")
        }
        scheduleText = zone.map { "CRON_TZ=\($0) \(schedule)" } ?? schedule
        if let contentType { Self.checkMediaType(contentType, spec.place("contentType"), report) }
        let isJSON = Self.isJSON(contentType)
        switch (text, base64) {
        case (.some, .some): report.add(spec.path, "expected exactly one, got both: spec.data, spec.dataBase64")
        case (.some(let text), nil):
            data = Array(text.utf8)
            if isJSON { Self.checkJSON(Array(text.utf8), spec.place("data"), report) }
        case (nil, .some(let text)):
            data = Base64.decode(text.utf8)
            if data == nil { report.add(spec.place("dataBase64"), "invalid value: must be base64 of RFC 4648, section 4") }
            if isJSON, let data { Self.checkJSON(data, spec.place("dataBase64"), report) }
        case (nil, nil): break
        }
        guard let read else { return nil }
        cron = read
    }

    /// `application/json`, with or without parameters.
    private static func isJSON(_ contentType: String?) -> Bool {
        let type = contentType?.split(separator: ";").first ?? ""
        return type.lowercased().filter { $0 != " " } == "application/json"
    }

    /// Else the first tick, which may be a month away, would be no event.
    private static func checkMediaType(_ text: String, _ path: String, _ report: FieldReport) {
        do {
            _ = try CloudEvent(id: "1", source: "/", type: "t", dataContentType: text)
        } catch {
            report.add(path, "invalid value: \(error.message)")
        }
    }

    private static func checkJSON(_ bytes: [UInt8], _ path: String, _ report: FieldReport) {
        do {
            _ = try JSONReader.document(bytes)
        } catch {
            report.add(path, "invalid value: is not JSON, and contentType says that it is: \(error.message)")
        }
    }
}
