package import ApusPorts
package import ApusResources
import CloudEvents

/// Knative's PingSource: an event on a schedule.
package struct PingSource: SourceKind {
    package static let eventType = "dev.knative.sources.ping"
    /// With `"true"`, a tick that fell due while the source did not run fires once on its return.
    package static let catchUp = "apus.dev/catch-up"

    package static let schema = SourceSchema(
        kind: ResourceKind(
            group: "sources.knative.dev", version: "v1", kind: "PingSource", plural: "pingsources", singular: "pingsource",
            shortNames: []),
        otherVersions: ["v1beta2"], origin: "Knative Eventing, PingSource v1", condition: "Deployed",
        fields: [
            .init(
                "spec.schedule", "cron", defaultValue: PingSpec.defaultSchedule,
                "Five fields, six with seconds first, or @hourly, @daily, @weekly, @monthly, @yearly, @every 90s."),
            .init(
                "spec.timezone", "IANA time zone", defaultValue: "UTC",
                "The zone of the schedule, e.g. Europe/Berlin; where clocks change see docs/decisions/0007-cron.md."),
            .init("spec.contentType", "media type", "Of data or dataBase64; absent, the event has no datacontenttype."),
            .init("spec.data", "string", "The event's data as text; not beside dataBase64."),
            .init("spec.dataBase64", "base64", "The event's data as bytes; not beside data."),
        ],
        annotations: [
            .init(
                catchUp, "true or false", defaultValue: "false",
                "Whether ticks that fell due while the source did not run fire once on its return; else they count as missed.")
        ],
        columns: [.sink, .field("SCHEDULE", path: "spec.schedule"), .age, .ready, .reason],
        defaults: [("schedule", .string(PingSpec.defaultSchedule))],
        check: { spec, metadata in
            _ = PingSpec(&spec)
            if let text = metadata.annotations[catchUp], text != "true", text != "false" {
                spec.report.add(Annotation.path(catchUp), "must be \"true\" or \"false\", was \"\(text)\"")
            }
        },
        eventAttributes: { [.init(type: eventType, source: eventSource($0.metadata))] })

    package static let specimen: String? = """
        {"apiVersion": "sources.knative.dev/v1", "kind": "PingSource", "metadata": {"name": "specimen"},
         "spec": {"schedule": "* * * * * *", "contentType": "text/plain", "data": "tick", "sink": {"uri": "http://localhost/"}}}
        """

    package static func make(_ resource: SourceResource) throws(SourceFailure) -> any EventSource {
        guard let spec = resource.read({ PingSpec(&$0) }) ?? nil else {
            throw SourceFailure(reason: "ScheduleInvalid", message: "The schedule cannot be read.")
        }
        return Pinger(
            spec: spec, eventSource: eventSource(resource.metadata),
            catchesUp: resource.metadata.annotations[catchUp] == "true")
    }

    static func eventSource(_ metadata: ObjectMeta) -> String {
        "/apis/v1/namespaces/\(metadata.namespace)/pingsources/\(metadata.name)"
    }
}
