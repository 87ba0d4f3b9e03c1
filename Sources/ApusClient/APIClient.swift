package import ApusHTTP
package import ApusResources
import CloudEvents

/// Typed client of a node's resource API: what the CLI and the end-to-end tests speak.
package struct APIClient: Sendable {
    let http: HTTPClient
    let server: String
    let catalog: SourceCatalog

    /// - Parameters:
    ///   - server: The control plane's base URL, e.g. `http://127.0.0.1:8081`.
    ///   - catalog: The kinds of sources that answers may hold.
    package init(server: String, http: HTTPClient, catalog: SourceCatalog = .none) {
        self.catalog = catalog
        self.server = server.hasSuffix("/") ? String(server.dropLast()) : server
        self.http = http
    }

    /// Why the node did not give what was asked: a sentence for a person.
    package struct Failure: Error, CustomStringConvertible {
        /// The HTTP status; nil where no answer came.
        package var status: Int?
        package var message: String
        package var description: String { message }
    }

    /// All resources of a kind in a namespace, or in all of them where that is nil.
    package func list(_ kind: ResourceKind, namespace: String?) async throws(Failure) -> [Resource] {
        let place = namespace.map { "/namespaces/\($0)" } ?? ""
        let list = try await document(at: "/apis/\(kind.apiVersion)\(place)/\(kind.plural)")
        guard case .sequence(let items)? = list["items"]?.content else { throw unreadable("the list has no items") }
        var resources: [Resource] = []
        for item in items { resources.append(try resource(item)) }
        return resources
    }

    /// One resource.
    package func get(_ kind: ResourceKind, namespace: String, name: String) async throws(Failure) -> Resource {
        try resource(await document(at: "/apis/\(kind.apiVersion)/namespaces/\(namespace)/\(kind.plural)/\(name)"))
    }

    private func resource(_ document: DocumentNode) throws(Failure) -> Resource {
        do throws(FieldErrors) {
            return try Resource(document, catalog: catalog)
        } catch {
            throw unreadable("\(error)")
        }
    }

    private func document(at path: String) async throws(Failure) -> DocumentNode { try await call("GET", path) }

    /// Asks the node and gives the document that it answers with a status of 200 to 299.
    ///
    /// - Parameter path: From the server's root on, with its query where it has one: see ``APIPath``.
    package func call(
        _ method: String, _ path: String, body: DocumentNode? = nil, bodyBytesMax: Int = 16_777_216
    ) async throws(Failure) -> DocumentNode {
        let answer = try await send(method, path, accept: "application/json", body: body, bodyBytesMax: bodyBytesMax)
        guard (200...299).contains(answer.status) else { throw refusal(answer, path) }
        do throws(FieldError) {
            return try JSONReader.document(answer.body)
        } catch {
            throw noJSON(answer.status, path)
        }
    }

    /// Asks the node and gives its answer, whatever it is.
    func send(
        _ method: String, _ path: String, accept: String, body: DocumentNode? = nil, bodyBytesMax: Int
    ) async throws(Failure) -> HTTPAnswer {
        var headers = [(name: "Accept", value: accept)]
        if body != nil {
            let type = method == "PATCH" ? "application/merge-patch+json" : "application/json"
            headers.append((name: "Content-Type", value: type))
        }
        do throws(HTTPFailure) {
            return try await http.request(
                method, server + path, headers: headers, body: body.map { Array($0.json().utf8) } ?? [],
                bodyBytesMax: bodyBytesMax)
        } catch {
            throw noAnswer(error)
        }
    }

    /// What a person is told where no answer came.
    package func noAnswer(_ failure: HTTPFailure) -> Failure {
        Failure(
            message: "\(server) does not answer: \(failure.message). "
                + "Is `apus serve` running? Another control plane is named with --server URL or APUS_SERVER.")
    }

    func refusal(_ answer: HTTPAnswer, _ path: String) -> Failure { refusal(status: answer.status, answer.body, path) }

    /// What a refusal's body says.
    func refusal(status: Int, _ body: [UInt8], _ path: String) -> Failure {
        guard let document = try? JSONReader.document(body) else { return noJSON(status, path) }
        return Failure(status: status, message: document["message"]?.text ?? "\(server)\(path) answered \(status)")
    }

    private func noJSON(_ status: Int, _ path: String) -> Failure {
        Failure(
            status: status,
            message: "\(server)\(path) answered \(status) with something that is no JSON: is this an Apus control plane?")
    }

    private func unreadable(_ detail: String) -> Failure {
        Failure(message: "\(server) answered with a resource that cannot be read: \(detail)")
    }
}
