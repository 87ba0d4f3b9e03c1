import ApusClient
import ApusHTTP
import ApusResources
import ArgumentParser

struct EventsTail: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tail",
        abstract: "Follow a broker's log: events as they come, from now on or from any point.",
        discussion: """
            Each event comes once and in the order of the log, also where the connection
            is cut and made again. Ctrl-C ends it.

            EXAMPLES
              apus events tail
              apus events tail --from -15m --filter type=com.example.order
              apus events tail --from earliest -o jsonl | jq .event.data
            """)

    @OptionGroup var broker: BrokerOptions

    @Option(
        name: [.customLong("from"), .customLong("since")], parsing: .unconditional,
        help: ArgumentHelp("Where to begin, which is now: \(LogPoint.expectation).", valueName: "POINT"))
    var from: PointArgument?

    @OptionGroup var filters: FilterOptions

    @Option(help: ArgumentHelp("End after so many events.", valueName: "N"))
    var limit: Int?

    @Option(name: [.customShort("o"), .long], help: "table, json, jsonl (an event a line) or yaml.")
    var output = EventOutput.table

    @OptionGroup var server: ServerOptions

    /// Three of the node's keep-alives may be late.
    private static let silenceMax = Duration.seconds(50)
    private static let pauseMax = Duration.seconds(10)

    func validate() throws {
        _ = try from?.point("--from")
        if let limit, limit < 1 { throw ValidationError("--limit must be at least 1, was \(limit)") }
    }

    func run() async throws {
        let selection = EventSelection(from: try from?.point("--from"), filters: try filters.checked())
        try await server.withClient { client in
            let name = try await broker.name(client)
            // Until the first event comes nothing else would say that it is followed.
            if Terminal.hasReader { Console.printError(["# events of the broker \(name) as they come; Ctrl-C ends it"]) }
            var printer = TailPrinter(output: output, left: limit)
            var lastID: String?
            var pause = Duration.seconds(1), told: String?
            while true {
                let cut: String
                do {
                    let before = lastID
                    try await client.followEvents(
                        namespace: broker.namespace, broker: name, selection, lastID: &lastID, idleTimeout: Self.silenceMax
                    ) { news in
                        (pause, told) = (.seconds(1), nil)
                        return try printer.take(news)
                    }
                    guard !printer.isDone else { return }
                    if lastID != before { (pause, told) = (.seconds(1), nil) }
                    cut = "the node ended the stream"
                } catch let failure as HTTPFailure {
                    guard lastID != nil else { throw client.noAnswer(failure) }
                    cut = failure.message
                } catch let failure as APIClient.Failure where lastID != nil && Self.mayPass(failure) {
                    cut = failure.message
                }
                if told != cut { Console.printError(["# \(cut); connecting again, after \(lastID ?? "the begin")"]) }
                told = cut
                try await Task.sleep(for: pause)
                pause = min(pause * 2, Self.pauseMax)
            }
        }
    }

    /// Whether a refusal may be over soon: a node that starts, a log that is not open yet, too many tails.
    private static func mayPass(_ failure: APIClient.Failure) -> Bool { [404, 429, 500, 502, 503, 504].contains(failure.status) }
}

/// Prints what a tail tells.
private struct TailPrinter {
    let output: EventOutput
    /// How many events are still to be printed; nil for no end.
    private(set) var left: Int?
    private var table = EventTable()
    private var hasHead = false

    init(output: EventOutput, left: Int?) {
        self.output = output
        self.left = left
    }

    var isDone: Bool { left == 0 }

    /// False once enough is printed.
    mutating func take(_ news: TailNews) throws -> Bool {
        guard case .event(let event) = news else {
            if case .note(let text) = news { Console.printError(["# \(Printable.line(text))"]) }
            return true
        }
        switch output {
        case .table:
            let line = table.line(of: event)
            Console.print(hasHead ? [line] : [table.head, line])
            hasHead = true
        case .json: Console.print([event.document.json(pretty: true)])
        case .jsonl: Console.print([event.document.json()])
        case .yaml: Console.print([(hasHead ? "---\n" : "") + DocumentLines.yaml(event.document)])
        }
        if output == .yaml { hasHead = true }
        left = left.map { $0 - 1 }
        return !isDone
    }
}
