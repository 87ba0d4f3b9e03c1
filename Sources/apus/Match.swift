import ApusResources
import ArgumentParser
import CloudEvents
import EventFilters

struct Match: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ask the filters of triggers about an event, without running anything.",
        discussion: """
            For each trigger yes or no, and for a no the first predicate that failed, with the value that it saw. Only the filters
            are asked: not whether the event would come to the trigger's broker, nor whether the trigger is ready.

            Exit code 0 where the question was answered, yes or no; 1 where a manifest or an event is wrong.

            EXAMPLES
              apus match -f trigger.yaml --event event.json
              apus match -f manifests/ --event a.json --event b.json -o json
              cat event.json | apus match -f trigger.yaml --event -
              apus get triggers -o yaml | apus match -f - --event event.json
            """)

    enum Output: String, ExpressibleByArgument, CaseIterable { case text, json }

    @Option(
        name: .customShort("f"),
        help: ArgumentHelp(
            "A manifest file, a folder of them, or - for standard input; may be repeated.", valueName: "FILE|DIR"))
    var files: [String]

    @Option(
        name: .customLong("event"),
        help: ArgumentHelp(
            "An event, or a list of them, as JSON; - is standard input; may be repeated.", valueName: "FILE"))
    var events: [String]

    @Option(name: [.customShort("o"), .long], help: "text or json.")
    var output: Output = .text

    func validate() throws {
        guard (files + events).filter({ $0 == "-" }).count <= 1 else {
            throw ValidationError("standard input can be read once: name a file for all but one of -f and --event")
        }
    }

    func run() throws {
        let triggers = try ManifestInput.load(files).resources.compactMap { resource -> Trigger? in
            if case .trigger(let trigger) = resource { trigger } else { nil }
        }
        let place = files.map(InputFile.name).joined(separator: ", ")
        guard !triggers.isEmpty else { throw CommandFailure("no triggers in \(place)") }
        let events = try events.flatMap(EventFile.events)
        guard !events.isEmpty else {
            throw CommandFailure("no events in \(self.events.map(InputFile.name).joined(separator: ", "))")
        }
        let answers = try events.flatMap { event in
            try triggers.map { try MatchAnswer($0, event) }
        }
        switch output {
        case .json: Console.print([DocumentNode.sequence(answers.map(\.document)).json(pretty: true)])
        case .text: Console.print(MatchAnswer.table(answers, namesEvents: events.count > 1))
        }
    }
}

/// Whether one event passes one trigger's filter, and why not.
struct MatchAnswer {
    private let trigger: Trigger
    private let event: CloudEvent
    private let mismatch: Mismatch?
    private let error: FilterEvaluationError?

    init(_ trigger: Trigger, _ event: CloudEvent) throws {
        self.trigger = trigger
        self.event = event
        let filter = try trigger.compiledFilter()
        mismatch = filter.firstMismatch(event.attributes)
        error = filter.firstEvaluationError(event.attributes)
    }

    private var triggerName: String { "\(trigger.metadata.namespace)/\(trigger.metadata.name)" }

    private func text(_ name: String) -> String { event.attributes.text(of: name) ?? "" }

    /// What stands beside yes or no: `spec.filters[0].exact.type: type must be "a", was "b"`.
    var remark: String {
        let no = mismatch.map { "\(trigger.spec.path(ofFilterPath: $0.path)): \($0)" }
        let told = error?.path == mismatch?.path ? nil : error
        return [no, told.map { "\(trigger.spec.path(ofFilterPath: $0.path)): \($0)" }].compactMap { $0 }.joined(separator: "; ")
    }

    static func table(_ answers: [MatchAnswer], namesEvents: Bool) -> [String] {
        let rows = answers.map { answer in
            let event = namesEvents ? ["\(answer.text("source")) \(answer.text("id"))"] : []
            let remark = String(answer.remark.map { $0.isNewline ? " " : $0 })
            return event + [answer.triggerName, answer.mismatch == nil ? "yes" : "no", remark]
        }
        return Console.table((namesEvents ? ["EVENT"] : []) + ["TRIGGER", "MATCHES", "WHY"], rows)
    }

    var document: DocumentNode {
        .mapping([
            ("event", .mapping([("source", .string(text("source"))), ("id", .string(text("id")))])),
            (
                "trigger",
                .mapping([("namespace", .string(trigger.metadata.namespace)), ("name", .string(trigger.metadata.name))])
            ),
            ("matches", DocumentNode(.boolean(mismatch == nil))),
            ("path", mismatch.map { .string(trigger.spec.path(ofFilterPath: $0.path)) }),
            ("reason", mismatch.map { .string($0.description) }),
            (
                "error",
                error.map {
                    .mapping([
                        ("path", .string(trigger.spec.path(ofFilterPath: $0.path))), ("kind", .string($0.error.kind.rawValue)),
                        ("message", .string($0.error.message)),
                    ])
                }
            ),
        ])
    }
}
