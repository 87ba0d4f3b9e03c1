import ApusControl
import ApusResources
import HTTPTypes
import Hummingbird

extension ControlPlane {
    /// The read side of the resource API: discovery, lists and single resources, as `kubectl` and `apus get` ask for them.
    func addResources(to router: Router<BasicRequestContext>) {
        let controller = self.controller
        let served = controller.catalog.served
        router.get("apis") { _, _ in Response.json(ApiDiscovery.groups(served)) }
        router.get("apis/:group/:version") { _, context in
            let group = try context.parameters.require("group"), version = try context.parameters.require("version")
            guard let resources = ApiDiscovery.resources(served, group: group, version: version) else {
                return Self.failure(
                    code: 404, reason: "NotFound", message: "the group version \(group)/\(version) is not served; see GET /apis")
            }
            return Response.json(resources)
        }
        router.get("apis/:group/:version/:plural") { _, context in
            try await Self.list(controller, context, namespace: nil)
        }
        router.get("apis/:group/:version/namespaces/:namespace/:plural") { _, context in
            try await Self.list(controller, context, namespace: try context.parameters.require("namespace"))
        }
        router.get("apis/:group/:version/namespaces/:namespace/:plural/:name") { _, context in
            guard let kind = try Self.kind(context, controller) else { return Self.unknownKind(context) }
            let namespace = try context.parameters.require("namespace"), name = try context.parameters.require("name")
            guard let document = await controller.document(kind: kind, namespace: namespace, name: name) else {
                return Self.failure(
                    code: 404, reason: "NotFound", message: "\(kind.plural).\(kind.group) \"\(name)\" not found")
            }
            return Response.json(document.json())
        }
    }

    private static func list(
        _ controller: Controller, _ context: BasicRequestContext, namespace: String?
    ) async throws -> Response {
        guard let kind = try kind(context, controller) else { return unknownKind(context) }
        return Response.json(await controller.list(kind: kind, namespace: namespace).json())
    }

    static func kind(_ context: BasicRequestContext, _ controller: Controller) throws -> ResourceKind? {
        let group = try context.parameters.require("group"), version = try context.parameters.require("version")
        let plural = try context.parameters.require("plural")
        return controller.catalog.served.first { $0.group == group && $0.version == version && $0.plural == plural }
    }

    static func unknownKind(_ context: BasicRequestContext) -> Response {
        failure(code: 404, reason: "NotFound", message: "the server does not have that resource type; see GET /apis")
    }

    /// A failure as Kubernetes' API writes it.
    static func failure(code: Int, reason: String, message: String, causes: [FieldError] = []) -> Response {
        let list = causes.map { cause in
            DocumentNode.mapping([
                ("reason", .string("FieldValueInvalid")), ("message", .string(cause.message)), ("field", .string(cause.path)),
            ])
        }
        let status = DocumentNode.mapping([
            ("kind", .string("Status")), ("apiVersion", .string("v1")), ("status", .string("Failure")),
            ("message", .string(message)), ("reason", .string(reason)),
            ("details", list.isEmpty ? nil : .mapping([("causes", .sequence(list))])), ("code", .integer(code)),
        ])
        return Response.json(status.json(), status: .init(code: code))
    }
}

/// Discovery documents of the Kubernetes API: which groups, versions and kinds this node serves.
enum ApiDiscovery {
    /// `kinds` has one entry a kind and version, the preferred first.
    static func groups(_ kinds: [ResourceKind]) -> String {
        let versions = Dictionary(grouping: kinds, by: \.group)
        let groups = versions.keys.sorted().map { group in
            let names = Set(versions[group, default: []].map(\.version)).sorted()
            let entries = names.map { #"{"groupVersion":"\#(group)/\#($0)","version":"\#($0)"}"# }.joined(separator: ",")
            let preferred = entries.isEmpty ? "{}" : #"{"groupVersion":"\#(group)/\#(names[0])","version":"\#(names[0])"}"#
            return #"{"name":"\#(group)","versions":[\#(entries)],"preferredVersion":\#(preferred)}"#
        }
        return #"{"kind":"APIGroupList","apiVersion":"v1","groups":[\#(groups.joined(separator: ","))]}"#
    }

    private static func list(_ names: [String]) -> String { DocumentNode.sequence(names.map { .string($0) }).json() }

    static func resources(_ served: [ResourceKind], group: String, version: String) -> String? {
        let kinds = served.filter { $0.group == group && $0.version == version }
        guard !kinds.isEmpty else { return nil }
        let entries = kinds.map { kind in
            let category = group.hasPrefix("sources.") ? "sources" : "eventing"
            let verbs = kind == .replay ? ["create", "delete", "get", "list", "patch", "update"] : ["get", "list"]
            let categories = group == ResourceKind.replay.group ? ["all", "apus"] : ["all", "knative", category]
            return #"{"name":"\#(kind.plural)","singularName":"\#(kind.singular)","namespaced":true,"kind":"\#(kind.kind)","#
                + #""verbs":\#(list(verbs)),"shortNames":\#(list(kind.shortNames)),"categories":\#(list(categories))}"#
        }
        return #"{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"\#(group)/\#(version)","#
            + #""resources":[\#(entries.joined(separator: ","))]}"#
    }
}
