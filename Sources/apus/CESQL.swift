import ApusResources
import ArgumentParser
import CloudEvents
import EventFilters

struct CESQL: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cesql",
        abstract: "Evaluate a CloudEvents SQL expression for an event.",
        discussion: """
            Prints the expression's value, and every error on the way to it. As a trigger's filter an expression lets an event
            pass where the value is true and there is no error.

            Exit code 0 for any value, also with evaluation errors; 1 where the expression does not parse, or the event is none.
            An expression that begins with - stands after --.

            EXAMPLES
              apus cesql "type LIKE 'com.example.%' AND EXISTS region" --event event.json
              cat event.json | apus cesql "INT(total) > 100" --event - -o json
              apus cesql -o json -- "-2 + 3"
            """)

    enum Output: String, ExpressibleByArgument, CaseIterable { case text, json }

    @Argument(help: ArgumentHelp("The expression; after -- where it begins with -.", valueName: "EXPR"))
    var expression: String

    @Option(help: ArgumentHelp("An event as JSON; - is standard input. Without it there are no attributes.", valueName: "FILE"))
    var event: String?

    @Option(
        name: [.customShort("o"), .long], help: "text, or json: {\"value\": …, \"errors\": [{\"kind\": …, \"message\": …}]}.")
    var output: Output = .text

    func run() throws {
        let parsed: CESQLExpression
        do throws(CESQLParseError) {
            parsed = try CESQLExpression(expression)
        } catch {
            refuse(error)
            throw ExitCode(1)
        }
        let result = parsed.evaluate(try attributes())
        switch output {
        case .json: Console.print([Self.json(value: result.value, errors: result.errors)])
        case .text:
            Console.print([result.value.description] + result.errors.map { "error (\($0.kind.rawValue)): \($0.message)" })
            Console.printError(parsed.warnings.flatMap(warningLines))
            if event == nil, !parsed.attributes.isEmpty {
                let names = parsed.attributes.joined(separator: ", ")
                Console.printError(["hint: the expression reads \(names), and no event was given: --event FILE"])
            }
        }
    }

    private func attributes() throws -> Attributes {
        guard let event else { return Attributes() }
        let events = try EventFile.events(event)
        guard events.count == 1 else {
            throw CommandFailure("\(InputFile.name(of: event)): holds \(events.count) events, and one is needed")
        }
        return events[0].attributes
    }

    private func refuse(_ error: CESQLParseError) {
        switch output {
        case .json: Console.print([Self.json(value: nil, errors: [CESQLError(kind: .parse, message: error.description)])])
        case .text: Console.printError(["error (parse): \(error)"] + Excerpt.lines(error.excerpt(of: expression)))
        }
    }

    private func warningLines(_ warning: CESQLWarning) -> [String] {
        ["warning: line \(warning.line), column \(warning.column): \(warning.message)"]
            + Excerpt.lines(warning.excerpt(of: expression))
    }

    private static func json(value: CESQLValue?, errors: [CESQLError]) -> String {
        let value: DocumentNode =
            switch value {
            case nil: DocumentNode(.null)
            case .boolean(let value): DocumentNode(.boolean(value))
            case .integer(let value): DocumentNode(.number(String(value)))
            case .string(let text): .string(text)
            }
        return DocumentNode.mapping([("value", value), ("errors", .sequence(errors.map(\.document)))]).json()
    }
}

extension CESQLError {
    var document: DocumentNode { .mapping([("kind", .string(kind.rawValue)), ("message", .string(message))]) }
}
