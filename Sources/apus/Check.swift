import ApusControl
import ApusRegistry
import ApusResources
import ArgumentParser

struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Validate manifests without running anything.",
        discussion: """
            Exit code 0 where every document is right, 1 where one is not; every error is printed with its file, line and field.

            EXAMPLES
              apus check -f manifests/
              apus check -f broker.yaml -f triggers.yaml
            """)

    @Option(
        name: .customShort("f"),
        help: ArgumentHelp("A manifest file, or a folder of them; may be repeated.", valueName: "FILE|DIR"))
    var files: [String]

    func run() throws {
        do {
            let sources = try ManifestFiles(files).read().map { Manifests.Source(file: $0.path, text: $0.text) }
            let manifests = try Manifests.load(sources, catalog: Registry.catalog)
            for entry in manifests.entries { Console.print(["\(entry.resource.identity) is valid"]) }
            Console.print(Self.warnings(of: manifests.resources))
            if manifests.entries.isEmpty { Console.print(["no resources in \(files.joined(separator: ", "))"]) }
        } catch let errors as FieldErrors {
            Console.printError(errors.errors.map(\.description))
            throw ExitCode(1)
        } catch let unreadable as ManifestFiles.Unreadable {
            Console.printError([unreadable.description])
            throw ExitCode(1)
        }
    }

    /// What is valid and still looks like a mistake.
    private static func warnings(of resources: [Resource]) -> [String] {
        let brokers = Set(resources.compactMap { if case .broker(let broker) = $0 { broker.identity } else { nil } })
        return resources.compactMap { resource in
            guard let broker = broker(of: resource), !brokers.contains(broker) else { return nil }
            return "note: \(resource.identity) names the \(broker), which is not in these files"
        }
    }

    /// The Broker that a resource cannot do without.
    private static func broker(of resource: Resource) -> ResourceIdentity? {
        switch resource {
        case .trigger(let trigger):
            ResourceIdentity(kind: Broker.kind, namespace: trigger.metadata.namespace, name: trigger.brokerName)
        case .source(let source):
            source.sink.ref.flatMap { reference in
                reference.kind != Broker.kind
                    ? nil
                    : ResourceIdentity(
                        kind: Broker.kind, namespace: reference.namespace ?? source.metadata.namespace, name: reference.name)
            }
        case .broker, .configMap: nil
        }
    }
}
