package import ApusResources

extension APIClient {
    /// Creates a resource, and gives its document with the name that it has: what `metadata.generateName` began, the node ends.
    ///
    /// - Parameter dryRun: Creates nothing; of a Replay the answer is a `ReplaySurvey`: what it would send, counted.
    @discardableResult
    package func create(_ resource: Resource, dryRun: Bool = false) async throws(Failure) -> DocumentNode {
        let kind = try kind(of: resource)
        let path = Self.path(kind, namespace: resource.metadata.namespace).with("dryRun", dryRun ? "All" : nil)
        return try await call("POST", path.text, body: resource.document(withStatus: false))
    }

    /// Puts a resource in the place of the one of its name. A `resourceVersion` that is not the one in force is refused with 409.
    @discardableResult
    package func update(_ resource: Resource) async throws(Failure) -> DocumentNode {
        let path = Self.path(try kind(of: resource), namespace: resource.metadata.namespace, name: resource.metadata.name)
        return try await call("PUT", path.text, body: resource.document(withStatus: false))
    }

    /// Merges a JSON Merge Patch (RFC 7396) onto a resource, such as `{"spec":{"paused":true}}`.
    @discardableResult
    package func patch(
        _ kind: ResourceKind, namespace: String, name: String, _ patch: DocumentNode
    ) async throws(Failure) -> DocumentNode {
        try await call("PATCH", Self.path(kind, namespace: namespace, name: name).text, body: patch)
    }

    package func delete(_ kind: ResourceKind, namespace: String, name: String) async throws(Failure) {
        _ = try await call("DELETE", Self.path(kind, namespace: namespace, name: name).text)
    }

    private func kind(of resource: Resource) throws(Failure) -> ResourceKind {
        guard let kind = catalog.served.first(where: { $0.kind == resource.identity.kind }) else {
            throw Failure(message: "a node keeps a \(resource.identity.kind) in files, and serves none: apus serve -f FILE")
        }
        return kind
    }

    private static func path(_ kind: ResourceKind, namespace: String, name: String? = nil) -> APIPath {
        APIPath(["apis", kind.group, kind.version, "namespaces", namespace, kind.plural] + (name.map { [$0] } ?? []))
    }
}
