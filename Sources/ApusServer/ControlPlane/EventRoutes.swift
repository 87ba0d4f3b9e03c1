import ApusControl
import ApusHistory
import ApusPorts
import ApusResources
import CloudEvents
import EventFilters
import HTTPTypes
import Hummingbird
import NIOCore

/// The log of a broker, read:
///
///     GET  …/events?from&until&filter&order&limit&cursor&data     a page
///     GET  …/events?id&limit&data                                 the newest events with an id
///     GET  …/events?from&filter&data  Accept: text/event-stream   the live tail
///     GET  …/events/{position}[/data]                             one event
///     POST …/events/count                                         how many a filter takes
extension ControlPlane {
    func addEvents(to router: Router<BasicRequestContext>, group: any EventLoopGroup) {
        let routes = EventRoutes(controller: controller, streams: EventStreams(group: group))
        let base = "\(BrokerRoutes.base)/events"
        router.get("\(base)") { request, context in
            try await BrokerRoutes.answer { try await routes.list(request, context) }
        }
        router.get("\(base)/:position") { request, context in
            try await BrokerRoutes.answer { try await routes.event(request, context) }
        }
        router.get("\(base)/:position/data") { request, context in
            try await BrokerRoutes.answer { try await routes.data(request, context) }
        }
        router.post("\(base)/count") { request, context in
            try await BrokerRoutes.answer { try await routes.count(request, context) }
        }
    }
}

struct EventRoutes: Sendable {
    let controller: Controller
    let streams: EventStreams

    private static let listedDefault = 100
    private static let sampleMax = 100

    /// A page of events, those with an id, or the live tail where the client asks for a stream of events.
    func list(_ request: Request, _ context: BasicRequestContext) async throws -> Response {
        let history = try await BrokerRoutes.history(controller, context)
        let query = try RequestQuery(
            request, known: ["from", "until", "filter", "order", "limit", "cursor", "data", "id", "follow"], now: controller.now)
        let accepted = request.headers[values: .accept].joined(separator: ",").lowercased()
        if try query.flag("follow") ?? accepted.contains("text/event-stream") {
            return try await tail(request, query, of: history)
        }
        if let id = try query.text("id") { return try await events(withID: id, query, of: history) }
        let asked = EventQuery(
            from: try query.point("from") ?? .earliest, until: try query.point("until") ?? .latest, filter: try query.filter(),
            order: try query.choice("order") ?? .newest, limit: try query.number("limit") ?? Self.listedDefault,
            cursor: try query.text("cursor"))
        let withData = try query.flag("data") ?? true
        let page: EventPage
        do throws(HistoryError) {
            page = try await history.page(asked)
        } catch {
            throw BrokerRoutes.Refusal(error)
        }
        let records = page.records.map { RecordDocument.node($0, withData: withData) }
        let damaged = page.damaged.map { DocumentNode.string("\($0)") }
        let document = DocumentNode.mapping([
            ("records", .sequence(records)), ("cursor", page.cursor.map { .string($0) }),
            ("oldest", .string("\(page.bounds.oldest)")), ("end", .string("\(page.bounds.next)")),
            ("scanned", .integer(page.scanned)), ("damaged", damaged.isEmpty ? nil : .sequence(damaged)),
        ])
        return Response.json(document.json())
    }

    /// `others` are the positions of those that would be too much for one answer.
    private func events(withID id: String, _ query: RequestQuery, of history: BrokerHistory) async throws -> Response {
        try query.refuse(["from", "until", "filter", "order", "cursor"], beside: "id")
        let limit = try query.number("limit") ?? Self.listedDefault, withData = try query.flag("data") ?? true
        guard (1...Limits.listedEventsMax).contains(limit) else {
            throw RequestQuery.invalid("limit", "limit must be 1 to \(Limits.listedEventsMax), was \(limit).")
        }
        let found: (records: [LogRecord], others: [Position])
        do throws(HistoryError) {
            found = try await history.events(withID: id, limit: limit)
        } catch {
            throw BrokerRoutes.Refusal(error)
        }
        let records = found.records.map { RecordDocument.node($0, withData: withData) }
        let bounds = history.bounds(of: .events), others = found.others.map { DocumentNode.string("\($0)") }
        let document = DocumentNode.mapping([
            ("records", .sequence(records)), ("others", others.isEmpty ? nil : .sequence(others)),
            ("oldest", .string("\(bounds.oldest)")), ("end", .string("\(bounds.next)")),
        ])
        return Response.json(document.json())
    }

    /// One event with its data.
    func event(_ request: Request, _ context: BasicRequestContext) async throws -> Response {
        let history = try await BrokerRoutes.history(controller, context)
        let query = try RequestQuery(request, known: ["data"], now: controller.now)
        let record = try await BrokerRoutes.record(history, context)
        return Response.json(RecordDocument.node(record, withData: try query.flag("data") ?? true).json())
    }

    /// The data as the bytes that binary mode carries; 204 where the event has none.
    func data(_ request: Request, _ context: BasicRequestContext) async throws -> Response {
        let history = try await BrokerRoutes.history(controller, context)
        let record = try await BrokerRoutes.record(history, context)
        guard let data = RecordDocument.data(of: record.event) else { return Response(status: .noContent) }
        // What a stranger wrote must not run as a page of this server.
        return Response(
            status: .ok,
            headers: [
                .contentType: data.type ?? "application/octet-stream", .contentSecurityPolicy: "sandbox; default-src 'none'",
                .xContentTypeOptions: "nosniff",
            ],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: data.bytes)))
    }

    /// Counts the part of a range that one request looks at; the answer's cursor begins the next part.
    ///
    /// The body: `from`, `until`, `cursor`, `sample`, and `filters` or `filter.attributes` as in a Trigger's spec.
    func count(_ request: Request, _ context: BasicRequestContext) async throws -> Response {
        let history = try await BrokerRoutes.history(controller, context)
        let body = try await BrokerRoutes.document(of: request)
        let asked = try CountRequest(body, now: controller.now)
        let count: EventCount
        do throws(HistoryError) {
            count = try await history.count(asked.query, sampleMax: min(asked.sample, Self.sampleMax))
        } catch {
            throw BrokerRoutes.Refusal(error)
        }
        let document = DocumentNode.mapping([
            ("matched", .integer(count.matched)), ("scanned", .integer(count.scanned)), ("damaged", .integer(count.damaged)),
            ("from", .string("\(count.from)")), ("until", .string("\(count.until)")),
            ("cursor", count.cursor.map { .string($0) }),
            ("sample", .sequence(count.sample.map { RecordDocument.node($0, withData: false) })),
        ])
        return Response.json(document.json())
    }

    /// The live tail: from `Last-Event-ID` on where the client was here before, else from `from`, which is the end by default.
    private func tail(_ request: Request, _ query: RequestQuery, of history: BrokerHistory) async throws -> Response {
        try query.refuse(["until", "order", "limit", "cursor", "id"], beside: "a live tail")
        let filter = try query.filter(), from = try query.point("from") ?? .latest
        let withData = try query.flag("data") ?? true
        let tail: EventTail
        do throws(HistoryError) {
            if let text = request.headers.first(where: { $0.name.canonicalName == "last-event-id" })?.value {
                guard let id = TailID(text) else {
                    throw .invalid(field: "Last-Event-ID", message: "Last-Event-ID \"\(text)\" is none of this stream's.")
                }
                tail = try EventTail(history, resumingAt: id.next, filter: filter)
            } else {
                tail = try await EventTail(history, from: from, filter: filter)
            }
        } catch {
            throw BrokerRoutes.Refusal(error)
        }
        return try streams.response(to: request, tail, of: history, withData: withData)
    }
}

/// The body of a count.
private struct CountRequest {
    var query: EventQuery
    var sample: Int

    init(_ body: DocumentNode, now: Timestamp) throws(BrokerRoutes.Refusal) {
        guard case .mapping(let members) = body.content else {
            throw RequestQuery.invalid("", "The body must be a mapping, was \(body.typeName).")
        }
        let known = ["from", "until", "cursor", "sample", "filter", "filters"]
        for member in members where !known.contains(member.name) {
            throw RequestQuery.invalid(
                member.name, "There is no field \(member.name); there are \(known.joined(separator: ", ")).")
        }
        func text(_ name: String) throws(BrokerRoutes.Refusal) -> String? {
            guard let node = body[name], !node.isNull else { return nil }
            guard let text = node.text else {
                throw RequestQuery.invalid(name, "\(name) must be a string, was \(node.typeName).")
            }
            return text
        }
        let from = try text("from"), until = try text("until")
        query = EventQuery(
            from: try from.map { text throws(BrokerRoutes.Refusal) in try RequestQuery.point(text, "from", now: now) }
                ?? .earliest,
            until: try until.map { text throws(BrokerRoutes.Refusal) in try RequestQuery.point(text, "until", now: now) }
                ?? .latest,
            cursor: try text("cursor"))
        sample = 0
        if let node = body["sample"], !node.isNull {
            guard case .number(let digits) = node.content, let number = Int(digits), number >= 0 else {
                throw RequestQuery.invalid("sample", "sample must be a whole number of at least 0.")
            }
            sample = number
        }
        do throws(FieldErrors) {
            query.filter = try FilterList.compiled(spec: .mapping([("filter", body["filter"]), ("filters", body["filters"])]))
        } catch {
            throw BrokerRoutes.Refusal(error)
        }
    }
}
