import ApusHistory
import ApusPorts
import ApusResources
import CloudEvents
import EventFilters
import Hummingbird

/// Which dead letters a request is about: a query string's parameters, or the members of a purge's body.
struct DeadLetterRequest {
    /// Those that say which letters are meant.
    private static let selectors = ["trigger", "reason", "type", "filter", "from", "until", "position"]

    let query: RequestQuery

    /// - Parameter names: What is understood besides the selectors and `state`.
    init(_ request: Request, and names: [String], now: Timestamp) throws(BrokerRoutes.Refusal) {
        query = try RequestQuery(request, known: Self.selectors + ["state"] + names, now: now)
    }

    /// A mapping of strings, lists of strings, and booleans.
    init(_ body: DocumentNode, and names: [String], now: Timestamp) throws(BrokerRoutes.Refusal) {
        guard case .mapping(let members) = body.content else {
            throw RequestQuery.invalid("", "The body must be a mapping, was \(body.typeName).")
        }
        var values: [(name: String, value: String)] = []
        for member in members {
            switch member.value.content {
            case .string(let text): values.append((member.name, text))
            case .boolean(let value): values.append((member.name, String(value)))
            case .sequence(let items):
                for item in items {
                    guard let text = item.text else {
                        throw RequestQuery.invalid(member.name, "\(member.name) must be strings, one was \(item.typeName).")
                    }
                    values.append((member.name, text))
                }
            default: throw RequestQuery.invalid(member.name, "\(member.name) must be a string, was \(member.value.typeName).")
            }
        }
        query = try RequestQuery(values, known: Self.selectors + ["state"] + names, now: now)
    }

    /// Whether anything says which letters are meant; `state` alone does not.
    var selectsSomething: Bool { query.names.contains(where: Self.selectors.contains) }

    func limit() throws(BrokerRoutes.Refusal) -> Int {
        guard let limit = try query.number("limit") else { return 100 }
        guard (1...Limits.listedEventsMax).contains(limit) else {
            throw RequestQuery.invalid("limit", "limit must be 1 to \(Limits.listedEventsMax), was \(limit).")
        }
        return limit
    }

    func letters() throws(BrokerRoutes.Refusal) -> DeadLetterQuery {
        var letters = DeadLetterQuery(
            type: try query.text("type"), filter: try query.filter(), from: try query.point("from") ?? .earliest,
            until: try query.point("until") ?? .latest)
        letters.selection = DeadLetterSelection(
            trigger: try query.text("trigger"), reason: try query.choice("reason"), offsets: try offsets())
        // Letters that are named are meant, whatever became of them; but what was purged has to be asked for.
        letters.states = try states() ?? (letters.selection.offsets == nil ? DeadLetterState.attention : Self.notPurged)
        letters.before = try query.text("cursor").map { text throws(BrokerRoutes.Refusal) in
            try RequestQuery.position(text, "cursor").offset
        }
        return letters
    }

    private static let notPurged = Set(DeadLetterState.allCases).subtracting([.purged])

    private func offsets() throws(BrokerRoutes.Refusal) -> Set<Int64>? {
        let texts = query.all("position")
        guard !texts.isEmpty else { return nil }
        guard texts.count <= Limits.deadLetterPositionsMax else {
            throw RequestQuery.invalid(
                "position", "At most \(Limits.deadLetterPositionsMax) positions may be given, and \(texts.count) were.")
        }
        var offsets: Set<Int64> = []
        for text in texts { offsets.insert(try RequestQuery.position(text, "position").offset) }
        return offsets
    }

    private func states() throws(BrokerRoutes.Refusal) -> Set<DeadLetterState>? {
        switch try query.text("state") {
        case nil: return nil
        case "open": return DeadLetterState.attention
        case "all": return Set(DeadLetterState.allCases)
        case let text?:
            guard let state = DeadLetterState(rawValue: text) else {
                let known = DeadLetterState.allCases.map(\.rawValue).joined(separator: ", ")
                throw RequestQuery.invalid("state", "state must be one of \(known), all; was \"\(text)\".")
            }
            return [state]
        }
    }
}
