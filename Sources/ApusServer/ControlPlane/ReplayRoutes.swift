import ApusResources
import HTTPTypes
import Hummingbird
import NIOCore

/// The write side of the resource API, for Replays: every other kind comes from files.
///
///     POST   …/namespaces/{namespace}/replays           creates one: 201; with ?dryRun=All a ReplaySurvey: 200
///     PUT    …/namespaces/{namespace}/replays/{name}    the whole resource anew
///     PATCH  …/namespaces/{namespace}/replays/{name}    a merge patch
///     DELETE …/namespaces/{namespace}/replays/{name}
struct ReplayRoutes: Sendable {
    /// Those that the node serves.
    let kinds: [ResourceKind]
    let writer: ReplayWriter

    func add(to router: Router<BasicRequestContext>) {
        let list: RouterPath = "apis/:group/:version/namespaces/:namespace/:plural"
        let one: RouterPath = "apis/:group/:version/namespaces/:namespace/:plural/:name"
        let writer = writer
        add(to: router, .post, list) { request, place, dryRun throws(WriteFailure) in
            let body = try await Self.document(request, .whole)
            guard !dryRun else { return Response.json(try await writer.survey(body, namespace: place.namespace).json()) }
            return Response.json(try await writer.create(body, namespace: place.namespace).json(), status: .created)
        }
        add(to: router, .put, one) { request, place, dryRun throws(WriteFailure) in
            try Self.refuse(dryRun)
            let body = try await Self.document(request, .whole)
            return Response.json(try await writer.replace(body, namespace: place.namespace, name: place.name).json())
        }
        add(to: router, .patch, one) { request, place, dryRun throws(WriteFailure) in
            try Self.refuse(dryRun)
            let body = try await Self.document(request, .patch)
            return Response.json(try await writer.patch(body, namespace: place.namespace, name: place.name).json())
        }
        add(to: router, .delete, one) { _, place, dryRun throws(WriteFailure) in
            try Self.refuse(dryRun)
            try await writer.remove(namespace: place.namespace, name: place.name)
            return Self.removed(place.name)
        }
    }

    private typealias Place = (namespace: String, name: String)
    private typealias Handler =
        @Sendable (Request, Place, _ dryRun: Bool) async throws(WriteFailure) -> Response

    private func add(
        to router: Router<BasicRequestContext>, _ method: HTTPRequest.Method, _ path: RouterPath, _ handler: @escaping Handler
    ) {
        let kinds = kinds
        router.on(path, method: method) { request, context in
            let parameters = context.parameters
            let place = (try parameters.require("namespace"), parameters.get("name") ?? "")
            let group = try parameters.require("group"), version = try parameters.require("version")
            let plural = try parameters.require("plural")
            guard let kind = kinds.first(where: { $0.group == group && $0.version == version && $0.plural == plural }) else {
                return ControlPlane.unknownKind(context)
            }
            guard kind == .replay else {
                return ControlPlane.failure(
                    code: 405, reason: "MethodNotAllowed",
                    message: "\(kind.plural).\(kind.group) are changed in the files that apus serve -f names; "
                        + "here only replays.apus.dev can be written")
            }
            do throws(WriteFailure) {
                let value = request.uri.queryParameters["dryRun"].map(String.init)
                return try await handler(request, place, try ReplayRequest.isDryRun(value))
            } catch {
                return ControlPlane.failure(
                    code: error.status, reason: error.reason, message: error.message, causes: error.causes)
            }
        }
    }

    private static func document(_ request: Request, _ form: ReplayRequest.Form) async throws(WriteFailure) -> DocumentNode {
        let bytes: ByteBuffer
        do {
            bytes = try await request.body.collect(upTo: ReplayRequest.bodyBytesMax)
        } catch is NIOTooManyBytesError {
            throw WriteFailure(
                status: 413, reason: "RequestEntityTooLarge",
                message: "the body is larger than \(ReplayRequest.bodyBytesMax) bytes")
        } catch {
            throw .badRequest("the body cannot be read: \(error)")
        }
        return try ReplayRequest.document(Array(buffer: bytes), mediaType: request.headers[.contentType], form)
    }

    /// What would be changed cannot be told without changing it.
    private static func refuse(_ dryRun: Bool) throws(WriteFailure) {
        guard !dryRun else { throw .badRequest("dryRun is for creating a Replay only; nothing was changed") }
    }

    private static func removed(_ name: String) -> Response {
        let kind = ResourceKind.replay
        let details = DocumentNode.mapping([
            ("name", .string(name)), ("group", .string(kind.group)), ("kind", .string(kind.plural)),
        ])
        let status = DocumentNode.mapping([
            ("kind", .string("Status")), ("apiVersion", .string("v1")), ("status", .string("Success")), ("details", details),
        ])
        return Response.json(status.json())
    }
}
