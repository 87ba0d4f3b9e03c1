public import EventFilters

/// Filters that stand somewhere else than in a Trigger: in a query, in what a tool asks.
public enum FilterList {
    /// Reads and compiles filters that must all match, as a Trigger's `filters`; none match everything.
    ///
    /// - Parameters:
    ///   - nodes: One mapping each, with one dialect (``FilterText`` makes them of what a person writes).
    ///   - path: What the list is called where it came from: errors have paths such as `filter[1].any[0].exact.type`.
    public static func compiled(_ nodes: [DocumentNode], path: String) throws(FieldErrors) -> CompiledFilter {
        do {
            return try compiled(spec: .mapping([("filters", .sequence(nodes))]))
        } catch {
            throw FieldErrors(
                error.errors.map { found in
                    var placed = found
                    placed.path = path + found.path.dropFirst("filters".count)
                    return placed
                })
        }
    }

    /// Reads and compiles a mapping with `filters`, or `filter.attributes` where that is empty: the part of a Trigger's spec.
    public static func compiled(spec: DocumentNode) throws(FieldErrors) -> CompiledFilter {
        let report = FieldReport()
        guard var reader = FieldReader(spec, path: "", kind: Trigger.kind, report: report) else {
            throw FieldErrors(report.errors)
        }
        let attributes = FilterDocument.attributes(&reader)
        let filters = FilterDocument.filters(&reader, kind: Trigger.kind) ?? []
        reader.finish()
        guard report.errors.isEmpty else { throw FieldErrors(report.errors) }
        let legacy: [FilterExpression] = attributes.isEmpty ? [] : [.attributes(attributes)]
        do {
            return try CompiledFilter(filters.isEmpty ? legacy : filters)
        } catch {
            let place = filters.isEmpty ? "filter\(error.path.dropFirst("[0]".count))" : "filters\(error.path)"
            throw FieldErrors([FieldError(path: place, message: error.message, excerpt: error.excerpt)])
        }
    }
}
