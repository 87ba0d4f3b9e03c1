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
        let wish = try DeadLetterRequest(request, and: ["group", "limit", "cursor"])
        let query = try wish.query(now: controller.now)
        let limit = try wish.limit(default: 100, max: Limits.deadLettersPageMax)
        let isGrouped = try wish.boolean("group")
        do throws(LogError) {
            guard isGrouped else {
                return Response.json(try await history.deadLetters(query, limit: limit).document.json())
            }
            return Response.json(try await history.deadLetterGroups(query).document.json())
        } catch {
            throw BrokerRoutes.Refusal(DeadLetterRefusal(error))
        }
    }

    private static func position(_ context: BasicRequestContext) throws -> Position {
        let text = try context.parameters.require("position")
        guard let position = Position(text) else {
            throw BrokerRoutes.Refusal(
                .badRequest, "invalid-position", "\"\(text)\" is no position of a dead letter: one such as 0:12 is needed.",
                field: "position")
        }
        return position
    }

    private static func edit(
        _ controller: Controller, _ request: Request, _ context: BasicRequestContext
    ) async throws -> Response {
        let namespace = try context.parameters.require("namespace"), broker = try context.parameters.require("broker")
        let position = try position(context)
        let body = try await body(of: request)
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
        let wish = try DeadLetterRequest(try await body(of: request), and: ["confirm", "all", "cursor"])
        let query = try wish.query(now: controller.now)
        guard try wish.boolean("all") || wish.selectsSomething else {
            throw DeadLetterRequest.refusal(
                "Nothing is selected: give trigger, reason, type, filter, from, until or position, or \"all\": true.")
        }
        guard try wish.boolean("confirm") else {
            do throws(LogError) {
                return Response.json(try await history.deadLetterGroups(query).document.json())
            } catch {
                throw BrokerRoutes.Refusal(DeadLetterRefusal(error))
            }
        }
        do throws(DeadLetterRefusal) {
            let purge = try await controller.purgeDeadLetters(
                namespace: history.namespace, broker: history.broker, query)
            return Response.json(purge.document.json())
        } catch {
            throw BrokerRoutes.Refusal(error)
        }
    }

    private static func body(of request: Request) async throws -> DocumentNode {
        var request = request
        let buffer: ByteBuffer
        do {
            buffer = try await request.collectBody(upTo: Limits.batchBytesMax)
        } catch let error as HTTPError where error.status == .contentTooLarge {
            throw BrokerRoutes.Refusal(
                .contentTooLarge, "body-too-large", "The body is larger than \(Limits.batchBytesMax) bytes.")
        }
        do throws(FieldError) {
            return try JSONReader.document(Array(buffer.readableBytesView))
        } catch {
            throw BrokerRoutes.Refusal(.badRequest, "invalid-json", "The body \(error.message).")
        }
    }
}

extension BrokerRoutes.Refusal {
    init(_ refusal: DeadLetterRefusal) {
        self.init(.init(code: refusal.status), refusal.code, refusal.message, field: refusal.field)
    }
}
