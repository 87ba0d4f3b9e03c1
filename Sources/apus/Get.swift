import ApusClient
import ApusResources
import ArgumentParser
import CloudEvents
import Foundation

struct Get: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List brokers, triggers, sources or replays, with their state.",
        discussion: """
            EXAMPLES
              apus get brokers
              apus get triggers -A
              apus get pingsources
              apus get replays -o wide
              apus get trigger orders -o yaml
              APUS_SERVER=http://10.0.0.5:8081 apus get brokers
            """)

    enum Output: String, ExpressibleByArgument, CaseIterable { case wide, json, yaml, name }

    @Argument(help: "brokers, triggers, replays, or a kind of source such as pingsources.")
    var kind: KindArgument

    @Argument(help: "One by name.")
    var name: String?

    @Option(name: [.customShort("n"), .long], help: "The namespace.")
    var namespace = "default"

    @Flag(name: [.customShort("A"), .long], help: "All namespaces.")
    var allNamespaces = false

    @Option(name: [.customShort("o"), .long], help: "wide, json, yaml or name.")
    var output: Output?

    @OptionGroup var server: ServerOptions

    func run() async throws {
        try await server.withClient { client in
            let kind = kind.kind
            let resources: [Resource]
            if let name {
                resources = [try await client.get(kind, namespace: namespace, name: name)]
            } else {
                resources = try await client.list(kind, namespace: allNamespaces ? nil : namespace)
            }
            Console.print(lines(of: resources, kind: kind))
        }
    }

    private func lines(of resources: [Resource], kind: ResourceKind) -> [String] {
        switch output {
        case .json:
            let items = resources.map { $0.document() }
            let list = DocumentNode.mapping([
                ("apiVersion", .string("v1")), ("kind", .string("List")), ("items", .sequence(items)),
            ])
            return [(name == nil ? list : items[0]).json(pretty: true)]
        case .yaml: return [resources.map { $0.document().yaml() }.joined(separator: "---\n")]
        case .name: return resources.map { "\(kind.singular).\(kind.group)/\($0.metadata.name)" }
        case .wide, nil: return table(of: resources, kind: kind)
        }
    }

    private func table(of resources: [Resource], kind: ResourceKind) -> [String] {
        guard let first = resources.first else {
            return ["No \(kind.plural) found\(allNamespaces ? "" : " in namespace \(namespace)")."]
        }
        let columns = ResourceColumns.of(first).columns
        let shown = columns.indices.filter { output == .wide || !columns[$0].isWide }
        let prefix = allNamespaces ? ["NAMESPACE"] : []
        let rows = resources.map { resource -> [String] in
            let cells = ResourceColumns.cells(of: resource, now: .now)
            return (allNamespaces ? [resource.metadata.namespace] : []) + shown.map { cells[$0] }
        }
        return Console.table(prefix + shown.map { columns[$0].name }, rows)
    }
}

extension Timestamp {
    static var now: Timestamp { WallClock.now() }
}
