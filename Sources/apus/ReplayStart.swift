import ApusClient
import ApusRegistry
import ApusResources
import ArgumentParser

struct ReplayStart: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start", abstract: "Send a stretch of a broker's log again, and show how far it is.",
        discussion: """
            Without --trigger and --to, every trigger of the broker gets what
            passes its own filter. A POINT is a position (0:120), a time of RFC 3339,
            a time ago (-15m, 2h, 1h30m), now, today, yesterday, earliest or latest;
            all is sent from --from on, and --until itself is not. A --filter is
            NAME=VALUE, which an attribute must equal, or a CloudEvents SQL expression.

            Exit code 0 once all is sent, 1 where the replay failed or was cancelled,
            130 after Ctrl-C, which ends the watching alone.

            EXAMPLES
              apus replay --trigger orders --from -1h --dry-run
              apus replay --trigger orders --from -1h
              apus replay --broker default --from 0:120 --until 0:900 --rate 50
              apus replay --to http://127.0.0.1:9090/ --filter "INT(total) > 100"
              apus replay --trigger orders --from today --detach --name again
            """)

    enum Output: String, ExpressibleByArgument, CaseIterable { case text, json }

    @OptionGroup var place: BrokerOptions

    @Option(
        name: [.customShort("t"), .long],
        help: ArgumentHelp("Send to this trigger alone, through its own filter.", valueName: "NAME"))
    var trigger: String?

    @Option(help: ArgumentHelp("Send here instead of to triggers.", valueName: "URL"))
    var to: String?

    @OptionGroup var stretch: StretchOptions

    @Option(help: ArgumentHelp("Events a second at most.", valueName: "N"))
    var rate: Double?

    @Option(help: ArgumentHelp("Deliveries at once, 1 to 256; 1 keeps the order of the log strictly.", valueName: "N"))
    var maxInFlight: Int?

    @Option(help: ArgumentHelp("The replay's name; made by the node where it is not given.", valueName: "NAME"))
    var name: String?

    @Flag(help: "Count what would be sent and show a sample; nothing is sent.")
    var dryRun = false

    @Flag(help: "Begin, and do not wait for the end.")
    var detach = false

    @Option(name: [.customShort("o"), .long], help: "text, or json: the survey, or the replay as it is at last.")
    var output: Output = .text

    @OptionGroup var server: ServerOptions

    func validate() throws {
        try stretch.check()
        guard trigger == nil || to == nil else {
            throw ValidationError("--trigger and --to are both given, and a replay has one target: leave one out")
        }
        if let to, !["http://", "https://"].contains(where: to.lowercased().hasPrefix) {
            throw ValidationError("--to must be an http or https URL such as http://127.0.0.1:9090/, was \(to)")
        }
        // The broker is not known yet; a name that any may have stands for it.
        _ = try resource(broker: place.broker ?? "default")
    }

    func run() async throws {
        try await server.withClient { client in
            let resource = try resource(broker: try await brokerName(client))
            guard !dryRun else {
                let survey = try await client.create(resource, dryRun: true)
                return Console.print(output == .json ? [survey.json(pretty: true)] : SurveyReport(document: survey).lines)
            }
            try await ReplayWatching.begin(
                resource, client, namespace: place.namespace, word: "replay", detach: detach, isJSON: output == .json)
        }
    }

    /// Where no broker is named: the trigger's, else the only one.
    private func brokerName(_ client: APIClient) async throws -> String {
        guard place.broker == nil, let trigger else { return try await place.name(client) }
        for case .trigger(let known) in try await client.list(.trigger, namespace: place.namespace)
        where known.metadata.name == trigger {
            return known.brokerName
        }
        throw CommandFailure("there is no trigger \(trigger) in namespace \(place.namespace); apus get triggers -A lists them")
    }

    /// The Replay that the flags ask for, checked as the node would check it.
    private func resource(broker: String) throws -> Resource {
        let selection = try stretch.selection()
        let filters = try FilterText.filters(selection.filters)
        let spec = DocumentNode.mapping([
            ("broker", .string(broker)), ("trigger", trigger.map { .string($0) }),
            ("sink", to.map { .mapping([("uri", .string($0))]) }),
            ("from", selection.from.map { .string($0.text) }),
            ("until", selection.until.map { .string($0.text) }),
            ("filters", filters.isEmpty ? nil : .sequence(filters)),
            ("rate", rate.map { .decimal($0) }), ("maxInFlight", maxInFlight.map { .integer($0) }),
        ])
        do throws(FieldErrors) {
            return try Resource(replayNamed: name, else: "replay", in: place.namespace, spec)
        } catch {
            throw ValidationError(error.errors.flatMap { [sentence($0)] + $0.excerptLines }.joined(separator: "\n"))
        }
    }

    /// A field's error in the words of the flags.
    private func sentence(_ error: FieldError) -> String {
        for (index, text) in stretch.filters.texts.enumerated() where error.path.hasPrefix("spec.filters[\(index)]") {
            return "--filter \"\(text)\": \(error.message)"
        }
        let flags = [
            ("spec.sink.uri", "--to"), ("spec.maxInFlight", "--max-in-flight"), ("spec.broker", "--broker"),
            ("spec.trigger", "--trigger"), ("spec.from", "--from"), ("spec.until", "--until"), ("spec.rate", "--rate"),
            ("metadata.namespace", "--namespace"), ("metadata.name", "--name"),
        ]
        return flags.reduce(FieldError(path: error.path, message: error.message).description) { text, flag in
            text.replacing(flag.0, with: flag.1)
        }
    }
}
