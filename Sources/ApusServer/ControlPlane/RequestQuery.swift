import ApusPorts
import ApusResources
import CloudEvents
import Hummingbird

/// The parameters of a request's query: each is asked for by name, and what nobody knows is refused.
struct RequestQuery {
    private let values: [(name: String, value: String)]
    /// What relative times are counted from.
    private let now: Timestamp

    /// - Parameter known: Every parameter that the route has.
    init(_ request: Request, known: [String], now: Timestamp) throws(BrokerRoutes.Refusal) {
        try self.init(request.uri.queryParameters.map { (String($0.key), String($0.value)) }, known: known, now: now)
    }

    init(_ values: [(name: String, value: String)], known: [String], now: Timestamp) throws(BrokerRoutes.Refusal) {
        self.values = values
        self.now = now
        for (name, _) in values where !known.contains(name) {
            throw BrokerRoutes.Refusal(
                .badRequest, "unknown-parameter",
                "There is no parameter \(name); there are \(known.joined(separator: ", ")).", field: name)
        }
    }

    var names: [String] { values.map(\.name) }

    func all(_ name: String) -> [String] { values.filter { $0.name == name }.map(\.value) }

    /// nil where it is not there; refused where it comes twice.
    func text(_ name: String) throws(BrokerRoutes.Refusal) -> String? {
        let found = all(name)
        guard found.count <= 1 else { throw Self.invalid(name, "\(name) may be given once, and was given \(found.count) times.") }
        return found.first
    }

    func number(_ name: String) throws(BrokerRoutes.Refusal) -> Int? {
        guard let text = try text(name) else { return nil }
        guard let number = Int(text) else { throw Self.invalid(name, "\(name) must be a whole number, was \"\(text)\".") }
        return number
    }

    func flag(_ name: String) throws(BrokerRoutes.Refusal) -> Bool? {
        guard let text = try text(name) else { return nil }
        guard text == "true" || text == "false" else {
            throw Self.invalid(name, "\(name) must be true or false, was \"\(text)\".")
        }
        return text == "true"
    }

    /// One of the texts of an enumeration.
    func choice<Choice: RawRepresentable & CaseIterable>(
        _ name: String, of type: Choice.Type = Choice.self
    ) throws(BrokerRoutes.Refusal) -> Choice? where Choice.RawValue == String {
        guard let text = try text(name) else { return nil }
        guard let choice = Choice(rawValue: text) else {
            let known = Choice.allCases.map(\.rawValue).joined(separator: " or ")
            throw Self.invalid(name, "\(name) must be \(known), was \"\(text)\".")
        }
        return choice
    }

    /// A point of a log; days begin in UTC.
    func point(_ name: String) throws(BrokerRoutes.Refusal) -> LogPoint? {
        guard let text = try text(name) else { return nil }
        return try Self.point(text, name, now: now)
    }

    static func point(_ text: String, _ name: String, now: Timestamp) throws(BrokerRoutes.Refusal) -> LogPoint {
        let day: Int64 = 86_400_000_000_000
        let (days, rest) = now.nanoseconds.quotientAndRemainder(dividingBy: day)
        let midnight = Timestamp(nanoseconds: (rest < 0 ? days - 1 : days) * day)
        guard let point = LogPoint(text, now: now, midnight: midnight) else {
            throw invalid(name, "\(name) is \"\(text)\", which is not understood: \(LogPoint.expectation).")
        }
        return point
    }

    static func position(_ text: String, _ name: String) throws(BrokerRoutes.Refusal) -> Position {
        guard let position = Position(text) else {
            throw invalid(name, "\"\(text)\" is no position: LANE:OFFSET or OFFSET is needed, such as 0:1234.")
        }
        return position
    }

    static func invalid(_ name: String, _ message: String) -> BrokerRoutes.Refusal {
        BrokerRoutes.Refusal(.badRequest, "invalid-parameter", message, field: name)
    }
}
