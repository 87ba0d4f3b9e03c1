package import ApusResources

extension Controller {
    /// Begins a replay, and answers it with its status.
    package func createReplay(_ replay: Replay) async throws(ReplayRefusal) -> DocumentNode { throw Self.noReplays }

    /// What a replay would send, counted; nothing is begun.
    package func surveyReplay(_ replay: Replay) async throws(ReplayRefusal) -> DocumentNode { throw Self.noReplays }

    /// Takes a replay's new wish, whole. A `resourceVersion` that is not the one in force is refused with 409 `Conflict` of the field `metadata.resourceVersion`.
    package func updateReplay(
        _ replay: Replay, namespace: String, name: String
    ) async throws(ReplayRefusal) -> DocumentNode { throw Self.noReplays }

    /// Cancels a replay and removes it.
    package func deleteReplay(namespace: String, name: String) async throws(ReplayRefusal) { throw Self.noReplays }

    private static var noReplays: ReplayRefusal {
        ReplayRefusal(status: 501, reason: "NotImplemented", message: "this build runs no replays")
    }
}
