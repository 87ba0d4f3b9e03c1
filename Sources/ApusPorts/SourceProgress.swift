/// What one source keeps between its starts, durably: a few small values by name. It belongs to the resource's UID: it is there
/// after a restart, a change, a pause, and where a removed resource is applied again within ``Limits/removedKeptHours``.
public protocol SourceProgress: Sendable {
    /// nil where nothing was saved by that name.
    func load(_ name: String) async throws(LogError) -> [UInt8]?
    /// Durable when it returns. nil forgets. At most ``Limits/progressValueBytesMax`` bytes.
    func save(_ name: String, _ value: [UInt8]?) async throws(LogError)
}

/// The node's store of all sources' progress.
public protocol ProgressStore: AnyObject, Sendable {
    func loadProgress(of uid: String, _ name: String) async throws(LogError) -> [UInt8]?
    func saveProgress(of uid: String, _ name: String, _ value: [UInt8]?) async throws(LogError)
    /// Forgets all that a source has kept.
    func forgetProgress(of uid: String) async throws(LogError)
}

/// One source's part of the node's store.
public struct StoredProgress: SourceProgress {
    private let store: any ProgressStore
    private let uid: String

    public init(_ store: any ProgressStore, uid: String) {
        self.store = store
        self.uid = uid
    }

    public func load(_ name: String) async throws(LogError) -> [UInt8]? { try await store.loadProgress(of: uid, name) }

    public func save(_ name: String, _ value: [UInt8]?) async throws(LogError) {
        if let value, value.count > Limits.progressValueBytesMax { throw .tooLarge(limit: Limits.progressValueBytesMax) }
        try await store.saveProgress(of: uid, name, value)
    }
}
