import ApusClient
import ApusResources
import ArgumentParser

struct ReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "Send a stretch of a broker's log again, and look after replays.",
        discussion: """
            A replayed event is the event that was, with the extension apusreplay;
            live traffic goes on beside it. Without a subcommand a replay begins:
            apus replay start --help tells of its flags.

            EXAMPLES
              apus replay --trigger orders --from -1h --dry-run
              apus replay --trigger orders --from -1h
              apus replay --broker default --from 0:120 --until 0:900 --rate 50
              apus replay --to http://127.0.0.1:9090/ --filter type=com.example.order
              apus replay list
              apus replay pause again
            """,
        subcommands: [
            ReplayStart.self, ReplayList.self, ReplayWatch.self, ReplayPause.self, ReplayResume.self, ReplayCancel.self,
            ReplayDelete.self,
        ], defaultSubcommand: ReplayStart.self)
}

struct ReplayList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List replays, with their state and how far they are.",
        discussion: """
            EXAMPLES
              apus replay list
              apus replay list -A -o wide
            """)

    @Option(name: [.customShort("n"), .long], help: "The namespace.")
    var namespace = "default"

    @Flag(name: [.customShort("A"), .long], help: "All namespaces.")
    var allNamespaces = false

    @Option(name: [.customShort("o"), .long], help: "wide, json, yaml or name.")
    var output: Get.Output?

    @OptionGroup var server: ServerOptions

    func run() async throws {
        var arguments = [ResourceKind.replay.plural, "--namespace", namespace] + (allNamespaces ? ["--all-namespaces"] : [])
        if let output { arguments += ["--output", output.rawValue] }
        if let url = server.server { arguments += ["--server", url] }
        try await Get.parse(arguments).run()
    }
}

/// One replay by its name.
struct ReplayOptions: ParsableArguments {
    @Argument(help: "The replay's name.")
    var name: String

    @Option(name: [.customShort("n"), .long], help: "The namespace.")
    var namespace = "default"

    @OptionGroup var server: ServerOptions

    /// Changes fields of the spec, and says how the replay is then.
    func change(_ members: [(String, DocumentNode?)], _ done: (ReplayStatus) throws -> String) async throws {
        try await server.withClient { client in
            let patch = DocumentNode.mapping([("spec", .mapping(members))])
            let document = try await client.patch(.replay, namespace: namespace, name: name, patch)
            guard case .replay(let replay)? = try? Resource(document) else {
                throw CommandFailure(
                    "the node answered with a replay that cannot be read; apus get replay \(name) -o yaml shows it")
            }
            Console.print(["replay \(name) \(try done(replay.status))"])
        }
    }
}

struct ReplayWatch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch", abstract: "Show how far a replay is until it is over.",
        discussion: """
            Exit code 0 where it completed, 1 where it failed or was cancelled, 130 after Ctrl-C, which ends the watching alone.

            EXAMPLES
              apus replay watch again
            """)

    @OptionGroup var replay: ReplayOptions

    @Option(name: [.customShort("o"), .long], help: "text, or json: the replay as it is at last.")
    var output: ReplayStart.Output = .text

    func run() async throws {
        try await replay.server.withClient { client in
            try await ReplayWatching(
                client: client, namespace: replay.namespace, name: replay.name, isJSON: output == .json
            ).run()
        }
    }
}

struct ReplayPause: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Stop a replay where it is; apus replay resume goes on there.",
        discussion: """
            EXAMPLES
              apus replay pause again
            """)

    @OptionGroup var replay: ReplayOptions

    func run() async throws {
        let place = ReplayWatching.place(replay.name, replay.namespace)
        try await replay.change([("paused", .boolean(true))]) { status in
            "is paused\(status.position.map { " at \($0)" } ?? ""); apus replay resume \(place) goes on there"
        }
    }
}

struct ReplayResume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Go on with a replay that is paused or failed, where it was.",
        discussion: """
            EXAMPLES
              apus replay resume again
              apus replay resume again --rate 10
            """)

    @OptionGroup var replay: ReplayOptions

    @Option(help: "Events a second at most, from now on.")
    var rate: Double?

    func run() async throws {
        let place = ReplayWatching.place(replay.name, replay.namespace)
        try await replay.change([("paused", .boolean(false)), ("rate", rate.map { .decimal($0) })]) { status in
            if let state = status.state, state == .completed || state == .cancelled {
                throw CommandFailure("replay \(replay.name) is \(state.rawValue), and does not go on: begin another")
            }
            return "goes on\(status.position.map { " at \($0)" } ?? ""); apus replay watch \(place) shows how far it is"
        }
    }
}

struct ReplayCancel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel", abstract: "End a replay for good; what it has sent stays sent.",
        discussion: """
            EXAMPLES
              apus replay cancel again
            """)

    @OptionGroup var replay: ReplayOptions

    func run() async throws {
        try await replay.change([("cancelled", .boolean(true))]) { status in
            "is cancelled\(status.position.map { " at \($0)" } ?? ""), \(status.delivered) delivered"
        }
    }
}

struct ReplayDelete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Remove a replay; one that runs is cancelled first.",
        discussion: """
            EXAMPLES
              apus replay delete again
            """)

    @OptionGroup var replay: ReplayOptions

    func run() async throws {
        try await replay.server.withClient { client in
            try await client.delete(.replay, namespace: replay.namespace, name: replay.name)
            Console.print(["replay \(replay.name) is deleted"])
        }
    }
}
