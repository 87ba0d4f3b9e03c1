import ApusClient
import ApusResources
import ArgumentParser

struct DeadLetters: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deadletters",
        abstract: "Work the events that triggers gave up on: list, show, redrive, edit, purge.",
        discussion: """
            A dead letter stands in the dead stream of its broker, with positions of its
            own, until retention takes it. What comes of it is marked beside it; the
            record itself never changes.

            EXAMPLES
              apus deadletters list
              apus deadletters show 0:12
              apus deadletters redrive --trigger orders
              apus deadletters edit 0:12 --data @order.json --redrive
              apus deadletters purge --trigger orders --until -7d
            """,
        subcommands: [
            DeadLettersList.self, DeadLettersShow.self, DeadLettersRedrive.self, DeadLettersEdit.self, DeadLettersPurge.self,
        ],
        aliases: ["dl", "dead-letters"])
}

struct DeadLettersList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List dead letters by trigger, reason and kind of error, or one by one.",
        discussion: """
            Listed is what still wants attention: neither redriven, edited nor purged.
            ERROR is the answer's first line with numbers, ids and times put aside, so
            that errors of one kind are one line.

            EXAMPLES
              apus deadletters list
              apus deadletters list --each --trigger orders --since 1h
              apus deadletters list --each --state redriven
              apus deadletters list --each --all -o jsonl
            """,
        aliases: ["ls"])

    @OptionGroup var broker: BrokerOptions
    @OptionGroup var letters: LetterOptions

    @Flag(help: "One by one, the newest first.")
    var each = false

    @Option(
        help: ArgumentHelp(
            "open (what wants attention), failed, sink-failed, copied, redriven, edited, purged, or all.", valueName: "STATE"))
    var state: String?

    @Option(help: ArgumentHelp("With --each: how many at most, which is 20.", valueName: "N"))
    var limit: Int?

    @Flag(help: "With --each: however many there are.")
    var all = false

    @Option(name: [.customShort("o"), .long], help: "table, json, jsonl (one a line) or yaml.")
    var output = EventOutput.table

    @OptionGroup var server: ServerOptions

    private static let pageLetters = 500

    func validate() throws {
        try letters.check()
        if let limit, limit < 1 { throw ValidationError("--limit must be at least 1, was \(limit)") }
        guard each || limit == nil && !all else { throw ValidationError("--limit and --all go with --each") }
    }

    func run() async throws {
        let selection = try letters.selection(state: state)
        try await server.withClient { client in
            let desk = LetterDesk(client: client, namespace: broker.namespace, broker: try await broker.name(client))
            let isEmpty = each ? try await list(desk, selection) : try await group(desk, selection)
            if isEmpty { try await desk.tellUnknown(trigger: letters.trigger) }
        }
    }

    /// Whether there are none.
    private func group(_ desk: LetterDesk, _ selection: LetterSelection) async throws -> Bool {
        let tally = try await desk.client.deadLetterTally(namespace: desk.namespace, broker: desk.broker, selection)
        let documents = tally.groups.map(\.document)
        switch output {
        case .json: Console.print([documents.isEmpty ? "[]" : DocumentLines.json(documents)])
        case .jsonl: Console.print(documents.map { $0.json() })
        case .yaml: Console.print([documents.isEmpty ? "[]" : DocumentLines.yaml(documents)])
        case .table:
            guard let first = tally.groups.first else {
                Console.printError([nothing])
                break
            }
            Console.print(LetterTable.lines(of: tally))
            Console.printError([
                "\(LetterTable.count(tally)). `apus deadletters list --each` shows them one by one, "
                    + "`apus deadletters show \(first.sample)` one of them."
            ])
        }
        return tally.groups.isEmpty
    }

    private var nothing: String {
        state == nil ? "No dead letters that want attention; --state all lists the others." : "No dead letters found."
    }

    /// Whether there are none.
    private func list(_ desk: LetterDesk, _ selection: LetterSelection) async throws -> Bool {
        let most = all ? Int.max : limit ?? 20
        var found: [LetterView] = [], cursor: String?, shown = 0
        repeat {
            let page = try await desk.client.deadLetters(
                namespace: desk.namespace, broker: desk.broker, selection, limit: min(most - shown, Self.pageLetters),
                cursor: cursor)
            shown += page.letters.count
            cursor = page.cursor
            // Lines need not wait for those after them.
            if output == .jsonl { Console.print(page.letters.map { $0.document.json() }) } else { found += page.letters }
        } while cursor != nil && shown < most
        let documents = found.map(\.document)
        switch output {
        case .jsonl: break
        case .json: Console.print([documents.isEmpty ? "[]" : DocumentLines.json(documents)])
        case .yaml: Console.print([documents.isEmpty ? "[]" : DocumentLines.yaml(documents)])
        case .table:
            guard !found.isEmpty else {
                Console.printError([nothing])
                break
            }
            Console.print(LetterTable.lines(of: found))
            if cursor != nil { Console.printError(["There may be more: --limit N, or --all."]) }
        }
        return shown == 0
    }
}

struct DeadLettersShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show one dead letter: who gave up, what came back, every attempt, the event.",
        discussion: """
            EXAMPLES
              apus deadletters show 0:12
              apus deadletters show 0:12 -o json
              apus deadletters show 0:12 -o json | jq .event > event.json
            """,
        aliases: ["get"])

    enum Output: String, ExpressibleByArgument, CaseIterable { case text, json, jsonl, yaml }

    @Argument(help: ArgumentHelp("Where it stands in the dead stream.", valueName: "POSITION"))
    var position: String

    @OptionGroup var broker: BrokerOptions

    @Option(name: [.customShort("o"), .long], help: "text, json, jsonl (one line) or yaml.")
    var output = Output.text

    @OptionGroup var server: ServerOptions

    func validate() throws {
        guard case .position? = LogPoint(position: position) else {
            throw ValidationError("\"\(position)\" is no position of a dead letter: one such as 0:12 is needed")
        }
    }

    func run() async throws {
        try await server.withClient { client in
            let name = try await broker.name(client)
            let letter = try await client.deadLetter(namespace: broker.namespace, broker: name, position: position)
            switch output {
            case .text: Console.print(LetterText(document: letter).lines())
            case .json: Console.print([letter.json(pretty: true)])
            case .jsonl: Console.print([letter.json()])
            case .yaml: Console.print([DocumentLines.yaml(letter)])
            }
        }
    }
}
