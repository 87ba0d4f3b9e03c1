import ApusPorts
import ApusResources

/// What the API has changed of a replay that a file brings (promise 26). It stands in a row of its own beside the file's wish,
/// and holds until the file wishes something else.
struct ReplayOverride: Sendable, Equatable {
    /// Of its row; no resource has it.
    static let kind = "ReplayOverride"

    var isPaused: Bool
    var rate: Double?

    init(_ spec: ReplaySpec) {
        isPaused = spec.isPaused
        rate = spec.rate
    }

    /// As it is kept: JSON. nil where it is none.
    init?(_ document: String) {
        guard let node = try? JSONReader.document(Array(document.utf8)) else { return nil }
        isPaused = node["paused"]?.content == .boolean(true)
        if case .number(let text)? = node["rate"]?.content { rate = Double(text) }
    }

    var document: String {
        DocumentNode.mapping([("paused", .boolean(isPaused)), ("rate", rate.map { .decimal($0) })]).json()
    }

    func applied(to replay: Replay) -> Replay {
        var replay = replay
        (replay.spec.isPaused, replay.spec.rate) = (isPaused, rate)
        return replay
    }

    static func key(of replay: ResourceIdentity) -> ResourceIdentity {
        ResourceIdentity(kind: kind, namespace: replay.namespace, name: replay.name)
    }

    /// The rows of those that hold no more once `writes` are made.
    static func dropped(by writes: [StoredResource], stored: [ResourceIdentity: StoredResource]) -> [ResourceIdentity] {
        writes.filter { $0.key.kind == Replay.kind && ($0.removedAt != nil || $0.document != stored[$0.key]?.document) }
            .map { key(of: $0.key) }.filter { stored[$0] != nil }
    }
}
