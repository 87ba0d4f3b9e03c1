public import CloudEvents

/// A resource of any kind of source: a PingSource, a KafkaSource. What is the kind's own stands in ``spec`` as a document that
/// passed the schema's checks; the kind's folder makes its own value of it, with ``read(_:)``.
public struct SourceResource: Sendable, Equatable {
    public var schema: SourceSchema
    public var metadata: ObjectMeta
    /// The whole spec, members sorted by name, defaults filled in.
    public var spec: DocumentNode
    public var sink: DestinationSpec
    /// `ceOverrides.extensions`: set on each event, over what the event has.
    public var overrides: [Attribute]
    /// Knative's `spec.delivery`, where the kind has it.
    public var delivery: DeliverySpec?
    public var status: SourceStatus

    public var identity: ResourceIdentity {
        ResourceIdentity(kind: schema.kind.kind, namespace: metadata.namespace, name: metadata.name)
    }

    public var isPaused: Bool { metadata.annotations[Annotation.paused] == "true" }

    /// The retries towards a sink by `uri`: a trigger's default where the source sets no `delivery`.
    public var effectiveDelivery: EffectiveDelivery {
        EffectiveDelivery(delivery.flatMap { $0.isEmpty ? nil : $0 } ?? .brokerDefault)
    }

    /// Reads the spec with the reader that the checks had; what is reported is nothing new.
    public func read<Value>(_ body: (inout FieldReader) -> Value) -> Value? {
        guard
            var reader = FieldReader(spec, path: "spec", schemaPath: "spec", kind: schema.kind.kind, report: FieldReport())
        else { return nil }
        return body(&reader)
    }

    // A schema is one constant of its kind, so its name stands for it.
    public static func == (left: SourceResource, right: SourceResource) -> Bool {
        left.schema.kind == right.schema.kind && left.metadata == right.metadata && left.spec == right.spec
            && left.status == right.status
    }

    /// What a change may not change.
    static func validateUpdate(old: SourceResource, new: SourceResource) -> [FieldError] {
        old.schema.immutable.compactMap { path in
            let (before, after) = (old.spec.value(at: path), new.spec.value(at: path))
            guard before != after else { return nil }
            let (left, right) = (before?.json() ?? "none", after?.json() ?? "none")
            return FieldError(path: "spec.\(path)", message: "Immutable fields changed (-old +new): -\(left) +\(right)")
        }
    }
}

extension SourceResource {
    /// Reads a document whose apiVersion and kind are the schema's.
    init?(_ reader: inout FieldReader, schema: SourceSchema) {
        let report = reader.report
        guard let metadata = ObjectMeta(&reader) else { return nil }
        let given = reader.take("spec") ?? .mapping([])
        guard
            var spec = FieldReader(
                given.filling(schema.defaults), path: "spec", schemaPath: "spec", kind: schema.kind.kind, report: report)
        else { return nil }
        let hasSink = spec.names.contains("sink")
        let sink = DestinationSpec(spec.object("sink"))
        if sink == nil, !hasSink { report.add("spec.sink", "expected at least one, got none: ref, uri") }
        overrides = Self.overrides(&spec)
        if schema.hasDelivery { delivery = DeliverySpec(spec.object("delivery")) }
        schema.check(&spec, metadata)
        spec.finish()
        self.schema = schema
        self.metadata = metadata
        self.sink = (sink ?? DestinationSpec()).defaulted(namespace: metadata.namespace)
        var document = given.filling(schema.defaults)
        document.replace("sink", self.sink.document)
        self.spec = document.canonical
        status = SourceStatus(reader.take("status"))
        var annotations = Annotation.Reader(metadata.annotations, known: schema.annotationNames, kind: schema.kind.kind)
        _ = annotations.boolean(Annotation.paused)
        report.add(annotations.errors)
    }

    /// Those of CloudEvents 1.0, sections "Required" and "Optional Attributes".
    private static let ownAttributes = [
        "specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema",
    ]

    private static func overrides(_ spec: inout FieldReader) -> [Attribute] {
        guard var reader = spec.object("ceOverrides") else { return [] }
        let place = reader.place("extensions")
        let extensions = reader.texts("extensions") ?? []
        reader.finish()
        let attributes = extensions.sorted { $0.name < $1.name }.map { Attribute(name: $0.name, value: .string($0.value)) }
        for attribute in attributes {
            guard !ownAttributes.contains(attribute.name) else {
                spec.report.add(
                    Path.member(attribute.name, of: place), "must be an extension attribute: it is one of the event's own")
                continue
            }
            do {
                _ = try CloudEvent(id: "1", source: "/", type: "t", extensions: [attribute])
            } catch {
                spec.report.add(Path.member(attribute.name, of: place), "must be an extension attribute: \(error.message)")
            }
        }
        return attributes
    }

    /// As Kubernetes would give it. Without status it is what the node stores.
    public func document(withStatus: Bool = true) -> DocumentNode {
        .mapping([
            ("apiVersion", .string(schema.kind.apiVersion)), ("kind", .string(schema.kind.kind)),
            ("metadata", metadata.document), ("spec", spec), ("status", withStatus ? status.document : nil),
        ])
    }
}

extension DocumentNode {
    /// With the members that are absent or null.
    fileprivate func filling(_ defaults: [(name: String, value: DocumentNode)]) -> DocumentNode {
        guard case .mapping(var members) = content else { return self }
        for (name, value) in defaults where members.first(where: { $0.name == name })?.value.isNull ?? true {
            members.removeAll { $0.name == name }
            members.append(Member(name, value))
        }
        return DocumentNode(.mapping(members), line: line)
    }

    fileprivate mutating func replace(_ name: String, _ value: DocumentNode) {
        guard case .mapping(var members) = content else { return }
        members.removeAll { $0.name == name }
        members.append(Member(name, value))
        content = .mapping(members)
    }

    /// Without lines and nulls, members sorted by name: equal wishes are equal documents.
    fileprivate var canonical: DocumentNode {
        switch content {
        case .mapping(let members):
            DocumentNode(
                .mapping(
                    members.filter { !$0.value.isNull }.sorted { $0.name < $1.name }.map { Member($0.name, $0.value.canonical) }))
        case .sequence(let values): DocumentNode(.sequence(values.map(\.canonical)))
        default: DocumentNode(content)
        }
    }

    /// The value at a path of member names with dots between them.
    func value(at path: String) -> DocumentNode? {
        path.split(separator: ".").reduce(Optional(self)) { node, name in node?[String(name)] }
    }
}
