import ApusClient
import ApusResources
import ArgumentParser
import CloudEvents

struct Try: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ask what the filter of a trigger would have matched in a broker's log.",
        discussion: """
            The triggers need not be applied. Only their filters are asked, of the
            events that the log still has.

            EXAMPLES
              apus try -f trigger.yaml --since 1h
              apus try -f trigger.yaml --since today --broker shop
              apus get triggers -o yaml | apus try -f - --since -15m
            """)

    enum Output: String, ExpressibleByArgument, CaseIterable { case text, json }

    @Option(
        name: .customShort("f"),
        help: ArgumentHelp(
            "A manifest file, a folder of them, or - for standard input; may be repeated.", valueName: "FILE|DIR"))
    var files: [String]

    @Option(
        name: [.customLong("since"), .customLong("from")], parsing: .unconditional,
        help: ArgumentHelp("Where to begin: \(LogPoint.expectation).", valueName: "POINT"))
    var since = PointArgument.hourAgo

    @Option(
        name: .customLong("until"), parsing: .unconditional,
        help: ArgumentHelp("Where to end; what stands there is not asked about any more.", valueName: "POINT"))
    var until: PointArgument?

    @Option(
        name: [.customShort("b"), .long],
        help: ArgumentHelp("The broker whose log is asked, instead of the trigger's own.", valueName: "NAME"))
    var broker: String?

    @Option(help: ArgumentHelp("How many of the events that match are shown.", valueName: "N"))
    var sample = 5

    @Option(name: [.customShort("o"), .long], help: "text or json.")
    var output: Output = .text

    @OptionGroup var server: ServerOptions

    func validate() throws {
        _ = try since.point("--since")
        _ = try until?.point("--until")
        guard (0...100).contains(sample) else { throw ValidationError("--sample must be 0 to 100, was \(sample)") }
    }

    func run() async throws {
        let triggers = try ManifestInput.load(files).resources.compactMap { resource -> Trigger? in
            if case .trigger(let trigger) = resource { trigger } else { nil }
        }
        guard !triggers.isEmpty else {
            throw CommandFailure("no triggers in \(files.map(InputFile.name).joined(separator: ", "))")
        }
        let from = try since.point("--since"), until = try until?.point("--until")
        try await server.withClient { client in
            var trials: [Trial] = []
            for trigger in triggers {
                trials.append(
                    try await Trial(
                        trigger, broker: broker ?? trigger.brokerName, from: from, until: until, sample: sample, client))
            }
            switch output {
            case .json: Console.print([DocumentNode.sequence(trials.map(\.document)).json(pretty: true)])
            case .text: Console.print(trials.count == 1 ? trials[0].lines : Trial.table(trials))
            }
        }
    }
}

/// What one trigger's filter took of a stretch of a log.
private struct Trial {
    private let trigger: Trigger
    private let broker: String
    private let from: LogPoint
    private let tally: EventTally
    /// Where nothing matched: the newest event, and why it does not.
    private let miss: (position: String, reason: String)?

    init(
        _ trigger: Trigger, broker: String, from: LogPoint, until: LogPoint?, sample: Int, _ client: APIClient
    ) async throws {
        self.trigger = trigger
        self.broker = broker
        self.from = from
        let namespace = trigger.metadata.namespace
        tally = try await client.count(
            namespace: namespace, broker: broker, from: from, until: until, filter: trigger.document()["spec"] ?? .mapping([]),
            sample: sample)
        guard tally.matched == 0, tally.scanned > 0 else {
            miss = nil
            return
        }
        let newest = try await client.events(
            namespace: namespace, broker: broker, EventSelection(from: from, until: until), newest: true, limit: 1,
            withData: false)
        guard let view = newest.events.first, let event = try? JSONFormat.decode(Array(view.event.json().utf8)) else {
            miss = nil
            return
        }
        miss = (view.position, Printable.line(try MatchAnswer(trigger, event).remark))
    }

    private var name: String { "\(trigger.metadata.namespace)/\(trigger.metadata.name)" }

    var lines: [String] {
        let stretch = "broker \(broker), \(tally.from) until \(tally.until)"
        guard tally.scanned > 0 else { return ["\(name): no events in the log since \(from.text) (\(stretch))."] }
        let head = "\(name): \(tally.matched) of \(tally.scanned) events match (\(stretch))."
        let damaged = tally.damaged > 0 ? ["\(tally.damaged) records are damaged and could not be asked about."] : []
        guard tally.matched > 0 else {
            return [head] + damaged + (miss.map { ["The newest event, \($0.position), does not: \($0.reason)"] } ?? [])
        }
        let sample = tally.sample.isEmpty ? [] : ["", tally.matched > 1 ? "The newest of them:" : "It is:"]
        return [head] + damaged + sample + (tally.sample.isEmpty ? [] : EventTable.lines(of: tally.sample))
    }

    static func table(_ trials: [Trial]) -> [String] {
        let rows = trials.map { trial in
            let last = trial.tally.sample.last.map { "the newest is \($0.position)" }
            let remark = trial.miss.map { "\($0.position): \($0.reason)" } ?? last ?? ""
            return [trial.name, trial.broker, "\(trial.tally.scanned)", "\(trial.tally.matched)", remark]
        }
        return Console.table(["TRIGGER", "BROKER", "EVENTS", "MATCH", "REMARK"], rows)
    }

    var document: DocumentNode {
        .mapping([
            (
                "trigger",
                .mapping([("namespace", .string(trigger.metadata.namespace)), ("name", .string(trigger.metadata.name))])
            ),
            ("broker", .string(broker)), ("from", .string(tally.from)), ("until", .string(tally.until)),
            ("scanned", .integer(tally.scanned)), ("matched", .integer(tally.matched)), ("damaged", .integer(tally.damaged)),
            ("sample", .sequence(tally.sample.map(\.document))),
            ("miss", miss.map { .mapping([("position", .string($0.position)), ("reason", .string($0.reason))]) }),
        ])
    }
}
