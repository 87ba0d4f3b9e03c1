import ApusClient
import ApusResources
import ArgumentParser
import Foundation

struct Events: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Read a broker's log: list events, show one, follow.",
        subcommands: [EventsList.self, EventsGet.self, EventsTail.self])
}

extension EventOutput: ExpressibleByArgument {}

struct EventsList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List events of a broker's log, the newest first.",
        discussion: """
            Times are those at which the log took the events, in UTC. A point is a
            position, or a time; days begin at midnight where you are.

            EXAMPLES
              apus events list
              apus events list --since 1h --filter type=com.example.order
              apus events list --from 0:1200 --until 0:1300 --oldest --all
              apus events list --since today --filter "source LIKE '/shop%' AND EXISTS region" -o jsonl
            """,
        aliases: ["ls"])

    enum Order: String, EnumerableFlag { case newest, oldest }

    @OptionGroup var broker: BrokerOptions
    @OptionGroup var stretch: StretchOptions

    @Flag(help: "Which events come first.")
    var order = Order.newest

    @Option(help: ArgumentHelp("How many events at most.", valueName: "N"))
    var limit = 20

    @Flag(help: "All events of the stretch, however many.")
    var all = false

    @Option(name: [.customShort("o"), .long], help: "table, json, jsonl (an event a line) or yaml.")
    var output = EventOutput.table

    @OptionGroup var server: ServerOptions

    private static let pageEvents = 500

    func validate() throws {
        try stretch.check()
        guard limit >= 1 else { throw ValidationError("--limit must be at least 1, was \(limit)") }
    }

    func run() async throws {
        let selection = try stretch.selection()
        try await server.withClient { client in
            let name = try await broker.name(client)
            var events: [EventView] = [], cursor: String?, shown = 0
            repeat {
                let page = try await client.events(
                    namespace: broker.namespace, broker: name, selection, newest: order == .newest,
                    limit: all ? Self.pageEvents : min(limit - shown, Self.pageEvents), cursor: cursor,
                    withData: output != .table)
                shown += page.events.count
                cursor = page.cursor
                // Lines need not wait for those after them.
                if output == .jsonl { Console.print(output.lines(of: page.events)) } else { events += page.events }
            } while cursor != nil && (all || shown < limit)
            guard output != .jsonl else { return }
            guard output != .table || !events.isEmpty else { return Console.printError(["No events found."]) }
            Console.print(output.lines(of: events))
            if output == .table, cursor != nil { Console.printError(["There may be more: --limit N, or --all."]) }
        }
    }
}

struct EventsGet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Show one event of a broker's log with its data.",
        discussion: """
            EXAMPLES
              apus events get 0:1234
              apus events get 7f2c1e9a-order-created
              apus events get 0:1234 -o json
              apus events get 0:1234 --data > picture.png
            """)

    enum Output: String, ExpressibleByArgument, CaseIterable { case text, json, jsonl, yaml }

    @Argument(help: ArgumentHelp("Where it stands, or its id.", valueName: "POSITION|ID"))
    var event: String

    @Flag(name: .customLong("id"), help: "It is an id, although it reads as a position.")
    var isID = false

    @Flag(name: .customLong("data"), help: "The event's data alone, byte for byte.")
    var onlyData = false

    @Option(name: [.customShort("o"), .long], help: "text, json, jsonl (one line) or yaml.")
    var output = Output.text

    @OptionGroup var broker: BrokerOptions
    @OptionGroup var server: ServerOptions

    func run() async throws {
        try await server.withClient { client in
            let name = try await broker.name(client)
            let position = try await position(client, name)
            guard !onlyData else {
                let data = try await client.eventData(namespace: broker.namespace, broker: name, position: position)
                return Console.write(data ?? [])
            }
            let event = try await client.event(namespace: broker.namespace, broker: name, position: position)
            switch output {
            case .text: Console.print(EventText.lines(of: event))
            case .json: Console.print([event.document.json(pretty: true)])
            case .jsonl: Console.print([event.document.json()])
            case .yaml: Console.print([DocumentLines.yaml(event.document)])
            }
        }
    }

    /// Where the event stands. Of several with an id it is the newest, and the others are told.
    private func position(_ client: APIClient, _ name: String) async throws -> String {
        let isPosition = !isID && LogPoint(position: event) != nil
        // Digits alone may be either, and an id is what people have.
        if isPosition, event.utf8.contains(UInt8(ascii: ":")) { return event }
        let found = try await client.events(namespace: broker.namespace, broker: name, id: event, limit: 20).events
        guard let newest = found.first else {
            if isPosition { return event }
            throw CommandFailure("no event of broker \(name) has the id \(Printable.line(event))")
        }
        if found.count > 1 {
            let others = found.dropFirst().map(\.position).joined(separator: ", ")
            Console.printError(["\(found.count) events have this id: this is \(newest.position), the newest; also \(others)"])
        }
        return newest.position
    }
}

/// Documents as lines that can be printed.
enum DocumentLines {
    static func json(_ documents: [DocumentNode]) -> String { DocumentNode.sequence(documents).json(pretty: true) }

    static func yaml(_ documents: [DocumentNode]) -> String { yaml(.sequence(documents)) }

    /// Without the line end at its end.
    static func yaml(_ document: DocumentNode) -> String {
        let text = document.yaml()
        return text.hasSuffix("\n") ? String(text.dropLast()) : text
    }
}
