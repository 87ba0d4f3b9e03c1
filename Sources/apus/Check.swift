import ApusResources
import ArgumentParser

struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Validate manifests without running anything.",
        discussion: """
            Exit code 0 where every document is right, 1 where one is not; every error is printed with its file, line and field.
            What is valid and looks like a mistake is told as a warning, such as AND and OR mixed without parentheses in CESQL.

            EXAMPLES
              apus check -f manifests/
              apus check -f broker.yaml -f triggers.yaml
            """)

    @Option(
        name: .customShort("f"),
        help: ArgumentHelp(
            "A manifest file, a folder of them, or - for standard input; may be repeated.", valueName: "FILE|DIR"))
    var files: [String]

    func run() throws {
        let manifests = try ManifestInput.load(files)
        for entry in manifests.entries { Console.print(["\(entry.resource.identity) is valid"]) }
        Console.print(Self.notes(on: manifests.resources))
        Console.printError(manifests.warnings.flatMap { ["warning: \($0)"] + $0.excerptLines })
        if manifests.entries.isEmpty { Console.print(["no resources in \(files.map(InputFile.name).joined(separator: ", "))"]) }
    }

    /// What is valid and still looks as if something was left out.
    private static func notes(on resources: [Resource]) -> [String] {
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
        case .replay(let replay): replay.broker
        case .broker, .configMap: nil
        }
    }
}
