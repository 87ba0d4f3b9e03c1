public import ApusResources
public import CloudEvents

/// The node's desired state: resources as JSON documents, whatever they are (house plan, the log port).
public protocol ResourceStore: AnyObject, Sendable {
    /// Everything that is stored, removed ones that are still kept included.
    func loadAll() async throws -> [StoredResource]
    /// Writes some and forgets others, whole or not at all; durable when it returns.
    func write(_ upserts: [StoredResource], forget: [ResourceIdentity]) async throws
    func close() async
}

public struct StoredResource: Sendable, Equatable {
    public var key: ResourceIdentity
    public var uid: String
    /// The document without status, as JSON.
    public var document: String
    public var generation: Int64
    public var resourceVersion: Int64
    public var createdAt: Timestamp
    /// The file that owns it (promise 26), or nil.
    public var file: String?
    /// When it was removed; its log, cursors and dead letters are kept for ``Limits/removedKeptHours`` from then.
    public var removedAt: Timestamp?

    public init(
        key: ResourceIdentity, uid: String, document: String, generation: Int64, resourceVersion: Int64, createdAt: Timestamp,
        file: String? = nil, removedAt: Timestamp? = nil
    ) {
        self.key = key
        self.uid = uid
        self.document = document
        self.generation = generation
        self.resourceVersion = resourceVersion
        self.createdAt = createdAt
        self.file = file
        self.removedAt = removedAt
    }
}
