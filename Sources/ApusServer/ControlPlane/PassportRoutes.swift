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
        router.get("\(BrokerRoutes.base)/events/:position/passport") { request, context in
            try await BrokerRoutes.answer { try await PassportRoutes.passport(controller, request, context) }
        }
        router.get("v1/why") { request, _ in
            try await BrokerRoutes.answer { try await PassportRoutes.search(controller, request) }
        }
    }
}

enum PassportRoutes {
    fileprivate static func passport(
        _ controller: Controller, _ request: Request, _ context: BasicRequestContext
    ) async throws -> Response {
        let history = try await BrokerRoutes.history(controller, context)
        _ = try RequestQuery(request, known: [], now: controller.now)
        let record = try await BrokerRoutes.record(history, context)
        guard let facts = await controller.passportFacts(namespace: history.namespace, broker: history.broker) else {
            throw BrokerRoutes.Refusal(.notFound, "unknown-broker", "The broker \(history.broker) is being closed.")
        }
        do throws(HistoryError) {
            return Response.json(try await history.passport(of: record, facts: facts).document.json())
        } catch {
            throw BrokerRoutes.Refusal(error)
        }
    }

    fileprivate static func search(_ controller: Controller, _ request: Request) async throws -> Response {
        let query = try RequestQuery(request, known: ["id", "namespace", "broker"], now: controller.now)
        guard let id = try query.text("id"), !id.isEmpty else {
            throw RequestQuery.invalid("id", "id is needed: the id of an event.")
        }
        let found = await controller.search(
            id: id, namespace: try query.text("namespace"), broker: try query.text("broker"))
        return Response.json(found.document(id: id).json())
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
                            ("namespace", .string(hit.history.namespace)), ("broker", .string(hit.history.broker)),
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
