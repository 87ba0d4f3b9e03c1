/// Resources from files, each with its place: what `apus serve -f`, `apus apply` and `apus check` read.
public struct Manifests: Sendable, Equatable {
    /// A file's text, or a request's.
    public struct Source: Sendable, Equatable {
        /// What errors call it; nil for what has no name.
        public var file: String?
        public var bytes: [UInt8]

        public init(file: String?, bytes: [UInt8]) {
            self.file = file
            self.bytes = bytes
        }

        public init(file: String?, text: String) { self.init(file: file, bytes: Array(text.utf8)) }
    }

    public struct Entry: Sendable, Equatable {
        public var resource: Resource
        public var file: String?
        /// Counted from 1 in its file.
        public var document: Int
        public var line: Int?
    }

    public var entries: [Entry] = []
    /// What is valid and still likely to be a mistake, in the order of the files.
    public var warnings: [FieldError] = []

    public init() {}

    public var resources: [Resource] { entries.map(\.resource) }

    /// Reads every document of every source: YAML with several documents, JSON, `kind: List`. Empty ones are fine.
    ///
    /// Throws all errors of all sources together; then nothing is loaded (promise 23). The same kind, namespace and name twice
    /// is an error that names both places.
    public static func load(_ sources: [Source], catalog: SourceCatalog = .none) throws(FieldErrors) -> Manifests {
        var loader = ManifestLoader(catalog: catalog)
        for source in sources { loader.load(source) }
        guard loader.errors.isEmpty else { throw FieldErrors(loader.errors) }
        return loader.manifests
    }
}

private struct ManifestLoader {
    var manifests = Manifests()
    var errors: [FieldError] = []
    private var places: [ResourceIdentity: String] = [:]
    private let catalog: SourceCatalog

    init(catalog: SourceCatalog) { self.catalog = catalog }

    mutating func load(_ source: Manifests.Source) {
        do {
            let documents = try Self.documents(of: source)
            for (index, document) in documents.enumerated() {
                add(document, file: source.file, number: index + 1)
            }
        } catch {
            var placed = error
            placed.file = source.file
            errors.append(placed)
        }
    }

    private static func documents(of source: Manifests.Source) throws(FieldError) -> [DocumentNode] {
        guard source.bytes.count <= YAMLReader.fileBytesMax else {
            throw FieldError(
                path: "", message: "has \(source.bytes.count) bytes, more than \(YAMLReader.fileBytesMax) a file")
        }
        // A byte order mark is no content.
        let bytes = source.bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(source.bytes.dropFirst(3)) : source.bytes
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw FieldError(path: "", message: "is not UTF-8")
        }
        let first = bytes.first { $0 > 0x20 }
        if source.file?.hasSuffix(".json") ?? false {
            return first == nil ? [] : [try JSONReader.document(bytes)]
        }
        // Most of what begins with a brace is JSON; the rest may still be YAML in flow style.
        if first == UInt8(ascii: "{"), let document = try? JSONReader.document(bytes) { return [document] }
        return try YAMLReader.documents(text)
    }

    private mutating func add(_ document: DocumentNode, file: String?, number: Int) {
        if document.isNull { return }
        if document["kind"]?.text == "List" {
            addList(document, file: file, number: number)
            return
        }
        do {
            let resource = try Resource(document, catalog: catalog)
            add(Manifests.Entry(resource: resource, file: file, document: number, line: document.line))
            warn(resource, document, prefix: "", file: file, number: number)
        } catch {
            add(error, prefix: "", file: file, number: number)
        }
    }

    private mutating func addList(_ list: DocumentNode, file: String?, number: Int) {
        let items: [DocumentNode]
        switch list["items"]?.content {
        case .sequence(let values): items = values
        case nil, .null: items = []
        case .some:
            let message = "must be a list, was \(list["items"]?.typeName ?? "nothing")"
            errors.append(
                FieldError(
                    file: file, document: number, line: list.line(ofPath: "items"), path: "items", message: message))
            return
        }
        for (index, item) in items.enumerated() {
            do {
                let resource = try Resource(item, catalog: catalog)
                add(Manifests.Entry(resource: resource, file: file, document: number, line: item.line))
                warn(resource, item, prefix: "items[\(index)]", file: file, number: number)
            } catch {
                add(error, prefix: "items[\(index)]", file: file, number: number)
            }
        }
    }

    private mutating func warn(
        _ resource: Resource, _ document: DocumentNode, prefix: String, file: String?, number: Int
    ) {
        let warnings: [FieldError] =
            switch resource {
            case .trigger(let trigger): trigger.filterWarnings
            case .replay(let replay): replay.filterWarnings
            case .broker, .configMap, .source: []
            }
        let found = warnings.map { warning in
            var placed = warning
            placed.line = document.line(ofPath: warning.path)
            return placed
        }
        manifests.warnings += found.map { Self.place($0, prefix: prefix, file: file, number: number) }
    }

    private mutating func add(_ found: FieldErrors, prefix: String, file: String?, number: Int) {
        errors += found.errors.map { Self.place($0, prefix: prefix, file: file, number: number) }
    }

    private static func place(_ error: FieldError, prefix: String, file: String?, number: Int) -> FieldError {
        var placed = error
        placed.file = file
        placed.document = number
        if !prefix.isEmpty {
            placed.path = error.path.isEmpty ? prefix : Path.join(prefix, error.path)
        }
        return placed
    }

    private mutating func add(_ entry: Manifests.Entry) {
        let identity = entry.resource.identity
        let place = [entry.file, entry.line.map(String.init)].compactMap { $0 }.joined(separator: ":")
        if let earlier = places[identity] {
            let there = earlier.isEmpty ? "earlier" : "at \(earlier)"
            errors.append(
                FieldError(
                    file: entry.file, document: entry.document, line: entry.line, path: "metadata.name",
                    message: "\(identity) is given twice; it stands \(there) already"))
            return
        }
        places[identity] = place
        manifests.entries.append(entry)
    }
}

extension Path {
    static func join(_ parent: String, _ path: String) -> String {
        path.utf8.first == UInt8(ascii: "[") ? parent + path : "\(parent).\(path)"
    }
}
