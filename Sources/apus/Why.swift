import ApusClient
import ApusResources
import ArgumentParser
import CloudEvents

struct Why: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Tell what became of an event: every trigger's yes or no, every attempt, and what is next.",
        discussion: """
            An event is named by its id, which is looked for in the logs of all brokers
            of the node and among what was refused at the door in the last hours, or by
            its position in a broker's log.

            Exit code 0 where something is known of it, 1 where nothing is.

            EXAMPLES
              apus why 7f3c2a10
              apus why 0:1234
              apus why 0:1234 -b orders -n shop
              apus why 1234 --id
              apus why 7f3c2a10 -o json
            """)

    enum Output: String, ExpressibleByArgument, CaseIterable { case text, json }

    @Argument(
        help: ArgumentHelp(
            "The event's id, or its position such as 0:1234; digits alone are an id where one is that.", valueName: "ID|POSITION")
    )
    var event: String

    @Option(
        name: [.customShort("b"), .long],
        help: "The broker; where it is not given, all of them for an id, and the only one of the namespace for a position.")
    var broker: String?

    @Option(
        name: [.customShort("n"), .long],
        help: "The namespace; where it is not given, all of them for an id, and default for a position.")
    var namespace: String?

    @Flag(name: .customLong("id"), help: "It is an id, although it reads as a position.")
    var isID = false

    @Option(name: [.customShort("o"), .long], help: "text or json.")
    var output: Output = .text

    @OptionGroup var server: ServerOptions

    func run() async throws {
        try await server.withClient { client in
            let position = isID ? nil : LogPoint(position: event)
            // Digits alone may be either, and an id is what people have.
            let isPlain = !event.utf8.contains(UInt8(ascii: ":"))
            var refusal: String?
            if !isPlain, try await showPassport(at: position, client, &refusal) { return }
            let path = APIPath(["v1", "why"]).with("id", event).with("namespace", namespace).with("broker", broker)
            let found = try await client.call("GET", path.text)
            guard !PassportText.isKnown(found) else { return show(found) }
            if isPlain, try await showPassport(at: position, client, &refusal) { return }
            if output == .json { show(found) }
            if output == .text { Console.printError(PassportText.unknown(event, found, position: refusal)) }
            throw ExitCode(1)
        }
    }

    /// Whether an event stands there, and is shown; where none does, `refusal` says why.
    private func showPassport(
        at position: LogPoint?, _ client: APIClient, _ refusal: inout String?
    ) async throws -> Bool {
        guard let position else { return false }
        do {
            show(.mapping([("passports", .sequence([try await passport(at: position, client)]))]))
            return true
        } catch let failure as APIClient.Failure where [400, 404, 410].contains(failure.status) {
            refusal = failure.message
        } catch let failure as CommandFailure {
            refusal = failure.description
        }
        return false
    }

    private func passport(at position: LogPoint, _ client: APIClient) async throws -> DocumentNode {
        let place = namespace ?? "default"
        let broker = if let broker { broker } else { try await BrokerOptions.onlyName(in: place, client) }
        let path = APIPath.broker(place, broker, "events", position.text, "passport")
        return try await client.call("GET", path.text)
    }

    private func show(_ found: DocumentNode) {
        switch output {
        case .json: Console.print([found.json(pretty: true)])
        case .text: Console.print(PassportText.lines(found, now: .now))
        }
    }
}
