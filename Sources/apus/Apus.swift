import ArgumentParser

/// The `apus` command: one file a subcommand.
@main
struct Apus: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apus",
        abstract: "Knative-style eventing in one binary: a CloudEvents broker with triggers, retries and dead letters.",
        discussion: """
            EXAMPLES
              apus serve -f manifests/                run the node with the Brokers and Triggers of a folder
              apus listen 9090                        a subscriber that prints what arrives
              apus send --type com.example.hello --source /me --data '{"hello":"world"}'
              apus get triggers
            """,
        version: Version.text,
        subcommands: [
            Serve.self,
            Send.self,
            Listen.self,
            Get.self,
            Describe.self,
            Check.self,
            Explain.self,
            Events.self,
            Why.self,
            DeadLetters.self,
            ReplayCommand.self,
            Try.self,
            Match.self,
            CESQL.self,
            CronCommand.self,
            BackupCommand.self,
            RestoreCommand.self,
            VersionCommand.self,
        ])

    static func main() async { await main(CESQL.withOptionsFirst(Array(CommandLine.arguments.dropFirst()))) }
}
