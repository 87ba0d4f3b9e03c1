import ApusPorts
import ApusResources

/// What a request that writes a Replay says. Pure.
enum ReplayRequest {
    /// What comes by the API is as large as what comes from a file.
    static let bodyBytesMax = Limits.manifestFileBytesMax

    enum Form {
        case whole, patch

        var mediaTypes: [String] {
            switch self {
            case .whole: ["application/json"]
            case .patch: ["application/merge-patch+json", "application/json"]
            }
        }
    }

    /// The body as a document. Without a media type it is taken for JSON, as Kubernetes does.
    static func document(_ bytes: [UInt8], mediaType: String?, _ form: Form) throws(WriteFailure) -> DocumentNode {
        let type = mediaType?.split(separator: ";", omittingEmptySubsequences: false).first?.lowercased() ?? ""
        let bare = type.filter { $0 != " " && $0 != "\t" }
        guard bare.isEmpty || form.mediaTypes.contains(bare) else {
            let known = form.mediaTypes.joined(separator: " or ")
            throw WriteFailure(
                status: 415, reason: "UnsupportedMediaType",
                message: "the body of the request was in an unknown format: \(bare); \(known) is needed")
        }
        do throws(FieldError) {
            return try JSONReader.document(bytes)
        } catch {
            throw .badRequest("the body is no JSON: \(error)")
        }
    }

    /// Whether only a survey is asked for: Kubernetes' `dryRun=All`.
    static func isDryRun(_ value: String?) throws(WriteFailure) -> Bool {
        guard let value else { return false }
        guard value == "All" else { throw .badRequest("dryRun: Invalid value: \"\(value)\": supported values: \"All\"") }
        return true
    }

    /// The Replay of a document, whose namespace, and name where that is given, are the path's.
    static func replay(_ document: DocumentNode, namespace: String, name: String?) throws(WriteFailure) -> Replay {
        let place = DocumentNode.mapping([
            ("metadata", .mapping([("name", name.map { .string($0) }), ("namespace", .string(namespace))]))
        ])
        let whole = place.merging(document)
        let resource: Resource
        do throws(FieldErrors) {
            resource = try Resource(whole)
        } catch {
            throw invalid(error, name: whole["metadata"]?["name"]?.text ?? "")
        }
        guard case .replay(let replay) = resource else {
            throw .badRequest("the body must be a Replay, was a \(resource.identity.kind)")
        }
        let metadata = replay.metadata
        guard metadata.namespace == namespace else {
            throw .badRequest(
                "the namespace of the body (\(metadata.namespace)) does not match the namespace of the path (\(namespace))")
        }
        guard name == nil || name == metadata.name else {
            throw .badRequest("the name of the body (\(metadata.name)) does not match the name of the path (\(name ?? ""))")
        }
        return replay
    }

    private static func invalid(_ errors: FieldErrors, name: String) -> WriteFailure {
        let causes = errors.errors.map { FieldError(path: $0.path, message: $0.message) }
        let sentences = causes.map(\.description).joined(separator: ", ")
        let list = causes.count == 1 ? sentences : "[\(sentences)]"
        return WriteFailure(
            status: 422, reason: "Invalid", message: "\(Replay.kind).apus.dev \"\(name)\" is invalid: \(list)", causes: causes)
    }
}
