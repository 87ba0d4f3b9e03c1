private import Foundation
internal import Yams

/// Reads YAML into documents. The only place that knows Yams.
enum YAMLReader {
    static let fileBytesMax = 1_048_576
    static let nestingMax = 64
    static let valuesMax = 100_000
    static let aliasesMax = 32

    /// The documents of a text, null for an empty one, and the errors of those that cannot be read.
    static func documents(_ text: String) throws(FieldError) -> [DocumentNode] {
        let aliases = countAliases(text)
        guard aliases <= aliasesMax else {
            throw FieldError(path: "", message: "has \(aliases) YAML aliases, more than \(aliasesMax)")
        }
        var documents: [DocumentNode] = []
        var converter = Converter()
        do {
            // The basic resolver keeps scalars as text, so that this house's own rules decide what a plain one is.
            let parser = try Parser(yaml: text, resolver: .basic, encoding: .utf8)
            while let root = try parser.nextRoot() {
                documents.append(try converter.convert(root, depth: 0))
            }
        } catch let error as FieldError {
            throw error
        } catch let error as YamlError {
            throw error.fieldError
        } catch {
            throw FieldError(path: "", message: "cannot be read: \(error)")
        }
        return documents
    }

    /// An upper bound. It is needed before Yams reads the text: Yams hashes keys, and a key of nested aliases takes time
    /// exponential in their number.
    private static func countAliases(_ text: String) -> Int {
        var count = 0
        var hasAnchor = false
        var previous = UInt8(ascii: "\n")
        var mark: UInt8?
        for byte in text.utf8 {
            if let found = mark, byte > UInt8(ascii: " ") {
                if found == UInt8(ascii: "*") { count += 1 } else { hasAnchor = true }
            }
            mark = nil
            let isMark = byte == UInt8(ascii: "*") || byte == UInt8(ascii: "&")
            if isMark, previous <= UInt8(ascii: " ") || "[]{},:?-\"'".utf8.contains(previous) { mark = byte }
            previous = byte
        }
        return hasAnchor ? count : 0
    }
}

private struct Converter {
    private var values = 0

    mutating func convert(_ node: Yams.Node, depth: Int) throws(FieldError) -> DocumentNode {
        let line = node.mark?.line
        guard depth <= YAMLReader.nestingMax else {
            throw FieldError(line: line, path: "", message: "is nested deeper than \(YAMLReader.nestingMax) levels")
        }
        values += 1
        guard values <= YAMLReader.valuesMax else {
            throw FieldError(line: line, path: "", message: "has more than \(YAMLReader.valuesMax) values")
        }
        switch node {
        case .scalar(let scalar):
            return DocumentNode(Scalar.content(scalar), line: line)
        case .sequence(let sequence):
            var items: [DocumentNode] = []
            for item in sequence { items.append(try convert(item, depth: depth + 1)) }
            return DocumentNode(.sequence(items), line: line)
        case .mapping(let mapping):
            return DocumentNode(.mapping(try members(of: mapping, depth: depth)), line: line)
        case .alias:
            throw FieldError(line: line, path: "", message: "has an alias that cannot be resolved")
        }
    }

    private mutating func members(
        of mapping: Yams.Node.Mapping, depth: Int
    ) throws(FieldError) -> [DocumentNode.Member] {
        var members: [DocumentNode.Member] = []
        for (key, value) in mapping {
            let line = key.mark?.line
            guard case .scalar(let scalar) = key else {
                throw FieldError(line: line, path: "", message: "has a key that is not a string")
            }
            guard !(scalar.string == "<<" && scalar.style == .plain) else {
                throw FieldError(line: line, path: "", message: "has a YAML merge key (<<), which is not supported")
            }
            members.append(DocumentNode.Member(scalar.string, try convert(value, depth: depth + 1), line: line))
        }
        return members
    }
}

/// What a scalar is by the core schema of YAML 1.2: `yes`, `no`, `on` and `off` are strings.
private enum Scalar {
    static func content(_ scalar: Yams.Node.Scalar) -> DocumentNode.Content {
        guard scalar.style == .plain, scalar.tag.description != Tag.Name.str.rawValue else { return .string(scalar.string) }
        switch scalar.string {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return .boolean(true)
        case "false", "False", "FALSE": return .boolean(false)
        default: return number(scalar.string).map { .number($0) } ?? .string(scalar.string)
        }
    }

    /// The number in decimal where the text is one: integers (`0x` and `0o` too), and decimal fractions.
    private static func number(_ text: String) -> String? {
        guard let first = text.utf8.first, first <= UInt8(ascii: "9") else { return nil }
        if text.hasPrefix("0x") { return Int64(text.dropFirst(2), radix: 16).map(String.init) }
        if text.hasPrefix("0o") { return Int64(text.dropFirst(2), radix: 8).map(String.init) }
        if let value = Int64(text) { return String(value) }
        let isNumeric = text.utf8.allSatisfy { "0123456789+-.eE".utf8.contains($0) }
        return isNumeric && Double(text) != nil ? text : nil
    }
}

extension YamlError {
    fileprivate var fieldError: FieldError {
        switch self {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            if problem.hasPrefix("Maximum nesting level") {
                return FieldError(
                    line: mark.line, path: "", message: "is nested deeper than \(YAMLReader.nestingMax) levels")
            }
            let around = context.map { "\($0.text) (line \($0.mark.line)): " } ?? ""
            return FieldError(line: mark.line, path: "", message: "is not valid YAML: \(around)\(problem)")
        case .duplicatedKeysInMapping(let names, let context):
            let list = names.sorted().joined(separator: ", ")
            return FieldError(line: context.mark.line, path: "", message: "has a field more than once: \(list)")
        case .reader(let problem, let offset, _, let text):
            let line = offset.map { text.prefix($0).utf8.count { $0 == UInt8(ascii: "\n") } + 1 }
            return FieldError(line: line, path: "", message: "is not valid YAML: \(problem)")
        default:
            return FieldError(path: "", message: "is not valid YAML: \(self)")
        }
    }
}
