import ApusClient
import ApusResources
import ArgumentParser

struct DeadLettersPurge: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "purge",
        abstract: "Put dead letters aside for good: they are neither listed nor redriven any more.",
        discussion: """
            The plan comes first, with how many are meant; then it is asked. What is
            purged leaves the disk with the retention of the dead stream. Without
            --state, what still wants attention is meant.

            EXAMPLES
              apus deadletters purge 0:12 0:15
              apus deadletters purge --trigger orders --reason rejected --dry-run
              apus deadletters purge --until -7d --state redriven --yes
            """)

    @OptionGroup var targets: LetterTargets

    @Option(
        help: ArgumentHelp(
            "open (what wants attention), failed, sink-failed, copied, redriven, edited, or all.", valueName: "STATE"))
    var state: String?

    @OptionGroup var broker: BrokerOptions

    @Flag(help: "Show the plan; nothing is purged.")
    var dryRun = false

    @Flag(name: [.customShort("y"), .long], help: "Do not ask.")
    var yes = false

    @Option(name: [.customShort("o"), .long], help: "text or json.")
    var output: ReplayStart.Output = .text

    @OptionGroup var server: ServerOptions

    func validate() throws {
        try targets.check()
        guard state != "purged" else { throw ValidationError("--state purged: these are purged") }
        guard state == nil || targets.positions.isEmpty else {
            throw ValidationError("positions name the dead letters that are meant: leave out --state")
        }
    }

    func run() async throws {
        var selection = try targets.letters.selection(positions: targets.positions, state: state)
        try await server.withClient { client in
            let desk = LetterDesk(client: client, namespace: broker.namespace, broker: try await broker.name(client))
            let tally: LetterTally
            if targets.positions.isEmpty {
                tally = try await client.deadLetterTally(namespace: desk.namespace, broker: desk.broker, selection)
            } else {
                tally = LetterTally(of: try await desk.named(targets.positions).filter { $0.text("state") != "purged" })
            }
            if output == .text { Console.print(lines(of: tally)) }
            guard tally.count > 0, !dryRun else {
                let plan = DocumentNode.mapping([
                    ("count", .integer(tally.count)), ("groups", .sequence(tally.groups.map(\.document))),
                ])
                let note = dryRun && tally.count > 0 ? ["Nothing was purged: leave out --dry-run to purge."] : []
                Console.print(output == .json ? [plan.json(pretty: true)] : note)
                if tally.count == 0 { try await desk.tellUnknown(trigger: targets.letters.trigger) }
                return
            }
            let question = "Purge \(tally.count == 1 ? "1 dead letter" : "\(tally.count) dead letters") for good?"
            guard try Confirmation.ask(question, isGiven: yes) else { return Console.printError(["Nothing was purged."]) }
            // What came since was not counted.
            if let until = LogPoint(position: tally.until) { selection.until = until }
            let purged = try await client.purgeDeadLetters(namespace: desk.namespace, broker: desk.broker, selection)
            let answer = DocumentNode.mapping([("purged", .integer(purged))])
            Console.print(output == .json ? [answer.json(pretty: true)] : ["\(purged) purged."])
        }
    }

    private func lines(of tally: LetterTally) -> [String] {
        guard tally.count > 0 else { return ["No dead letters to purge."] }
        let head = LetterTable.count(
            tally.count, words: targets.letters.words, kinds: tally.groups.count, more: tally.others)
        return [head + ":"] + LetterTable.lines(of: tally).map { "  " + $0 }
    }
}
