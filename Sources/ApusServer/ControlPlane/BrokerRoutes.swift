import ApusControl
import ApusHistory
import ApusResources
import HTTPTypes
import Hummingbird

/// What the routes below `/v1/namespaces/{namespace}/brokers/{name}` share.
enum BrokerRoutes {
    static let base = "v1/namespaces/:namespace/brokers/:broker"

    /// Why a request below `/v1` is not answered: the body that refusals of the data plane have too (promise 5).
    struct Refusal: Error {
        var status: HTTPResponse.Status
        var code: String
        /// What was wrong, and what would be right.
        var message: String
        var field: String?

        init(_ status: HTTPResponse.Status, _ code: String, _ message: String, field: String? = nil) {
            self.status = status
            self.code = code
            self.message = message
            self.field = field
        }

        var response: Response {
            let body = DocumentNode.mapping([
                ("error", .string(code)), ("message", .string(message)), ("field", field.map { .string($0) }),
            ])
            return Response.json(body.json(), status: status)
        }
    }

    /// The history of the broker that the path names.
    static func history(_ controller: Controller, _ context: BasicRequestContext) async throws -> BrokerHistory {
        let namespace = try context.parameters.require("namespace"), broker = try context.parameters.require("broker")
        guard let history = await controller.history(namespace: namespace, broker: broker) else {
            throw Refusal(
                .notFound, "unknown-broker", "There is no broker \(broker) in namespace \(namespace), or its log is not open.")
        }
        return history
    }

    /// Runs a handler; a ``Refusal`` that it throws is its answer.
    static func answer(_ body: () async throws -> Response) async throws -> Response {
        do {
            return try await body()
        } catch let refusal as Refusal {
            return refusal.response
        }
    }
}
