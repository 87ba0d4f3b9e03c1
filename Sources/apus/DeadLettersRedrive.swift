import ApusClient
import ApusResources
import ArgumentParser

struct DeadLettersRedrive: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "redrive",
        abstract: "Deliver dead letters again to the triggers that gave up on them.",
        discussion: """
            The plan comes first, with how many are meant; then it is asked. Each letter
            is delivered by its trigger's own policy, and marked with what came of it;
            those that fail again can be redriven again. A redrive is a Replay: apus
            replay list shows it, and it goes on where it was after a restart.

            Exit code 0 once all are delivered or tried, 1 where the redrive failed or
            was cancelled, 130 after Ctrl-C, which ends the watching alone.

            EXAMPLES
              apus deadletters redrive 0:12
              apus deadletters redrive --trigger orders --dry-run
              apus deadletters redrive --trigger orders --reason rejected --since today --rate 20
              apus deadletters redrive --all --yes --detach
            """)

    @OptionGroup var targets: LetterTargets
    @OptionGroup var broker: BrokerOptions
    @OptionGroup var redrive: RedriveOptions

    @Flag(help: "Show the plan; nothing is redriven.")
    var dryRun = false

    @Flag(name: [.customShort("y"), .long], help: "Do not ask.")
    var yes = false

    @Option(name: [.customShort("o"), .long], help: "text, or json: the plan of --dry-run, or the redrive as it is at last.")
    var output: ReplayStart.Output = .text

    @OptionGroup var server: ServerOptions

    func validate() throws { try targets.check() }

    func run() async throws {
        try await server.withClient { client in
            let desk = LetterDesk(client: client, namespace: broker.namespace, broker: try await broker.name(client))
            let plan = try await plan(desk)
            if output == .text { Console.print(plan.lines) }
            guard plan.count > 0 else {
                if output == .json { Console.print([plan.document.json(pretty: true)]) }
                return try await desk.tellUnknown(trigger: targets.letters.trigger)
            }
            let replay = try redrive.replay(plan, in: desk, targets.letters)
            if dryRun {
                // What the node would refuse, it says now.
                try await client.create(replay, dryRun: true)
                Console.print(
                    output == .json
                        ? [plan.document.json(pretty: true)] : ["Nothing was redriven: leave out --dry-run to redrive."])
                return
            }
            guard try Confirmation.ask(plan.question, isGiven: yes) else { return Console.printError(["Nothing was redriven."]) }
            try await redrive.run(replay, in: desk, isJSON: output == .json)
        }
    }

    private func plan(_ desk: LetterDesk) async throws -> RedrivePlan {
        guard targets.positions.isEmpty else { return try RedrivePlan(named: try await desk.named(targets.positions)) }
        let selection = try targets.letters.selection()
        let tally = try await desk.client.deadLetterTally(namespace: desk.namespace, broker: desk.broker, selection)
        return RedrivePlan(tally, words: targets.letters.words)
    }
}

/// How a redrive is run.
struct RedriveOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Letters a second at most.", valueName: "N"))
    var rate: Double?

    @Option(
        help: ArgumentHelp("Deliveries at once, 1 to 256; 1 keeps the order of the dead stream strictly.", valueName: "N"))
    var maxInFlight: Int?

    @Option(help: ArgumentHelp("The redrive's name; made by the node where it is not given.", valueName: "NAME"))
    var name: String?

    @Flag(help: "Begin, and do not wait for the end.")
    var detach = false

    /// The Replay that redrives what was planned, and nothing that came since.
    func replay(_ plan: RedrivePlan, in desk: LetterDesk, _ letters: LetterOptions?) throws -> Resource {
        var filters: [DocumentNode] = []
        if let letters {
            do throws(FieldError) {
                filters = try FilterText.filters(letters.filters.texts)
            } catch {
                throw ValidationError("--filter: \(error.message)")
            }
            if let type = letters.type { filters.append(.mapping([("exact", .mapping([("type", .string(type))]))])) }
        }
        let positions = plan.positions.isEmpty ? nil : DocumentNode.sequence(plan.positions.map { .string($0) })
        let spec = DocumentNode.mapping([
            ("broker", .string(desk.broker)),
            (
                "deadLetters",
                .mapping([
                    ("trigger", letters?.trigger.map { .string($0) }),
                    ("reason", letters?.reason.map { .string($0) }), ("positions", positions),
                ])
            ),
            ("from", plan.from.map { .string($0) }), ("until", plan.until.map { .string($0) }),
            ("filters", filters.isEmpty ? nil : .sequence(filters)), ("rate", rate.map { .decimal($0) }),
            ("maxInFlight", maxInFlight.map { .integer($0) }),
        ])
        do throws(FieldErrors) {
            return try Resource(replayNamed: name, else: "redrive", in: desk.namespace, spec)
        } catch {
            throw CommandFailure(error.errors.map { "\($0)" }.joined(separator: "\n"))
        }
    }

    /// Begins it, and shows how far it is until it is over.
    func run(_ replay: Resource, in desk: LetterDesk, isJSON: Bool) async throws {
        try await ReplayWatching.begin(
            replay, desk.client, namespace: desk.namespace, word: "redrive", detach: detach, isJSON: isJSON)
    }
}

/// What a redrive would do. Pure.
struct RedrivePlan {
    /// Without what cannot be redriven.
    private(set) var tally: LetterTally
    /// Records that never were events.
    private(set) var unreadable = 0
    /// Of those that are named: how many were redriven before.
    private(set) var again = 0
    private(set) var positions: [String] = []
    private let words: String

    /// Those of a selection.
    init(_ tally: LetterTally, words: String) {
        self.words = words
        self.tally = tally
        self.tally.groups = tally.groups.filter { $0.reason != "unreadable" }
        unreadable = tally.groups.filter { $0.reason == "unreadable" }.reduce(0) { $0 + $1.count }
        self.tally.count -= unreadable
    }

    /// Those that are named. Fails with the first that cannot be redriven.
    init(named letters: [LetterView]) throws {
        for letter in letters {
            let position = letter.text("position")
            if letter.text("reason") == "unreadable" {
                throw CommandFailure(
                    "\(position) is a record of \(letter.text("trigger")) that never became an event: it cannot be redriven")
            }
            switch letter.text("state") {
            case "purged": throw CommandFailure("\(position) was purged")
            case "edited":
                let copy = letter.document["mark"]?["copy"]?.plainText.map { "0:\($0)" }
                throw CommandFailure(
                    "\(position) was edited: redrive its changed copy"
                        + (copy.map { ", \($0)" } ?? "; apus deadletters show \(position) names it"))
            case "redriven": again += 1
            default: break
            }
            positions.append(position)
        }
        words = ""
        tally = LetterTally(of: letters)
    }

    var count: Int { tally.count }
    /// Bounds that keep to what was counted; none where the letters are named.
    var from: String? { positions.isEmpty && !tally.from.isEmpty ? tally.from : nil }
    var until: String? { positions.isEmpty && !tally.until.isEmpty ? tally.until : nil }

    var question: String { "Redrive \(count == 1 ? "1 dead letter" : "\(count) dead letters")?" }

    var lines: [String] {
        guard count > 0 else { return ["No dead letters to redrive."] + remarks }
        return [LetterTable.count(count, words: words, kinds: tally.groups.count, more: tally.others) + ":"]
            + LetterTable.lines(of: tally).map { "  " + $0 } + remarks
    }

    private var remarks: [String] {
        var remarks: [String] = []
        if unreadable > 0 {
            remarks.append("\(unreadable) more cannot be redriven: they are a source's records that never became events.")
        }
        let replies = tally.groups.filter { $0.reason == "hops-exhausted" }.reduce(0) { $0 + $1.count }
        if replies > 0 { remarks.append("\(replies) of them are replies, which are appended to the broker.") }
        if again > 0 { remarks.append("\(again) of them were redriven before, and are delivered once more.") }
        return remarks
    }

    var document: DocumentNode {
        .mapping([
            ("count", .integer(count)), ("groups", .sequence(tally.groups.map(\.document))),
            ("unreadable", unreadable == 0 ? nil : .integer(unreadable)), ("again", again == 0 ? nil : .integer(again)),
        ])
    }
}
