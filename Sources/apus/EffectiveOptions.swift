import ApusClient
import ApusResources
import ArgumentParser

/// `apus explain trigger NAME --effective`: of a node, or of files without one.
struct EffectiveOptions: ParsableArguments {
    @Argument(help: "With --effective: the trigger's name.")
    var name: String?

    @Flag(
        help:
            "What is in force for one trigger after defaults and precedence: the timetable of its attempts, its filter, its sink."
    )
    var effective = false

    @Option(name: [.customShort("n"), .long], help: "With --effective: the trigger's namespace.")
    var namespace = "default"

    @Option(
        name: .customShort("f"),
        help: ArgumentHelp(
            "With --effective, in the place of a node: a manifest file, a folder, or - for standard input; may be repeated.",
            valueName: "FILE|DIR"))
    var files: [String] = []

    func validate(subject: String) throws {
        let isTrigger = ["trigger", "triggers"].contains(subject.lowercased())
        if effective, !isTrigger {
            throw ValidationError("--effective is about a trigger: apus explain trigger NAME --effective")
        }
        if effective, name == nil { throw ValidationError("which trigger: apus explain trigger NAME --effective") }
        if !effective, let name {
            throw ValidationError("what of \(name): apus explain \(subject) \(name) --effective, or without a name")
        }
        if !effective, !files.isEmpty { throw ValidationError("-f goes with --effective") }
    }

    /// Prints what is in force for the trigger `name`.
    func explain(_ name: String, _ server: ServerOptions) async throws {
        guard files.isEmpty else { return Console.print(try ofFiles(name).lines) }
        let namespace = namespace
        try await server.withClient { client in
            Console.print(try await Self.ofNode(name, namespace: namespace, client).lines)
        }
    }

    private static func ofNode(_ name: String, namespace: String, _ client: APIClient) async throws -> EffectiveTrigger {
        guard case .trigger(let trigger) = try await client.get(.trigger, namespace: namespace, name: name) else {
            throw CommandFailure("the node gave something that is no trigger")
        }
        let broker = try await broker(trigger.brokerName, namespace: namespace, client)
        let sink = effectiveDelivery(trigger: trigger, broker: broker).deadLetterSink
        return EffectiveTrigger(
            trigger: trigger, broker: broker, place: "the node", subscriber: resolution(trigger.status.subscriber?.url),
            deadLetterSink: sink == nil ? .notConfigured : resolution(trigger.status.deadLetterSink?.url))
    }

    /// nil where there is no such broker.
    private static func broker(_ name: String, namespace: String, _ client: APIClient) async throws -> Broker? {
        do throws(APIClient.Failure) {
            guard case .broker(let broker) = try await client.get(.broker, namespace: namespace, name: name) else { return nil }
            return broker
        } catch {
            guard error.status == 404 else { throw error }
            return nil
        }
    }

    private static func resolution(_ url: String?) -> Resolution {
        url.map { .resolved(ResolvedDestination(url: $0)) } ?? .failed("see apus describe trigger")
    }

    private func ofFiles(_ name: String) throws -> EffectiveTrigger {
        let resources = try ManifestInput.load(files).resources
        var names = NameTable()
        var brokers: [ResourceIdentity: Broker] = [:]
        var found: Trigger?
        for resource in resources {
            switch resource {
            case .broker(let broker): brokers[broker.identity] = broker
            case .trigger(let trigger):
                if trigger.metadata.name == name, trigger.metadata.namespace == namespace { found = trigger }
            case .configMap(let map): if map.holdsNames { names.add(map) }
            case .source, .replay: break
            }
        }
        guard let trigger = found else {
            let place = files.map(InputFile.name).joined(separator: ", ")
            throw CommandFailure("there is no trigger \(name) of the namespace \(namespace) in \(place)")
        }
        let known = Set(brokers.keys)
        let resolver = DestinationResolver(names: names) { namespace, name in
            let identity = ResourceIdentity(kind: Broker.kind, namespace: namespace, name: name)
            return known.contains(identity) ? "\(Self.defaultDoor)/\(namespace)/\(name)" : nil
        }
        let broker = brokers[ResourceIdentity(kind: Broker.kind, namespace: namespace, name: trigger.brokerName)]
        let sink = effectiveDelivery(trigger: trigger, broker: broker).deadLetterSink
        return EffectiveTrigger(
            trigger: trigger, broker: broker, place: "these files",
            subscriber: resolver.resolve(trigger.spec.subscriber, namespace: namespace),
            deadLetterSink: resolver.resolve(sink, namespace: namespace))
    }

    /// Where a node has its data plane unless it is told otherwise: what a reference to a broker of the files resolves to.
    private static let defaultDoor = "http://127.0.0.1:8080"
}
