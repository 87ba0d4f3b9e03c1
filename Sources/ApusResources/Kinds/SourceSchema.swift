/// What a kind of source says of its resource: names, fields, checks, columns. One value in the kind's own folder, and all that
/// is generic (parsing, defaults, `explain`, `get`, status) is made from it.
///
/// What every source has is not among `fields`: `spec.sink`, `spec.ceOverrides.extensions`, the annotation `apus.dev/paused`.
public struct SourceSchema: Sendable {
    /// Group, the version that documents are kept in, names.
    public var kind: ResourceKind
    /// Versions of the same group with the same fields, which are read and served too: `v1beta2`.
    public var otherVersions: [String]
    /// Whose kind it is, as `apus explain` says it: `Knative Eventing, PingSource v1`.
    public var origin: String
    /// The living condition that ``SourceFacts/source`` becomes, beside `SinkProvided`: `Deployed` for a PingSource.
    public var condition: String
    /// The kind's own fields, by their path from the document's top (`spec.schedule`).
    public var fields: [Field]
    /// The kind's own annotations under `apus.dev/`, by name.
    public var annotations: [Field]
    /// Whether the kind has Knative's `spec.delivery`, the retries towards a `uri`. It is read and explained generically.
    public var hasDelivery: Bool
    /// After NAME.
    public var columns: [Column]
    /// Paths below `spec` that a change may not change: `consumerGroup`.
    public var immutable: [String]
    /// Members of `spec` that are filled in where they are absent, as Knative's webhook does.
    public var defaults: [(name: String, value: DocumentNode)]
    /// Takes the kind's own fields from `spec` and its own annotations from the metadata, and reports what is wrong with them.
    /// What is not taken is refused as unknown.
    public var check: @Sendable (inout FieldReader, ObjectMeta) -> Void
    /// What events it emits: `status.ceAttributes`. `source` as the spec has it.
    public var eventAttributes: @Sendable (SourceResource) -> [EventAttributes]

    /// One field, or one annotation.
    public struct Field: Sendable, Equatable {
        /// A field's path, lists as `[]`; an annotation's name.
        public var path: String
        public var type: String
        public var defaultValue: String?
        public var isRequired: Bool
        public var text: String

        public init(_ path: String, _ type: String, defaultValue: String? = nil, isRequired: Bool = false, _ text: String) {
            self.path = path
            self.type = type
            self.defaultValue = defaultValue
            self.isRequired = isRequired
            self.text = text
        }
    }

    /// One column of `kubectl get` and `apus get`.
    public enum Column: Sendable, Equatable {
        case sink, age, ready, reason
        /// The value at a path of the document (`spec.schedule`), a list as its items with commas.
        case field(_ name: String, path: String, isWide: Bool = false)
    }

    /// Of the events that a source emits.
    public struct EventAttributes: Sendable, Equatable {
        public var type: String
        public var source: String

        public init(type: String, source: String) {
            self.type = type
            self.source = source
        }
    }

    public init(
        kind: ResourceKind, otherVersions: [String] = [], origin: String, condition: String, fields: [Field],
        annotations: [Field] = [], hasDelivery: Bool = false, columns: [Column], immutable: [String] = [],
        defaults: [(name: String, value: DocumentNode)] = [],
        check: @escaping @Sendable (inout FieldReader, ObjectMeta) -> Void,
        eventAttributes: @escaping @Sendable (SourceResource) -> [EventAttributes]
    ) {
        self.kind = kind
        self.otherVersions = otherVersions
        self.origin = origin
        self.condition = condition
        self.fields = fields
        self.annotations = annotations
        self.hasDelivery = hasDelivery
        self.columns = columns
        self.immutable = immutable
        self.defaults = defaults
        self.check = check
        self.eventAttributes = eventAttributes
    }

    /// The names of its annotations under `apus.dev/`, those that every source has included.
    var annotationNames: [String] { annotations.map(\.path) + [Annotation.paused] }

    /// Whether a document of this apiVersion is one of this kind.
    public func reads(apiVersion: String) -> Bool {
        apiVersion == kind.apiVersion || otherVersions.contains { apiVersion == "\(kind.group)/\($0)" }
    }
}

/// The kinds of sources that a build knows, by their schemas. Made of the registry, and handed to whatever reads documents.
public struct SourceCatalog: Sendable {
    public var schemas: [SourceSchema]

    public init(_ schemas: [SourceSchema]) { self.schemas = schemas }

    /// A build without sources.
    public static let none = SourceCatalog([])

    public func schema(ofKind kind: String) -> SourceSchema? { schemas.first { $0.kind.kind == kind } }

    /// Every kind that the resource API serves, one entry a version; a kind's preferred version first.
    public var served: [ResourceKind] {
        ResourceKind.served
            + schemas.flatMap { schema in
                [schema.kind]
                    + schema.otherVersions.map { version in
                        var kind = schema.kind
                        kind.version = version
                        return kind
                    }
            }
    }

    /// The same without a kind's other versions.
    public var kindsServed: [ResourceKind] { ResourceKind.served + schemas.map(\.kind) }

    /// The kind that a person means by a plural, a singular or a kind's name, in any case.
    public func named(_ name: String) -> ResourceKind? {
        let name = name.lowercased()
        return served.first { $0.plural == name || $0.singular == name || $0.shortNames.contains(name) }
    }

    /// What `kind:` of a document may say.
    public var kinds: [String] { Resource.kinds + schemas.map(\.kind.kind) }
}
