/// One field or annotation of a kind: what `apus explain` prints, and what the documentation is made from.
public struct FieldDoc: Sendable, Equatable {
    public var kind: String
    /// Lists as `[]`: `spec.filters[].exact`. An annotation is `metadata.annotations[NAME]`.
    public var path: String
    public var type: String
    /// nil where there is none: the field is required, or absent means absent.
    public var defaultValue: String?
    public var isRequired: Bool
    public var text: String
    /// Whose field it is, and the section.
    public var origin: String
}

/// Every field that the parser knows, and no other: a test holds the two against each other.
public enum FieldDocs {
    public static let all: [FieldDoc] = broker + trigger + configMap + replay

    /// The field at a path and those below it, in order; all of a kind for an empty path. Lists may be written without `[]`.
    public static func explain(kind: String, path: String = "", catalog: SourceCatalog = .none) -> [FieldDoc] {
        let wanted = plain(path)
        return (all + catalog.schemas.flatMap(source)).filter { doc in
            guard doc.kind.lowercased() == kind.lowercased() || "\(doc.kind.lowercased())s" == kind.lowercased() else {
                return false
            }
            let own = plain(doc.path)
            return wanted.isEmpty || own == wanted || Path.contains(wanted, own)
        }
    }

    private static func plain(_ path: String) -> String {
        path.split(separator: "[]", omittingEmptySubsequences: true).joined()
    }

    typealias Row = (path: String, type: String, fallback: String?, text: String)

    static func docs(_ kind: String, _ origin: String, prefix: String = "", _ rows: [Row]) -> [FieldDoc] {
        rows.map { row in
            let isRequired = row.fallback == "required"
            return FieldDoc(
                kind: kind, path: prefix.isEmpty ? row.path : Path.join(prefix, row.path), type: row.type,
                defaultValue: isRequired ? nil : row.fallback, isRequired: isRequired, text: row.text, origin: origin)
        }
    }

    static func top(_ kind: String, _ apiVersion: String) -> [FieldDoc] {
        docs(
            kind, "Kubernetes, API conventions",
            [
                ("apiVersion", "string", "required", "Always \(apiVersion)."),
                ("kind", "string", "required", "Always \(kind)."),
                ("metadata", "ObjectMeta", "required", "The resource's names."),
            ])
            + docs(
                kind, "Kubernetes, ObjectMeta", prefix: "metadata",
                [
                    ("name", "string", "required", "Lower case letters, digits, - and .; at most 253 characters."),
                    ("namespace", "string", "default", "Lower case letters, digits and -; at most 63 characters."),
                    ("labels", "map of strings", nil, "For people and tools."),
                    ("annotations", "map of strings", nil, "Those of the list below have a meaning; others are kept."),
                    ("uid", "string", nil, "Given by the node. The same name with another UID is another resource."),
                    ("generation", "integer", nil, "Given by the node: counts changes of the spec, from 1."),
                    ("resourceVersion", "string", nil, "Given by the node: counts changes of anything."),
                    ("creationTimestamp", "time", nil, "Given by the node, RFC 3339 in UTC."),
                    (
                        "generateName", "string", nil,
                        "Where a Replay is created through the API without a name, its name begins so."
                    ),
                ])
    }

    static func reference(_ kind: String, _ path: String, _ text: String) -> [FieldDoc] {
        docs(kind, "Knative Eventing, KReference", [(path, "KReference", nil, text)])
            + docs(
                kind, "Knative Eventing, KReference", prefix: path,
                [
                    ("apiVersion", "string", "required", "Group and version of the referent, e.g. v1."),
                    ("kind", "string", "required", "Kind of the referent, e.g. Service."),
                    ("name", "string", "required", "Name of the referent."),
                    ("namespace", "string", "the resource's own", "Namespace of the referent."),
                    ("address", "string", nil, "One of the referent's addresses by name; accepted, and not used."),
                    ("group", "string", nil, "Needs Knative's flag kreference-group, which is off: use apiVersion."),
                ])
    }

    static func destination(_ kind: String, _ path: String, _ text: String, isRequired: Bool) -> [FieldDoc] {
        let origin = "Knative Eventing, Destination"
        return docs(kind, origin, [(path, "Destination", isRequired ? "required" : nil, text)])
            + reference(
                kind, "\(path).ref",
                "A Broker resolves by itself; a Service through the ConfigMap apus-names or --resolve. ref or uri is required.")
            + docs(
                kind, origin, prefix: path,
                [
                    ("uri", "URI", nil, "An absolute http or https URL; with ref, relative to the referent's."),
                    ("CACerts", "PEM", nil, "Certificates to trust beside the system's."),
                    ("audience", "string", nil, "The OIDC audience of the receiver."),
                ])
    }

    static func delivery(
        _ kind: String, whole: String,
        deadLetterSink: String = "Where events go that are given up on. They are kept in the dead stream with or without it."
    ) -> [FieldDoc] {
        docs(kind, "Knative Eventing, DeliverySpec", [("spec.delivery", "DeliverySpec", nil, whole)])
            + destination(kind, "spec.delivery.deadLetterSink", deadLetterSink, isRequired: false)
            + docs(
                kind, "Knative Eventing, DeliverySpec", prefix: "spec.delivery",
                [
                    ("retry", "integer", "0", "Attempts after the first, at least 0."),
                    ("timeout", "duration", "PT30S", "How long one attempt may take; longer than 0."),
                    (
                        "backoffPolicy", "linear or exponential", "exponential",
                        "The wait before retry n: linear is delay times n, exponential is delay times 2 to the power n."
                    ),
                    ("backoffDelay", "duration", "PT0S", "The delay of the backoff."),
                    ("backoffMax", "duration", nil, "No wait is longer than this; longer than 0."),
                    (
                        "retryAfterMax", "duration", "PT10M",
                        "A Retry-After of 429 and 503 is honoured up to this; PT0S ignores it."
                    ),
                    ("format", "json or binary", nil, "The mode to deliver in; absent keeps the mode that came."),
                ])
    }

    static func filters(_ kind: String) -> [FieldDoc] {
        docs(
            kind, "CloudEvents Subscriptions API, filter dialects",
            [
                ("spec.filters", "list of filters", "[]", "All must match. Each sets one dialect."),
                ("spec.filters[].exact", "map of strings", nil, "Every attribute equals its value."),
                ("spec.filters[].prefix", "map of strings", nil, "Every attribute starts with its value."),
                ("spec.filters[].suffix", "map of strings", nil, "Every attribute ends with its value."),
                ("spec.filters[].all", "list of filters", nil, "All of them match."),
                ("spec.filters[].any", "list of filters", nil, "At least one of them matches."),
                ("spec.filters[].not", "filter", nil, "It does not match."),
                (
                    "spec.filters[].cesql", "string", nil,
                    "A CloudEvents SQL expression that must be true, without an error; apus cesql and apus match try it."
                ),
            ])
    }

    private static func annotations(_ kind: String, _ origin: String, _ rows: [Row]) -> [FieldDoc] {
        docs(kind, origin, rows.map { (Path.annotation($0.path), $0.type, $0.fallback, $0.text) })
    }

    /// Every field of a kind of source: those of all sources, and the kind's own.
    public static func source(_ schema: SourceSchema) -> [FieldDoc] {
        let kind = schema.kind.kind
        func own(_ fields: [SourceSchema.Field], place: (String) -> String) -> [FieldDoc] {
            fields.map {
                FieldDoc(
                    kind: kind, path: place($0.path), type: $0.type, defaultValue: $0.defaultValue, isRequired: $0.isRequired,
                    text: $0.text, origin: schema.origin)
            }
        }
        return top(kind, schema.kind.apiVersion)
            + docs(
                kind, schema.origin,
                [
                    ("spec", "\(kind)Spec", "required", "What is wanted of the \(kind)."),
                    ("status", "\(kind)Status", nil, "What the node says; ignored in a manifest."),
                ])
            + own(schema.fields) { $0 }
            + destination(kind, "spec.sink", "Where the events go: a Broker by ref, or any receiver by uri.", isRequired: true)
            + docs(
                kind, "Knative Eventing, CloudEventOverrides",
                [
                    ("spec.ceOverrides", "CloudEventOverrides", nil, "Attributes that each event is given."),
                    ("spec.ceOverrides.extensions", "map of strings", nil, "By name; they replace what the event has."),
                ])
            + (schema.hasDelivery ? delivery(kind, whole: "The retries towards a sink by uri; a Broker's log needs none.") : [])
            + annotations(
                kind, "Apus, sources",
                [(Annotation.paused, "true or false", "false", "Stops the source; what it has kept of its progress stays.")])
            + own(schema.annotations) { Path.annotation($0) }
    }

    public static let broker: [FieldDoc] =
        top(Broker.kind, Broker.apiVersion)
        + docs(
            Broker.kind, "Knative Eventing, Broker v1",
            [
                ("spec", "BrokerSpec", nil, "What is wanted of the Broker."),
                ("status", "BrokerStatus", nil, "What the node says; ignored in a manifest."),
            ])
        + reference(Broker.kind, "spec.config", "Immutable. Accepted, and not used by the classes of this build.")
        + delivery(
            Broker.kind,
            whole: "For Triggers that set no delivery of their own. Absent: retry 10, exponential, PT0.2S.")
        + annotations(
            Broker.kind, "Knative Eventing, Broker v1",
            [(Annotation.brokerClass, "string", Broker.defaultClass, "The log behind the Broker. Immutable.")])
        + annotations(
            Broker.kind, "Apus, ingress",
            [
                (
                    Annotation.deduplicationWindow, "duration", "off",
                    "Within it, a second event with the same source and id is answered 202 and not appended."
                )
            ])
        + annotations(
            Broker.kind, "Apus, retention",
            [
                (Annotation.retentionAge, "duration", "P7D", "Older events go."),
                (Annotation.retentionBytes, "bytes", "10Gi", "The log's size above which the oldest events go."),
                (Annotation.retentionCount, "integer", "unlimited", "The number of events above which the oldest go."),
                (
                    Annotation.retentionForce, "true or false", "false",
                    "Trims events that a trigger has not read yet too; this is counted and shown."
                ),
            ])

    public static let trigger: [FieldDoc] =
        top(Trigger.kind, Trigger.apiVersion)
        + docs(
            Trigger.kind, "Knative Eventing, Trigger v1",
            [
                ("spec", "TriggerSpec", "required", "What is wanted of the Trigger."),
                ("spec.broker", "string", "required", "The Broker, in the same namespace. Immutable."),
                ("spec.filter", "TriggerFilter", "{}", "Which events; overridden by filters where that is not empty."),
                (
                    "spec.filter.attributes", "map of strings", nil,
                    "Every attribute equals its value; an empty value asks only that the attribute is there."
                ),
                ("status", "TriggerStatus", nil, "What the node says; ignored in a manifest."),
            ])
        + reference(
            Trigger.kind, "spec.brokerRef", "Another way to name the Broker, in the same namespace; not beside broker.")
        + filters(Trigger.kind)
        + destination(Trigger.kind, "spec.subscriber", "Where matching events go.", isRequired: true)
        + delivery(
            Trigger.kind,
            whole: "Any field here replaces the Broker's delivery whole, but for the dead letter sink, which falls back to it.")
        + annotations(
            Trigger.kind, "Apus, delivery",
            [
                (
                    Annotation.startFrom, "latest, earliest, a position or a time", "latest",
                    "Where a new Trigger begins to read the log."
                ),
                (Annotation.jitter, "fraction or percentage", "0.1", "How far a wait may differ from its backoff; 0 for none."),
                (Annotation.maxInFlight, "integer", "256", "Deliveries at once."),
                (Annotation.rate, "number", "unlimited", "Events a second at most."),
                (Annotation.paused, "true or false", "false", "Stops delivery; the cursor stays, and nothing is lost."),
            ])
        + annotations(
            Trigger.kind, "Apus, order",
            [
                (
                    Annotation.orderBy, "attribute name", nil,
                    "Delivers one event at a time for each value of this attribute, in the order of the log."
                )
            ])
        + annotations(
            Trigger.kind, "Knative Eventing, Kafka broker",
            [(Annotation.deliveryOrder, "ordered or unordered", "unordered", "ordered is order by partitionkey.")])

    public static let configMap: [FieldDoc] =
        top(ConfigMap.kind, ConfigMap.apiVersion)
        + docs(
            ConfigMap.kind, "Kubernetes, ConfigMap v1",
            [
                (
                    "data", "map of strings", nil,
                    "Named apus-names: namespace/Kind/name to the URL of what stands outside the node. Others are kept."
                )
            ])
}
