/// Kubernetes' ConfigMap (`v1`): texts by name. Apus reads those named `apus-names` (promise 25); others are kept and not used.
public struct ConfigMap: Sendable, Equatable {
    public static let apiVersion = "v1"
    public static let kind = "ConfigMap"
    /// The name of a ConfigMap whose data are `namespace/Kind/name: URL`.
    public static let namesName = "apus-names"

    public var metadata: ObjectMeta
    public var data: [String: String]

    public init(metadata: ObjectMeta, data: [String: String] = [:]) {
        self.metadata = metadata
        self.data = data
    }

    public var identity: ResourceIdentity {
        ResourceIdentity(kind: Self.kind, namespace: metadata.namespace, name: metadata.name)
    }

    public var holdsNames: Bool { metadata.name == Self.namesName }

    init?(_ reader: inout FieldReader) {
        guard let metadata = ObjectMeta(&reader) else { return nil }
        let data = reader.texts("data") ?? []
        self.init(metadata: metadata, data: Dictionary(data.map { ($0.name, $0.value) }) { first, _ in first })
        reader.skip("binaryData", "immutable")
        guard holdsNames else { return }
        for (name, url) in data {
            if let problem = NameTable.problem(name: name, url: url) {
                reader.report.add(Path.member(name, of: "data"), problem)
            }
        }
    }

    public func document() -> DocumentNode {
        .mapping([
            ("apiVersion", .string(Self.apiVersion)), ("kind", .string(Self.kind)), ("metadata", metadata.document),
            ("data", .texts(data)),
        ])
    }
}
