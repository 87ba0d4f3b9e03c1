import ApusControl
import ApusResources

/// What the routes that write Replays ask of the node: its controller, or a test's stand-in.
struct ReplayWriter: Sendable {
    /// The document in force; nil where there is none.
    var current: @Sendable (_ namespace: String, _ name: String) async -> DocumentNode?
    var create: @Sendable (Replay) async throws(ReplayRefusal) -> DocumentNode
    var survey: @Sendable (Replay) async throws(ReplayRefusal) -> DocumentNode
    var update: @Sendable (Replay, _ namespace: String, _ name: String) async throws(ReplayRefusal) -> DocumentNode
    var delete: @Sendable (_ namespace: String, _ name: String) async throws(ReplayRefusal) -> Void
    /// Draws a name that the node makes.
    var seed: @Sendable () -> UInt64
}

extension ReplayWriter {
    init(_ controller: Controller, seed: @escaping @Sendable () -> UInt64) {
        current = { await controller.document(kind: .replay, namespace: $0, name: $1) }
        create = { (replay) async throws(ReplayRefusal) in try await controller.createReplay(replay) }
        survey = { (replay) async throws(ReplayRefusal) in try await controller.surveyReplay(replay) }
        update = { (replay, namespace, name) async throws(ReplayRefusal) in
            try await controller.updateReplay(replay, namespace: namespace, name: name)
        }
        delete = { (namespace, name) async throws(ReplayRefusal) in
            try await controller.deleteReplay(namespace: namespace, name: name)
        }
        self.seed = seed
    }

    /// How often a name is drawn anew where it is taken, and a patch merged anew where somebody else wrote meanwhile.
    private static let attemptsMax = 8

    /// Creates the Replay that a body describes, with a name that is made where it asks for one.
    func create(_ body: DocumentNode, namespace: String) async throws(WriteFailure) -> DocumentNode {
        try await again(whileRefusedAs: "AlreadyExists") { () async throws(WriteFailure) in
            let named = GeneratedName.naming(body, seed: seed())
            let replay = try ReplayRequest.replay(named ?? body, namespace: namespace, name: nil)
            do throws(ReplayRefusal) {
                return try await create(replay)
            } catch {
                throw WriteFailure(error, isPassing: named != nil)
            }
        }
    }

    func survey(_ body: DocumentNode, namespace: String) async throws(WriteFailure) -> DocumentNode {
        // Nothing is made of it, so it needs no name.
        let unnamed = DocumentNode.mapping([("metadata", .mapping([("generateName", .string("survey-"))]))]).merging(body)
        let named = GeneratedName.naming(unnamed, seed: seed()) ?? unnamed
        let replay = try ReplayRequest.replay(named, namespace: namespace, name: nil)
        do throws(ReplayRefusal) {
            return try await survey(replay)
        } catch {
            throw WriteFailure(error)
        }
    }

    func replace(_ body: DocumentNode, namespace: String, name: String) async throws(WriteFailure) -> DocumentNode {
        let replay = try ReplayRequest.replay(body, namespace: namespace, name: name)
        do throws(ReplayRefusal) {
            return try await update(replay, namespace, name)
        } catch {
            throw WriteFailure(error)
        }
    }

    /// Merges a patch onto the document in force. A patch that names no `resourceVersion` has its way whatever else is written.
    func patch(_ patch: DocumentNode, namespace: String, name: String) async throws(WriteFailure) -> DocumentNode {
        guard case .mapping = patch.content else {
            throw .badRequest("a merge patch is a JSON object, this is \(patch.typeName)")
        }
        let isFixed = patch["metadata"]?["resourceVersion"] != nil
        return try await again(whileRefusedAs: "Conflict") { () async throws(WriteFailure) in
            guard let document = await current(namespace, name) else {
                throw WriteFailure(status: 404, reason: "NotFound", message: "replays.apus.dev \"\(name)\" not found")
            }
            let replay = try ReplayRequest.replay(document.merging(patch), namespace: namespace, name: name)
            do throws(ReplayRefusal) {
                return try await update(replay, namespace, name)
            } catch {
                throw WriteFailure(error, isPassing: !isFixed && error.field == "metadata.resourceVersion")
            }
        }
    }

    func remove(namespace: String, name: String) async throws(WriteFailure) {
        do throws(ReplayRefusal) {
            try await delete(namespace, name)
        } catch {
            throw WriteFailure(error)
        }
    }

    private func again(
        whileRefusedAs reason: String, _ body: () async throws(WriteFailure) -> DocumentNode
    ) async throws(WriteFailure) -> DocumentNode {
        for _ in 1..<Self.attemptsMax {
            do throws(WriteFailure) {
                return try await body()
            } catch {
                guard error.isPassing, error.reason == reason else { throw error }
            }
        }
        return try await body()
    }
}

/// Why a write is refused, as Kubernetes' API says it.
struct WriteFailure: Error {
    var status: Int
    /// Kubernetes' word for it.
    var reason: String
    var message: String
    /// Path and sentence of each field that is wrong.
    var causes: [FieldError] = []
    /// Whether it may go well when the same is asked again.
    var isPassing = false

    init(status: Int, reason: String, message: String, causes: [FieldError] = []) {
        self.status = status
        self.reason = reason
        self.message = message
        self.causes = causes
    }

    init(_ refusal: ReplayRefusal, isPassing: Bool = false) {
        self.init(
            status: refusal.status, reason: refusal.reason, message: refusal.message,
            causes: refusal.field.map { [FieldError(path: $0, message: refusal.message)] } ?? [])
        self.isPassing = isPassing
    }

    static func badRequest(_ message: String) -> WriteFailure {
        WriteFailure(status: 400, reason: "BadRequest", message: message)
    }
}
