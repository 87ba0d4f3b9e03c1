/// Reads the members of one mapping: each field is asked for by name, and what nobody asked for is refused at the end.
public struct FieldReader {
    public let path: String
    private let schemaPath: String
    private let kind: String
    private let node: DocumentNode
    private let members: [DocumentNode.Member]
    public let report: FieldReport
    private var known: [String] = []

    /// nil, with an error reported, where the value is no mapping.
    init?(_ node: DocumentNode, path: String, schemaPath: String? = nil, kind: String, report: FieldReport) {
        guard case .mapping(let members) = node.content else {
            report.add(path, "must be a mapping, was \(node.typeName)", line: node.line)
            return nil
        }
        self.path = path
        self.schemaPath = schemaPath ?? path
        self.kind = kind
        self.node = node
        self.members = members
        self.report = report
    }

    public var isEmpty: Bool { members.isEmpty }
    /// The names that are there, in order, those with null included.
    public var names: [String] { members.map(\.name) }

    /// The path of a field in the document: where errors say they are.
    public func place(_ name: String) -> String { Path.member(name, of: path) }

    /// The value of a field; nil where it is absent or null.
    public mutating func take(_ name: String) -> DocumentNode? {
        known.append(name)
        report.ask(Path.member(name, of: schemaPath))
        guard let value = members.first(where: { $0.name == name })?.value, !value.isNull else { return nil }
        return value
    }

    /// Accepts a field without reading it.
    public mutating func skip(_ names: String...) { known += names }

    /// A text; nil where it is absent or, as Kubernetes has it, empty.
    public mutating func string(_ name: String) -> String? {
        guard let value = take(name), let text = string(value, at: place(name)) else { return nil }
        return text.isEmpty ? nil : text
    }

    /// `true` or `false`; nil where it is absent.
    public mutating func boolean(_ name: String) -> Bool? {
        guard let value = take(name) else { return nil }
        guard case .boolean(let flag) = value.content else {
            report.add(place(name), "must be true or false, was \(value.typeName)", line: value.line)
            return nil
        }
        return flag
    }

    /// A list of texts; nil where it is absent.
    public mutating func strings(_ name: String) -> [String]? {
        list(name)?.compactMap { string($0.node, at: $0.path) }
    }

    /// A list of mappings, to be read in turn; nil where it is absent. The ``finish()`` of each is the caller's.
    public mutating func objects(_ name: String) -> [FieldReader]? {
        let items = list(name)
        let schemaPath = "\(Path.member(name, of: schemaPath))[]"
        return items?.compactMap { item in
            FieldReader(item.node, path: item.path, schemaPath: schemaPath, kind: kind, report: report)
        }
    }

    /// A whole number; nil where it is absent.
    public mutating func integer(_ name: String) -> Int64? {
        guard let value = take(name) else { return nil }
        guard case .number(let text) = value.content else {
            report.add(place(name), "must be a number, was \(value.typeName)", line: value.line)
            return nil
        }
        guard let number = Int64(text) else {
            report.add(place(name), "must be a whole number within 64 bits, was \(text)", line: value.line)
            return nil
        }
        return number
    }

    /// A number that may have a fraction; nil where it is absent.
    public mutating func decimal(_ name: String) -> Double? {
        guard let value = take(name) else { return nil }
        guard case .number(let text) = value.content, let number = Double(text), number.isFinite else {
            report.add(place(name), "must be a number, was \(value.typeName)", line: value.line)
            return nil
        }
        return number
    }

    /// A mapping, to be read in turn; nil where it is absent. Its ``finish()`` is the caller's.
    public mutating func object(_ name: String) -> FieldReader? {
        take(name).flatMap {
            FieldReader($0, path: place(name), schemaPath: Path.member(name, of: schemaPath), kind: kind, report: report)
        }
    }

    /// A list, as the items and their paths.
    public mutating func list(_ name: String) -> [(path: String, node: DocumentNode)]? {
        guard let value = take(name) else { return nil }
        guard case .sequence(let items) = value.content else {
            report.add(place(name), "must be a list, was \(value.typeName)", line: value.line)
            return nil
        }
        return items.enumerated().map { ("\(place(name))[\($0.offset)]", $0.element) }
    }

    /// A mapping of texts, in the order of the document.
    public mutating func texts(_ name: String) -> [(name: String, value: String)]? {
        guard let value = take(name) else { return nil }
        guard case .mapping(let members) = value.content else {
            report.add(place(name), "must be a mapping, was \(value.typeName)", line: value.line)
            return nil
        }
        return members.compactMap { member in
            string(member.value, at: Path.member(member.name, of: place(name))).map { (member.name, $0) }
        }
    }

    private func string(_ value: DocumentNode, at path: String) -> String? {
        if case .string(let text) = value.content { return text }
        let hint: String
        switch value.content {
        case .number, .boolean, .null: hint = "; put it in quotes"
        default: hint = ""
        }
        report.add(path, "must be a string, was \(value.typeName)\(hint)", line: value.line)
        return nil
    }

    /// Refuses every member that nobody asked for, with the nearest known name.
    public func finish() {
        for member in members where !known.contains(where: { $0 == member.name }) {
            let wrong = place(member.name)
            let hint = NearestName.to(member.name, among: known).map { "; did you mean \(place($0))?" } ?? ""
            report.add(wrong, "\(wrong) is not a field of \(kind)\(hint)", line: member.line)
        }
    }
}

/// The known name that a misspelt one is most likely to mean.
enum NearestName {
    /// nil where none is near: more than a third of the name, or more than three letters, would have to change, and none
    /// begins as the name does.
    static func to(_ name: String, among known: [String]) -> String? {
        let wrong = Array(name.lowercased().utf8)
        guard wrong.count <= 128 else { return nil }
        let bound = min(3, max(1, wrong.count / 3))
        var best: (name: String, distance: Int)?
        for candidate in known {
            let distance = distance(wrong, Array(candidate.lowercased().utf8))
            if distance <= bound, distance < best?.distance ?? .max { best = (candidate, distance) }
        }
        return best?.name ?? known.first { begins(wrong, as: Array($0.lowercased().utf8)) }
    }

    /// Whether the last parts (behind a slash, where there is one) have their first four letters in common.
    private static func begins(_ wrong: [UInt8], as known: [UInt8]) -> Bool {
        let (a, b) = (lastPart(wrong).prefix(4), lastPart(known).prefix(4))
        return a.count == 4 && a.elementsEqual(b)
    }

    private static func lastPart(_ name: [UInt8]) -> ArraySlice<UInt8> {
        name.lastIndex(of: UInt8(ascii: "/")).map { name[($0 + 1)...] } ?? name[...]
    }

    /// Insertions, deletions, replacements, and swaps of neighbours.
    private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var before: [Int] = []
        var last = Array(0...b.count)
        for i in a.indices {
            var row = [i + 1]
            for j in b.indices {
                var cost = min(last[j + 1] + 1, row[j] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, before[j - 1] + 1) }
                row.append(cost)
            }
            before = last
            last = row
        }
        return last[b.count]
    }
}
