import ApusPorts
import ApusRegistry
import ApusResources
import ArgumentParser
import EventFilters

struct Explain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Explain a kind, one of its fields, the limits, or what is in force for one trigger.",
        discussion: """
            EXAMPLES
              apus explain trigger
              apus explain trigger.spec.delivery
              apus explain broker.spec.delivery.backoffPolicy
              apus explain pingsource
              apus explain replay
              apus explain limits
              apus explain trigger orders --effective
              apus explain trigger orders --effective -f manifests/
            """)

    @Argument(help: ArgumentHelp("A kind, a field of it, or limits.", valueName: "KIND[.FIELD]"))
    var subject: String

    @OptionGroup var effective: EffectiveOptions
    @OptionGroup var server: ServerOptions

    func validate() throws { try effective.validate(subject: subject) }

    func run() async throws {
        if let name = effective.name { return try await effective.explain(name, server) }
        guard subject != "limits" else {
            let rows = Limits.table.map { row in
                [row.name, row.value, row.unit, LimitSettings.names.contains(row.name) ? "--limit \(row.name)=…" : ""]
            }
            Console.print(Console.table(["LIMIT", "VALUE", "UNIT", "SET BY"], rows + Self.filterLimits))
            return
        }
        let parts = subject.split(separator: ".", maxSplits: 1).map(String.init)
        let path = parts.count == 2 ? parts[1] : ""
        let docs = FieldDocs.explain(kind: parts.first ?? "", path: path, catalog: Registry.catalog)
        guard !docs.isEmpty else { throw CommandFailure(Self.unknown(parts.first ?? "", path)) }
        Console.print(docs.flatMap(Self.lines))
    }

    /// Those of the room EventFilters, which knows no other.
    private static let filterLimits = [
        ["filterNestingMax", "\(CompiledFilter.nestingMax)", "levels", ""],
        ["filterPredicatesMax", "\(CompiledFilter.predicatesMax)", "predicates", ""],
        ["cesqlBytesMax", "\(CESQLExpression.bytesMax)", "bytes", ""],
        ["cesqlNestingMax", "\(CESQLExpression.nestingMax)", "levels", ""],
        ["cesqlWorkMax", "\(CESQLExpression.workMax)", "steps", ""],
    ]

    private static func lines(of doc: FieldDoc) -> [String] {
        var head = "\(doc.path)  <\(doc.type)>"
        if doc.isRequired { head += "  required" }
        if let value = doc.defaultValue { head += "  default: \(value)" }
        return [head, "    \(doc.text)  [\(doc.origin)]"]
    }

    private static func unknown(_ kind: String, _ path: String) -> String {
        guard Registry.catalog.kinds.contains(where: { kind.lowercased().hasPrefix($0.lowercased()) }) else {
            return "\(kind) is no kind that this build knows: \(Registry.catalog.kinds.joined(separator: ", ")), or limits"
        }
        return "\(kind) has no field \(path); see apus explain \(kind)"
    }
}
