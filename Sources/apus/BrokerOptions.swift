import ApusClient
import ApusResources
import ArgumentParser
import EventFilters

/// Which broker is meant, for commands that ask about its log.
struct BrokerOptions: ParsableArguments {
    @Option(
        name: [.customShort("b"), .long],
        help: ArgumentHelp("The broker; the only one of the namespace where it is not given.", valueName: "NAME"))
    var broker: String?

    @Option(name: [.customShort("n"), .long], help: "The namespace.")
    var namespace = "default"

    /// The broker's name: what was given, or the only one that there is.
    func name(_ client: APIClient) async throws -> String {
        if let broker { return broker }
        return try await Self.onlyName(in: namespace, client)
    }

    /// The name of the only broker of a namespace.
    static func onlyName(in namespace: String, _ client: APIClient) async throws -> String {
        let names = try await client.list(.broker, namespace: namespace).map(\.metadata.name).sorted()
        switch names.count {
        case 0: throw CommandFailure("there is no broker in namespace \(namespace); apus get brokers -A lists them")
        case 1: return names[0]
        default:
            throw CommandFailure(
                "namespace \(namespace) has the brokers \(names.joined(separator: ", ")): name one of them with --broker")
        }
    }
}

/// A stretch of a log, and which of its events are meant.
struct StretchOptions: ParsableArguments {
    @Option(
        name: [.customLong("from"), .customLong("since")], parsing: .unconditional,
        help: ArgumentHelp(
            "Where to begin: \(LogPoint.expectation). Days begin at midnight here.", valueName: "POINT"))
    var from: PointArgument?

    @Option(
        name: .customLong("until"), parsing: .unconditional,
        help: ArgumentHelp("Where to end; what stands there is not meant any more.", valueName: "POINT"))
    var until: PointArgument?

    @OptionGroup var filters: FilterOptions

    /// To be called where the command validates itself: thrown by a group of options, an error is taken for a wish for help
    /// where a time such as -1h stands beside it.
    func check() throws {
        _ = try from?.point("--from")
        _ = try until?.point("--until")
    }

    func selection() throws -> EventSelection {
        EventSelection(
            from: try from?.point("--from"), until: try until?.point("--until"), filters: try filters.checked())
    }
}

struct FilterOptions: ParsableArguments {
    @Option(
        name: .customLong("filter"), parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "Only events that match: NAME=VALUE for an attribute, or a CESQL expression; repeated, all must match.",
            valueName: "FILTER"))
    var texts: [String] = []

    /// The texts, once each was read; what is wrong with one is printed with the place.
    func checked() throws -> [String] {
        for text in texts {
            do throws(FieldErrors) {
                let nodes: [DocumentNode]
                do throws(FieldError) {
                    nodes = try FilterText.filters([text])
                } catch {
                    throw FieldErrors([error])
                }
                _ = try FilterList.compiled(nodes, path: "")
            } catch {
                let found = error.errors[0]
                Console.printError(["Error: --filter \"\(Printable.line(text))\": \(found.message)"] + found.excerptLines)
                throw ExitCode.validationFailure
            }
        }
        return texts
    }
}
