public import CloudEvents

/// Kubernetes' `metadata`, as far as a node without Kubernetes has it.
public struct ObjectMeta: Sendable, Equatable {
    /// Empty only beside ``generateName``.
    public var name: String
    /// What a name begins with that the node makes, where one is asked for through the API: see ``GeneratedName``.
    public var generateName = ""
    public var namespace: String
    public var labels: [String: String]
    public var annotations: [String: String]
    /// Given by the control plane, and the four below; empty or 0 in a manifest.
    public var uid: String
    /// Counts changes of the spec, from 1.
    public var generation: Int64
    /// Counts changes of anything.
    public var resourceVersion: Int64
    public var creationTimestamp: Timestamp?

    public init(
        name: String, namespace: String = "default", labels: [String: String] = [:], annotations: [String: String] = [:],
        uid: String = "", generation: Int64 = 0, resourceVersion: Int64 = 0, creationTimestamp: Timestamp? = nil
    ) {
        self.name = name
        self.namespace = namespace
        self.labels = labels
        self.annotations = annotations
        self.uid = uid
        self.generation = generation
        self.resourceVersion = resourceVersion
        self.creationTimestamp = creationTimestamp
    }

    var document: DocumentNode {
        .mapping([
            ("name", name.isEmpty ? nil : .string(name)),
            ("generateName", generateName.isEmpty ? nil : .string(generateName)), ("namespace", .string(namespace)),
            ("uid", uid.isEmpty ? nil : .string(uid)),
            ("resourceVersion", resourceVersion == 0 ? nil : .string(String(resourceVersion))),
            ("generation", generation == 0 ? nil : .integer(generation)),
            ("creationTimestamp", creationTimestamp.map { .string(MomentText.seconds($0)) }), ("labels", .texts(labels)),
            ("annotations", .texts(annotations)),
        ])
    }
}

extension ObjectMeta {
    /// Reads `metadata`. nil, with errors reported, where it has no name.
    init?(_ document: inout FieldReader) {
        guard var reader = document.object("metadata") else {
            document.report.add("metadata.name", "missing field: every resource has a name")
            return nil
        }
        let name = reader.string("name")
        self.init(name: name ?? "", namespace: reader.string("namespace") ?? "default")
        labels = Self.texts("labels", of: &reader)
        annotations = Self.texts("annotations", of: &reader)
        uid = reader.string("uid") ?? ""
        generation = reader.integer("generation") ?? 0
        resourceVersion = reader.string("resourceVersion").flatMap(Int64.init) ?? 0
        if let text = reader.string("creationTimestamp") {
            creationTimestamp = MomentText.moment(text)
            if creationTimestamp == nil {
                reader.report.add("metadata.creationTimestamp", "must be a time of RFC 3339, was \"\(text)\"")
            }
        }
        // Written by Kubernetes into what `kubectl get -o yaml` prints; without meaning here.
        reader.skip(
            "managedFields", "ownerReferences", "finalizers", "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds")
        generateName = reader.string("generateName") ?? ""
        reader.finish()
        if name == nil {
            let hint =
                generateName.isEmpty
                ? "every resource has a name" : "metadata.generateName is for Replays that are created through the API"
            reader.report.add("metadata.name", "missing field: \(hint)")
        } else {
            check(reader.report)
        }
    }

    private static func texts(_ field: String, of reader: inout FieldReader) -> [String: String] {
        Dictionary((reader.texts(field) ?? []).map { ($0.name, $0.value) }) { first, _ in first }
    }

    private func check(_ report: FieldReport) {
        if !ResourceName.isSubdomain(name) {
            report.add(
                "metadata.name",
                "must consist of lower case letters, digits, - and ., start and end with a letter or digit, "
                    + "and have at most 253 characters; was \"\(name)\"")
        }
        if !ResourceName.isLabel(namespace) {
            report.add(
                "metadata.namespace",
                "must consist of lower case letters, digits and -, start and end with a letter or digit, "
                    + "and have at most 63 characters; was \"\(namespace)\"")
        }
        for (field, texts) in [("labels", labels), ("annotations", annotations)] {
            for (key, value) in texts.sorted(by: { $0.key < $1.key }) {
                let path = Path.member(key, of: "metadata.\(field)")
                if !ResourceName.isQualified(key) {
                    report.add(path, "the name must be a qualified name such as example.com/name or name")
                } else if field == "labels", !value.isEmpty, !ResourceName.isToken(value.utf8) {
                    report.add(
                        path, "the value must have at most 63 letters, digits, -, _ and .; was \"\(value)\"")
                }
            }
        }
        let bytes = annotations.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
        if bytes > 262_144 { report.add("metadata.annotations", "must have at most 262144 bytes together, had \(bytes)") }
    }
}

/// What names a resource: kind, namespace and name.
public struct ResourceIdentity: Sendable, Hashable, CustomStringConvertible {
    public var kind: String
    public var namespace: String
    public var name: String

    public init(kind: String, namespace: String, name: String) {
        self.kind = kind
        self.namespace = namespace
        self.name = name
    }

    /// `Broker default/orders`.
    public var description: String { "\(kind) \(namespace)/\(name)" }
}
