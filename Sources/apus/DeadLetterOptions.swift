import ApusClient
import ApusPorts
import ApusResources
import ArgumentParser

/// Which dead letters are meant.
struct LetterOptions: ParsableArguments {
    @Option(name: [.customShort("t"), .long], help: ArgumentHelp("Those of one trigger.", valueName: "NAME"))
    var trigger: String?

    @Option(
        help: ArgumentHelp(
            "Those with one reason: \(DeadLetter.Reason.allCases.map(\.rawValue).joined(separator: ", ")).",
            valueName: "REASON"))
    var reason: String?

    @Option(help: ArgumentHelp("Those whose event has this type.", valueName: "TYPE"))
    var type: String?

    @Option(
        name: [.customLong("from"), .customLong("since")], parsing: .unconditional,
        help: ArgumentHelp("Those written since then: \(LogPoint.expectation).", valueName: "POINT"))
    var from: PointArgument?

    @Option(
        name: .customLong("until"), parsing: .unconditional,
        help: ArgumentHelp("Those written before.", valueName: "POINT"))
    var until: PointArgument?

    @OptionGroup var filters: FilterOptions

    /// To be called where the command validates itself: see ``StretchOptions/check()``.
    func check() throws {
        if let reason, DeadLetter.Reason(rawValue: reason) == nil {
            let known = DeadLetter.Reason.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--reason \(reason): there are \(known)")
        }
        _ = try from?.point("--from")
        _ = try until?.point("--until")
    }

    /// Whether nothing was asked for.
    var isEmpty: Bool {
        trigger == nil && reason == nil && type == nil && from == nil && until == nil && filters.texts.isEmpty
    }

    func selection(positions: [String] = [], state: String? = nil) throws -> LetterSelection {
        LetterSelection(
            trigger: trigger, reason: reason, type: type, filters: try filters.checked(),
            from: try from?.point("--from"), until: try until?.point("--until"), positions: positions, state: state)
    }

    /// What was asked for, in words: ` of trigger orders, rejected`. Empty where nothing was.
    var words: String {
        var text = trigger.map { " of trigger \($0)" } ?? ""
        if let reason { text += ", \(reason)" }
        if let type { text += ", of type \(Printable.line(type))" }
        return text
    }
}

/// Dead letters that are to be worked: named, selected, or all.
struct LetterTargets: ParsableArguments {
    @Argument(help: ArgumentHelp("Where they stand in the dead stream.", valueName: "POSITION"))
    var positions: [String] = []

    @Flag(help: "All dead letters of the broker that want attention.")
    var all = false

    @OptionGroup var letters: LetterOptions

    private static let positionsMax = Limits.deadLetterPositionsMax

    /// To be called where the command validates itself: see ``StretchOptions/check()``.
    func check() throws {
        try letters.check()
        for text in positions {
            guard case .position? = LogPoint(position: text) else {
                throw ValidationError("\"\(text)\" is no position of a dead letter: one such as 0:12 is needed")
            }
        }
        guard positions.count <= Self.positionsMax else {
            throw ValidationError("\(positions.count) positions are given, and \(Self.positionsMax) are taken at once")
        }
        guard positions.isEmpty || letters.isEmpty && !all else {
            throw ValidationError("positions name the dead letters that are meant: leave out what selects others")
        }
        guard !all || letters.isEmpty else {
            throw ValidationError("--all means all dead letters: leave it out to select some")
        }
        guard all || !positions.isEmpty || !letters.isEmpty else {
            throw ValidationError(
                "nothing is selected: name positions (0:12 0:15), select with --trigger, --reason, --type, --filter, "
                    + "--from, --until, or say --all")
        }
    }
}

/// The commands that work dead letters need all of this.
struct LetterDesk {
    let client: APIClient
    let namespace: String
    let broker: String

    /// Where nothing was found: a trigger that is not there is likely misspelt.
    func tellUnknown(trigger: String?) async throws {
        guard let trigger else { return }
        let known = try await client.list(.trigger, namespace: namespace).map(\.metadata.name)
        guard !known.contains(trigger) else { return }
        Console.printError([
            "There is no trigger \(Printable.line(trigger)) in namespace \(namespace); apus get triggers lists them."
        ])
    }

    /// The letters that are named, once each was found; the first that is none is told with its reason.
    func named(_ positions: [String]) async throws -> [LetterView] {
        let listing = try await client.deadLetters(
            namespace: namespace, broker: broker, LetterSelection(positions: positions, state: "all"),
            limit: Limits.listedEventsMax)
        let found = Set(listing.letters.map { $0.text("position") })
        for text in positions {
            guard let position = Position(text), !found.contains("\(position)") else { continue }
            // The node has the sentence for it.
            _ = try await client.deadLetter(namespace: namespace, broker: broker, position: text)
        }
        return listing.letters
    }
}
