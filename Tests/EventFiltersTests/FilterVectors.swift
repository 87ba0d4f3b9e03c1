import CloudEvents
import EventFilters
import Specs

/// A filter as the vectors write it: one dialect an item, attributes sorted by name.
final class FilterVector: Decodable, Sendable {
    let exact: [String: String]?
    let prefix: [String: String]?
    let suffix: [String: String]?
    let attributes: [String: String]?
    let all: [FilterVector]?
    let any: [FilterVector]?
    let not: FilterVector?
    let cesql: String?

    var expression: FilterExpression {
        if let exact { return .exact(predicates(exact)) }
        if let prefix { return .prefix(predicates(prefix)) }
        if let suffix { return .suffix(predicates(suffix)) }
        if let attributes { return .attributes(predicates(attributes)) }
        if let all { return .all(all.map(\.expression)) }
        if let any { return .any(any.map(\.expression)) }
        if let not { return .not(not.expression) }
        return .cesql(cesql ?? "")
    }

    private func predicates(_ map: [String: String]) -> [AttributePredicate] {
        map.sorted { $0.key < $1.key }.map { AttributePredicate(name: $0.key, value: $0.value) }
    }
}

struct MatchVector: Decodable, Sendable {
    let name: String
    let filters: [FilterVector]
    let matches: [[String: String]]
    let misses: [[String: String]]
}

struct RefusalVector: Decodable, Sendable {
    let name: String
    let filters: [FilterVector]
    let path: String
    let message: String
}

struct MismatchVector: Decodable, Sendable {
    let name: String
    let filters: [FilterVector]
    let event: [String: String]
    let path: String?
    let sentence: String?
}

func event(_ texts: [String: String]) -> Attributes {
    var attributes = Attributes()
    for (name, value) in texts.sorted(by: { $0.key < $1.key }) { attributes.append(name, .string(value)) }
    return attributes
}
