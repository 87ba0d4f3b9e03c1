/// A document as a tree, from YAML or JSON, and each value's line. Members keep their order.
public struct DocumentNode: Sendable, Equatable {
    public indirect enum Content: Sendable, Equatable {
        case null
        case boolean(Bool)
        /// As it was written: the reader of a field decides what it can hold.
        case number(String)
        case string(String)
        case sequence([DocumentNode])
        case mapping([Member])
    }

    public struct Member: Sendable, Equatable {
        public var name: String
        public var line: Int?
        public var value: DocumentNode

        public init(_ name: String, _ value: DocumentNode, line: Int? = nil) {
            self.name = name
            self.line = line
            self.value = value
        }
    }

    public var content: Content
    /// Counted from 1; nil where the tree was made by the program.
    public var line: Int?

    public init(_ content: Content, line: Int? = nil) {
        self.content = content
        self.line = line
    }
}

extension DocumentNode {
    public static func string(_ text: String) -> DocumentNode { DocumentNode(.string(text)) }
    public static func integer(_ value: some BinaryInteger) -> DocumentNode { DocumentNode(.number(String(value))) }
    /// A finite number, without a point where it is whole.
    public static func decimal(_ value: Double) -> DocumentNode {
        DocumentNode(.number(Int64(exactly: value).map(String.init) ?? "\(value)"))
    }
    public static func boolean(_ value: Bool) -> DocumentNode { DocumentNode(.boolean(value)) }
    public static func sequence(_ values: [DocumentNode]) -> DocumentNode { DocumentNode(.sequence(values)) }

    /// A mapping of those members that have a value.
    public static func mapping(_ members: [(String, DocumentNode?)]) -> DocumentNode {
        DocumentNode(.mapping(members.compactMap { name, value in value.map { Member(name, $0) } }))
    }

    /// A mapping of texts, sorted by name as Kubernetes writes it; nil where it is empty.
    public static func texts(_ texts: [String: String]) -> DocumentNode? {
        guard !texts.isEmpty else { return nil }
        return mapping(texts.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })
    }

    public subscript(name: String) -> DocumentNode? {
        guard case .mapping(let members) = content else { return nil }
        return members.first { $0.name == name }?.value
    }

    public var text: String? {
        guard case .string(let text) = content else { return nil }
        return text
    }

    /// A string, or a number or a boolean as it was written; nil for anything else.
    public var plainText: String? {
        switch content {
        case .string(let text), .number(let text): text
        case .boolean(let value): value ? "true" : "false"
        default: nil
        }
    }

    /// A whole number that fits; nil for anything else.
    public func wholeNumber<Value: FixedWidthInteger>() -> Value? {
        guard case .number(let text) = content else { return nil }
        return Value(text)
    }

    /// The values of a list; none of anything else.
    public var items: [DocumentNode] {
        guard case .sequence(let items) = content else { return [] }
        return items
    }

    public var isNull: Bool { content == .null }

    /// What the value is, as an error names it.
    public var typeName: String {
        switch content {
        case .null: "null"
        case .boolean: "a boolean"
        case .number: "a number"
        case .string: "a string"
        case .sequence: "a list"
        case .mapping: "a mapping"
        }
    }

    /// The line of the value at a path such as `spec.filters[0].exact`, or of what is nearest above it.
    public func line(ofPath path: String) -> Int? { line(ofPath: path, here: "") ?? line }

    private func line(ofPath path: String, here: String) -> Int? {
        switch content {
        case .mapping(let members):
            for member in members {
                let place = Path.member(member.name, of: here)
                if place == path { return member.line ?? member.value.line }
                if Path.contains(place, path) { return member.value.line(ofPath: path, here: place) ?? member.line }
            }
        case .sequence(let values):
            for (index, value) in values.enumerated() {
                let place = "\(here)[\(index)]"
                if place == path { return value.line }
                if Path.contains(place, path) { return value.line(ofPath: path, here: place) ?? value.line }
            }
        default: break
        }
        return nil
    }
}

/// Paths of fields as Kubernetes writes them: `spec.filters[0].exact`, `metadata.annotations[apus.dev/jitter]`.
enum Path {
    static func member(_ name: String, of parent: String) -> String {
        let isPlain = !name.isEmpty && name.utf8.allSatisfy { $0 != UInt8(ascii: ".") && $0 != UInt8(ascii: "/") }
        guard isPlain else { return "\(parent)[\(name)]" }
        return parent.isEmpty ? name : "\(parent).\(name)"
    }

    static func contains(_ parent: String, _ path: String) -> Bool {
        guard path.utf8.count > parent.utf8.count, path.hasPrefix(parent) else { return false }
        let next = path.utf8[path.utf8.index(path.utf8.startIndex, offsetBy: parent.utf8.count)]
        return next == UInt8(ascii: ".") || next == UInt8(ascii: "[")
    }

    static func annotation(_ name: String) -> String { member(name, of: "metadata.annotations") }
}
