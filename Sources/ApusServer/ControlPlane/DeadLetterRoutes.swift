import ApusControl
import ApusHistory
import ApusPorts
import ApusResources
import CloudEvents
import HTTPTypes
import Hummingbird

extension ControlPlane {
    /// Dead letters, for people and tools that work them (promises 17 and 18):
    ///
    ///     GET  …/deadletters[?group=true]        lists, the newest first; groups by trigger, reason and kind of error
    ///     GET  …/deadletters/{position}          one, with its event and all that is known of it
    ///     POST …/deadletters/{position}/edit     {"event": …}: a changed copy
    ///     POST …/deadletters/purge               {…, "confirm": true}; without, the plan
    func addDeadLetters(to router: Router<BasicRequestContext>) {
        let controller = self.controller, base = BrokerRoutes.base + "/deadletters"
        router.get("\(base)") { request, context in
            try await BrokerRoutes.answer { try await Self.deadLetters(controller, request, context) }
        }
        router.get("\(base)/:position") { _, context in
            try await BrokerRoutes.answer {
                let history = try await BrokerRoutes.history(controller, context)
                let position = try Self.position(context)
                do throws(DeadLetterMiss) {
                    return Response.json(try await history.deadLetter(at: position).document.json())
                } catch {
                    throw BrokerRoutes.Refusal(DeadLetterRefusal(error, at: position))
                }
            }
        }
        router.post("\(base)/:position/edit") { request, context in
            try await BrokerRoutes.answer { try await Self.edit(controller, request, context) }
        }
        router.post("\(base)/purge") { request, context in
            try await BrokerRoutes.answer { try await Self.purge(controller, request, context) }
        }
    }

    private static func deadLetters(
        _ controller: Controller, _ request: Request, _ context: BasicRequestContext
    ) async throws -> Response {
        let history = try await BrokerRoutes.history(controller, context)
        let wish = try DeadLetterRequest(request, and: ["group", "limit", "cursor"], now: controller.now)
        let letters = try wish.letters(), limit = try wish.limit()
        if try wish.query.flag("group") == true { return try await groups(letters, of: history) }
        do throws(HistoryError) {
            return Response.json(try await history.deadLetters(letters, limit: limit).document.json())
        } catch {
            throw BrokerRoutes.Refusal(error)
        }
    }

    private static func groups(_ letters: DeadLetterQuery, of history: BrokerHistory) async throws -> Response {
        do throws(HistoryError) {
            return Response.json(try await history.deadLetterGroups(letters).document.json())
        } catch {
            throw BrokerRoutes.Refusal(error)
        }
    }

    private static func position(_ context: BasicRequestContext) throws -> Position {
        try RequestQuery.position(try context.parameters.require("position").removingPercentEncoding, "position")
    }

    private static func edit(
        _ controller: Controller, _ request: Request, _ context: BasicRequestContext
    ) async throws -> Response {
        let namespace = try context.parameters.require("namespace"), broker = try context.parameters.require("broker")
        let position = try position(context)
        let body = try await BrokerRoutes.document(of: request)
        guard let event = body["event"], case .mapping(let members) = body.content, members.count == 1 else {
            throw BrokerRoutes.Refusal(
                .badRequest, "invalid-body", #"The body is {"event": …} with the whole event in the JSON event format."#,
                field: "event")
        }
        do throws(DeadLetterRefusal) {
            let edit = try await controller.editDeadLetter(
                namespace: namespace, broker: broker, at: position, event: Array(event.json().utf8))
            let answer = DocumentNode.mapping([
                ("original", .string("\(edit.original)")), ("copy", .string("\(edit.copy)")),
            ])
            return Response.json(answer.json(), status: .created)
        } catch {
            throw BrokerRoutes.Refusal(error)
        }
    }

    private static func purge(
        _ controller: Controller, _ request: Request, _ context: BasicRequestContext
    ) async throws -> Response {
        let history = try await BrokerRoutes.history(controller, context)
        let wish = try DeadLetterRequest(
            try await BrokerRoutes.document(of: request), and: ["confirm", "all", "cursor"], now: controller.now)
        let letters = try wish.letters()
        guard try wish.query.flag("all") == true || wish.selectsSomething else {
            throw BrokerRoutes.Refusal(
                .badRequest, "nothing-selected",
                "Nothing is selected: give trigger, reason, type, filter, from, until or position, or \"all\": true.")
        }
        guard try wish.query.flag("confirm") == true else { return try await groups(letters, of: history) }
        do throws(DeadLetterRefusal) {
            let purge = try await controller.purgeDeadLetters(
                namespace: history.namespace, broker: history.broker, letters)
            return Response.json(purge.document.json())
        } catch {
            throw BrokerRoutes.Refusal(error)
        }
    }
}

extension BrokerRoutes.Refusal {
    init(_ refusal: DeadLetterRefusal) {
        self.init(.init(code: refusal.status), refusal.code, refusal.message, field: refusal.field)
    }
}
