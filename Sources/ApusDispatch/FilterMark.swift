import ApusPorts
import ApusResources
package import EventFilters

extension CompiledFilter {
    /// The filter as a text that differs where the filter does: what ``TriggerMark/filter`` keeps. It is the JSON of the
    /// Trigger's `filters`, predicates by name; of one that is too long to be kept, its beginning, length and hash.
    package var text: String {
        let text = DocumentNode.sequence(expressions.map(\.document)).json()
        let bytes = text.utf8
        guard bytes.count > Self.textBytesMax else { return text }
        let beginning = String(decoding: bytes.prefix(Self.textBytesMax / 2), as: UTF8.self)
        return "\(beginning)… \(bytes.count) \(Self.hash(bytes))"
    }

    /// Quoted in a document, a text can take six times its bytes.
    private static let textBytesMax = Limits.stateValueBytesMax / 8

    /// FNV-1a.
    private static func hash(_ bytes: String.UTF8View) -> UInt64 {
        bytes.reduce(14_695_981_039_346_656_037) { ($0 ^ UInt64($1)) &* 1_099_511_628_211 }
    }
}

extension FilterExpression {
    fileprivate var document: DocumentNode {
        switch self {
        case .exact(let list): .mapping([("exact", Self.predicates(list))])
        case .attributes(let list): .mapping([("attributes", Self.predicates(list))])
        case .prefix(let list): .mapping([("prefix", Self.predicates(list))])
        case .suffix(let list): .mapping([("suffix", Self.predicates(list))])
        case .all(let children): .mapping([("all", .sequence(children.map(\.document)))])
        case .any(let children): .mapping([("any", .sequence(children.map(\.document)))])
        case .not(let child): .mapping([("not", child.document)])
        case .cesql(let source): .mapping([("cesql", .string(source))])
        }
    }

    private static func predicates(_ list: [AttributePredicate]) -> DocumentNode {
        .mapping(list.sorted { ($0.name, $0.value) < ($1.name, $1.value) }.map { ($0.name, .string($0.value)) })
    }
}
