internal import EventFilters

/// `filter` and `filters` of a Trigger, and `filters` of a Replay, read and written.
enum FilterDocument {
    private static let dialects = ["exact", "prefix", "suffix", "all", "any", "not", "cesql"]

    static func attributes(_ spec: inout FieldReader) -> [AttributePredicate] {
        guard var filter = spec.object("filter") else { return [] }
        let attributes = filter.texts("attributes") ?? []
        filter.finish()
        return attributes.map { AttributePredicate(name: $0.name, value: $0.value) }
    }

    /// nil where the field is absent, or where an item cannot be read.
    static func filters(_ spec: inout FieldReader, kind: String) -> [FilterExpression]? {
        guard let items = spec.list("filters") else { return nil }
        return expressions(items, kind: kind, report: spec.report, depth: 1)
    }

    private static func expressions(
        _ items: [(path: String, node: DocumentNode)], kind: String, report: FieldReport, depth: Int
    ) -> [FilterExpression]? {
        let read = items.map { expression($0.node, path: $0.path, kind: kind, report: report, depth: depth) }
        return read.contains { $0 == nil } ? nil : read.compactMap { $0 }
    }

    private static func expression(
        _ node: DocumentNode, path: String, kind: String, report: FieldReport, depth: Int
    ) -> FilterExpression? {
        let schemaPath = "spec.filters[]"
        guard var reader = FieldReader(node, path: path, schemaPath: schemaPath, kind: kind, report: report) else {
            return nil
        }
        let errorsBefore = report.errors.count
        var read: [FilterExpression] = []
        for (dialect, make) in maps {
            if let pairs = reader.texts(dialect) {
                read.append(make(pairs.map { AttributePredicate(name: $0.name, value: $0.value) }))
            }
        }
        for (dialect, make) in [("all", FilterExpression.all), ("any", FilterExpression.any)] {
            guard let items = reader.list(dialect) else { continue }
            let children = expressions(items, kind: kind, report: report, depth: depth + 1)
            if let children { read.append(make(children)) }
        }
        if let child = reader.take("not"),
            let inner = expression(child, path: reader.place("not"), kind: kind, report: report, depth: depth + 1)
        {
            read.append(.not(inner))
        }
        if let source = reader.string("cesql") { read.append(.cesql(source)) }
        reader.finish()
        let set = reader.names.filter(dialects.contains)
        if set.count > 1 {
            report.add(
                path, "multiple dialects found, filters can have only one dialect set: \(set.joined(separator: ", "))")
        } else if set.isEmpty, report.errors.count == errorsBefore {
            report.add(path, "must set one dialect: \(dialects.joined(separator: ", "))")
        }
        return report.errors.count == errorsBefore ? read.first : nil
    }

    private static let maps: [(String, @Sendable ([AttributePredicate]) -> FilterExpression)] = [
        ("exact", { .exact($0) }), ("prefix", { .prefix($0) }), ("suffix", { .suffix($0) }),
    ]

    /// What is likely to be a mistake, as errors of fields; `path` gives a filter's path its place in the document.
    static func warnings(_ found: [FilterWarning], path: (String) -> String) -> [FieldError] {
        found.map { found in
            let warning = found.warning
            return FieldError(
                path: path(found.path), message: "line \(warning.line), column \(warning.column): \(warning.message)",
                excerpt: warning.excerpt(of: found.expression))
        }
    }

    static func predicates(_ list: [AttributePredicate]) -> DocumentNode {
        .mapping(list.map { ($0.name, .string($0.value)) })
    }

    static func write(_ expression: FilterExpression) -> DocumentNode {
        switch expression {
        case .exact(let list), .attributes(let list): .mapping([("exact", predicates(list))])
        case .prefix(let list): .mapping([("prefix", predicates(list))])
        case .suffix(let list): .mapping([("suffix", predicates(list))])
        case .all(let children): .mapping([("all", .sequence(children.map(write)))])
        case .any(let children): .mapping([("any", .sequence(children.map(write)))])
        case .not(let child): .mapping([("not", write(child))])
        case .cesql(let source): .mapping([("cesql", .string(source))])
        }
    }
}
