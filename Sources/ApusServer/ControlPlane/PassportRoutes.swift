import ApusControl
import ApusHistory
import ApusIntake
import ApusPorts
import ApusResources
import CloudEvents
import HTTPTypes
import Hummingbird

extension ControlPlane {
    /// What became of an event, by its position or by its id (promise 22).
    ///
    ///     GET /v1/namespaces/{namespace}/brokers/{broker}/events/{position}/passport
    ///     GET /v1/why?id={id}[&namespace={namespace}][&broker={broker}]
    func addPassports(to router: Router<BasicRequestContext>) {
        let controller = self.controller
        router.get("\(BrokerRoutes.base)/events/:position/passport") { _, context in
            try await BrokerRoutes.answer { try await PassportRoutes.passport(controller, context) }
        }
        router.get("v1/why") { request, _ in
            try await BrokerRoutes.answer { try await PassportRoutes.search(controller, request) }
        }
    }
}

enum PassportRoutes {
    fileprivate static func passport(_ controller: Controller, _ context: BasicRequestContext) async throws -> Response {
        let namespace = try context.parameters.require("namespace"), broker = try context.parameters.require("broker")
        let text = try context.parameters.require("position")
        guard let position = Position(text) else {
            throw BrokerRoutes.Refusal(
                .badRequest, "invalid-position", "The position \"\(text)\" is none: it is written LANE:OFFSET, as in 0:12.")
        }
        let found: Passport?
        do throws(PassportRefusal) {
            found = try await controller.passport(namespace: namespace, broker: broker, at: position)
        } catch {
            throw BrokerRoutes.Refusal(error.status, error.code, error.sentence)
        }
        guard let found else {
            throw BrokerRoutes.Refusal(
                .notFound, "unknown-broker", "There is no broker \(broker) in namespace \(namespace), or its log is not open.")
        }
        return Response.json(found.document.json())
    }

    fileprivate static func search(_ controller: Controller, _ request: Request) async throws -> Response {
        let query = request.uri.queryParameters
        guard let id = query.get("id"), !id.isEmpty else {
            throw BrokerRoutes.Refusal(.badRequest, "missing-parameter", "Which event: ?id= is needed.", field: "id")
        }
        let found = await controller.search(id: id, namespace: query.get("namespace"), broker: query.get("broker"))
        return Response.json(found.document(id: id).json())
    }
}

extension PassportRefusal {
    fileprivate var status: HTTPResponse.Status {
        switch self {
        case .trimmed, .notYet, .noSuchLane: .notFound
        case .log: .serviceUnavailable
        }
    }

    fileprivate var code: String {
        switch self {
        case .trimmed: "trimmed"
        case .notYet, .noSuchLane: "unknown-position"
        case .log: "log-unavailable"
        }
    }
}

extension EventSearch {
    func document(id: String) -> DocumentNode {
        .mapping([
            ("id", .string(id)), ("passports", .sequence(passports.map(\.document))),
            (
                "positions",
                .sequence(
                    hits.map { hit in
                        .mapping([
                            ("namespace", .string(hit.namespace)), ("broker", .string(hit.broker)),
                            ("position", .string("\(hit.position)")),
                        ])
                    })
            ),
            ("refusals", .sequence(refusals.map(\.document))), ("refusalsSince", .string(refusalsSince.rfc3339)),
            ("searched", .sequence(places.map(\.document))),
        ])
    }
}

extension EventSearch.Place {
    fileprivate var document: DocumentNode {
        .mapping([
            ("namespace", .string(namespace)), ("broker", .string(broker)), ("oldest", .string("\(bounds.oldest)")),
            ("next", .string("\(bounds.next)")), ("problem", problem.map { .string($0) }),
        ])
    }
}

extension RefusedMessage {
    fileprivate var document: DocumentNode {
        .mapping([
            ("time", .string(at.rfc3339)), ("namespace", .string(namespace)), ("broker", .string(broker)),
            ("status", .integer(refusal.code.status)), ("error", .string(refusal.code.rawValue)),
            ("message", .string(refusal.message)), ("field", refusal.field.map { .string($0) }),
            ("index", refusal.index.map { .integer($0) }),
            (
                "events",
                .sequence(
                    events.map { event in
                        .mapping([
                            ("id", event.id.map { .string($0) }), ("source", event.source.map { .string($0) }),
                            ("type", event.type.map { .string($0) }),
                        ])
                    })
            ),
        ])
    }
}
