/// A resource of a kind that this build knows.
public enum Resource: Sendable, Equatable {
    case broker(Broker)
    case trigger(Trigger)
    case configMap(ConfigMap)
    case replay(Replay)
    /// Of any kind of source: what differs from kind to kind stands in its schema.
    case source(SourceResource)

    /// Those that every build knows; the kinds of sources are in ``SourceCatalog/kinds``.
    public static let kinds = [Broker.kind, Trigger.kind, ConfigMap.kind, Replay.kind]

    public var identity: ResourceIdentity {
        switch self {
        case .broker(let broker): broker.identity
        case .trigger(let trigger): trigger.identity
        case .configMap(let map): map.identity
        case .replay(let replay): replay.identity
        case .source(let source): source.identity
        }
    }

    public var metadata: ObjectMeta {
        get {
            switch self {
            case .broker(let broker): broker.metadata
            case .trigger(let trigger): trigger.metadata
            case .configMap(let map): map.metadata
            case .replay(let replay): replay.metadata
            case .source(let source): source.metadata
            }
        }
        set {
            switch self {
            case .broker(var broker):
                broker.metadata = newValue
                self = .broker(broker)
            case .trigger(var trigger):
                trigger.metadata = newValue
                self = .trigger(trigger)
            case .configMap(var map):
                map.metadata = newValue
                self = .configMap(map)
            case .replay(var replay):
                replay.metadata = newValue
                self = .replay(replay)
            case .source(var source):
                source.metadata = newValue
                self = .source(source)
            }
        }
    }

    /// As Kubernetes would give it.
    public func document(withStatus: Bool = true) -> DocumentNode {
        switch self {
        case .broker(let broker): broker.document(withStatus: withStatus)
        case .trigger(let trigger): trigger.document(withStatus: withStatus)
        case .configMap(let map): map.document()
        case .replay(let replay): replay.document(withStatus: withStatus)
        case .source(let source): source.document(withStatus: withStatus)
        }
    }

    /// Whether the other says the same: spec and, of the metadata, what a manifest gives. Then an apply changes nothing.
    public func isSameManifest(as other: Resource) -> Bool {
        func bare(_ resource: Resource) -> DocumentNode {
            var copy = resource
            let metadata = resource.metadata
            copy.metadata = ObjectMeta(
                name: metadata.name, namespace: metadata.namespace, labels: metadata.labels,
                annotations: metadata.annotations)
            return copy.document(withStatus: false)
        }
        return bare(self) == bare(other)
    }

    /// Whether what `generation` counts differs: the spec, or a ConfigMap's data.
    public func hasSameSpec(as other: Resource) -> Bool {
        switch (self, other) {
        case (.broker(let a), .broker(let b)): a.spec == b.spec
        case (.trigger(let a), .trigger(let b)): a.spec == b.spec
        case (.configMap(let a), .configMap(let b)): a.data == b.data
        case (.replay(let a), .replay(let b)): a.spec == b.spec
        case (.source(let a), .source(let b)): a.spec == b.spec
        default: false
        }
    }

    /// What a change may not change; empty where it may be made.
    public static func validateUpdate(old: Resource, new: Resource) -> [FieldError] {
        switch (old, new) {
        case (.broker(let old), .broker(let new)): Broker.validateUpdate(old: old, new: new)
        case (.trigger(let old), .trigger(let new)): Trigger.validateUpdate(old: old, new: new)
        case (.source(let old), .source(let new)): SourceResource.validateUpdate(old: old, new: new)
        case (.replay(let old), .replay(let new)): Replay.validateUpdate(old: old, new: new)
        default: []
        }
    }

    /// Reads one document: parsed, defaulted, checked. Throws every error that it has.
    ///
    /// `catalog` has the kinds of sources that this build knows: `Registry.catalog`.
    public init(_ document: DocumentNode, catalog: SourceCatalog = .none) throws(FieldErrors) {
        let report = FieldReport()
        let resource = Resource.read(document, report, catalog: catalog)
        let placed = report.errors.map { error in
            var placed = error
            placed.line = error.line ?? document.line(ofPath: error.path)
            return placed
        }
        let errors = placed.enumerated()
            .sorted { ($0.element.line ?? 0, $0.offset) < ($1.element.line ?? 0, $1.offset) }.map(\.element)
        guard let resource, errors.isEmpty else { throw FieldErrors(errors) }
        self = resource
    }

    /// Reads one document of JSON, such as the API's bodies and the store's rows.
    public init(json bytes: [UInt8], catalog: SourceCatalog = .none) throws(FieldErrors) {
        let document: DocumentNode
        do {
            document = try JSONReader.document(bytes)
        } catch {
            throw FieldErrors([error])
        }
        self = try Resource(document, catalog: catalog)
    }

    /// Every field that the parser asks a document for, lists as `[]`: what ``FieldDocs`` is held against.
    package static func fieldsAsked(of document: DocumentNode, catalog: SourceCatalog = .none) -> Set<String> {
        let report = FieldReport()
        _ = read(document, report, catalog: catalog)
        return report.asked
    }

    static func read(_ document: DocumentNode, _ report: FieldReport, catalog: SourceCatalog) -> Resource? {
        let kind = document["kind"]?.text
        guard var reader = FieldReader(document, path: "", kind: kind ?? "a resource", report: report) else { return nil }
        let apiVersion = reader.string("apiVersion")
        let known = catalog.kinds.joined(separator: ", ")
        guard let kind = reader.string("kind") else {
            if !reader.names.contains("kind") { report.add("kind", "missing field: it must be \(known)") }
            return nil
        }
        let schema = catalog.schema(ofKind: kind)
        guard let expected = apiVersions[kind] ?? schema?.kind.apiVersion else {
            let hint = NearestName.to(kind, among: catalog.kinds).map { "; did you mean \($0)?" } ?? ""
            report.add("kind", "kind \(kind) is not supported by this build; it knows \(known)\(hint)")
            return nil
        }
        guard apiVersion == expected || schema?.reads(apiVersion: apiVersion ?? "") == true else {
            report.add("apiVersion", "must be \(expected) for a \(kind)" + (apiVersion.map { ", was \($0)" } ?? ""))
            return nil
        }
        let resource: Resource? =
            switch kind {
            case Broker.kind: Broker(&reader).map { .broker($0.defaulted()) }
            case Trigger.kind: Trigger(&reader).map { .trigger($0.defaulted()) }
            case ConfigMap.kind: ConfigMap(&reader).map { .configMap($0) }
            case Replay.kind: Replay(&reader).map { .replay($0.defaulted()) }
            default: schema.flatMap { SourceResource(&reader, schema: $0) }.map { .source($0) }
            }
        if resource != nil { reader.finish() }
        return resource
    }

    private static let apiVersions = [
        Broker.kind: Broker.apiVersion, Trigger.kind: Trigger.apiVersion, ConfigMap.kind: ConfigMap.apiVersion,
        Replay.kind: Replay.apiVersion,
    ]
}
