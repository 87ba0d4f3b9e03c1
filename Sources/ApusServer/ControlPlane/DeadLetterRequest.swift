import ApusHistory
import ApusPorts
import ApusResources
import CloudEvents
import EventFilters
import Hummingbird

/// What a request about dead letters selects: a query string's parameters, or a JSON body's members.
struct DeadLetterRequest {
    /// By name, in the order in which they came.
    private var values: [String: [String]] = [:]
    private let names: [String]

    /// Those that say which letters are meant.
    static let selectors = ["trigger", "reason", "type", "filter", "from", "until", "position", "state"]

    /// - Parameter names: What is understood besides ``selectors``.
    init(_ request: Request, and names: [String]) throws {
        self.names = Self.selectors + names
        for (name, value) in request.uri.queryParameters { try add(String(name), String(value)) }
    }

    /// A mapping of strings, lists of strings, and booleans.
    init(_ body: DocumentNode, and names: [String]) throws {
        self.names = Self.selectors + names
        guard case .mapping(let members) = body.content else {
            throw Self.refusal("The body is \(body.typeName); a JSON object is needed.")
        }
        for member in members {
            switch member.value.content {
            case .string(let text): try add(member.name, text)
            case .boolean(let value): try add(member.name, String(value))
            case .sequence(let items):
                for item in items {
                    guard let text = item.text else {
                        throw Self.refusal("\(member.name) is a list of strings; one of them is \(item.typeName).", member.name)
                    }
                    try add(member.name, text)
                }
            default:
                throw Self.refusal("\(member.name) is \(member.value.typeName); a string is needed.", member.name)
            }
        }
    }

    private mutating func add(_ name: String, _ value: String) throws {
        guard names.contains(name) else {
            throw Self.refusal("\"\(name)\" is not understood here: \(names.joined(separator: ", ")) are.", name)
        }
        values[name, default: []].append(value)
    }

    static func refusal(_ message: String, _ field: String? = nil) -> BrokerRoutes.Refusal {
        BrokerRoutes.Refusal(.badRequest, "invalid-query", message, field: field)
    }

    /// nil where it was not given.
    func one(_ name: String) throws -> String? {
        guard let all = values[name] else { return nil }
        guard all.count == 1, let value = all.first, !value.isEmpty else {
            throw Self.refusal(all.count == 1 ? "\(name) is empty." : "\(name) comes \(all.count) times.", name)
        }
        return value
    }

    func boolean(_ name: String) throws -> Bool {
        switch try one(name) {
        case nil, "false": return false
        case "true": return true
        case let text?: throw Self.refusal("\(name) is \"\(text)\"; true or false is needed.", name)
        }
    }

    /// Whether anything says which letters are meant. `state` alone does not: it says of which kind.
    var selectsSomething: Bool {
        ["trigger", "reason", "type", "filter", "from", "until", "position"].contains { values[$0] != nil }
    }

    func limit(default count: Int, max: Int) throws -> Int {
        guard let text = try one("limit") else { return count }
        guard let limit = Int(text), (1...max).contains(limit) else {
            throw Self.refusal("limit is \"\(text)\"; a number of 1 to \(max) is needed.", "limit")
        }
        return limit
    }

    func query(now: Timestamp) throws -> DeadLetterQuery {
        var query = DeadLetterQuery()
        query.selection.trigger = try one("trigger")
        query.selection.reason = try reason()
        query.selection.offsets = try positions()
        query.type = try one("type")
        query.from = try point("from", now: now) ?? .earliest
        query.until = try point("until", now: now) ?? .latest
        // Letters that are named are meant, whatever became of them; those that are put aside have to be asked for.
        query.states = try states() ?? (query.selection.offsets == nil ? DeadLetterState.attention : Self.notPurged)
        query.before = try one("cursor").map { text in
            guard let position = Position(text) else {
                throw Self.refusal("cursor is \"\(text)\"; it is what the page before answered as its cursor.", "cursor")
            }
            return position.offset
        }
        return query
    }

    private static let notPurged = Set(DeadLetterState.allCases).subtracting([.purged])

    private func reason() throws -> DeadLetter.Reason? {
        guard let text = try one("reason") else { return nil }
        guard let reason = DeadLetter.Reason(rawValue: text) else {
            let known = DeadLetter.Reason.allCases.map(\.rawValue).joined(separator: ", ")
            throw Self.refusal("reason is \"\(text)\"; it is one of \(known).", "reason")
        }
        return reason
    }

    private func positions() throws -> Set<Int64>? {
        guard let texts = values["position"] else { return nil }
        guard texts.count <= Limits.deadLetterPositionsMax else {
            throw Self.refusal("\(texts.count) positions are given; \(Limits.deadLetterPositionsMax) are taken.", "position")
        }
        return try Set(
            texts.map { text in
                guard let position = Position(text) else {
                    throw Self.refusal("position is \"\(text)\"; one such as 0:12 is needed.", "position")
                }
                return position.offset
            })
    }

    private func states() throws -> Set<DeadLetterState>? {
        switch try one("state") {
        case nil: return nil
        case "open": return DeadLetterState.attention
        case "all": return Set(DeadLetterState.allCases)
        case let text?:
            guard let state = DeadLetterState(rawValue: text) else {
                let known = DeadLetterState.allCases.map(\.rawValue).joined(separator: ", ")
                throw Self.refusal("state is \"\(text)\"; it is one of \(known), all.", "state")
            }
            return [state]
        }
    }

    private func point(_ name: String, now: Timestamp) throws -> LogPoint? {
        guard let text = try one(name) else { return nil }
        let day: Int64 = 86_400_000_000_000
        let midnight = Timestamp(nanoseconds: now.nanoseconds - now.nanoseconds % day)
        guard let point = LogPoint(text, now: now, midnight: midnight) else {
            throw Self.refusal("\(name) is \"\(text)\"; it is \(LogPoint.expectation).", name)
        }
        return point
    }
}
