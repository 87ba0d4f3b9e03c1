package import ApusPorts
package import ApusResources
internal import BrokerMemory
internal import BrokerSQLite
internal import SourceKafka
internal import SourceNATS
internal import SourcePing

/// What this build is made of: the lists of log backends and of sources, and the node's own store.
package enum Registry {
    /// Every broker class that this build knows. The first is the default (promise 24).
    package static let backends: [any LogBackend.Type] = [SQLiteBackend.self, MemoryBackend.self]

    /// Every kind of source that this build knows.
    package static let sources: [any SourceKind.Type] = [PingSource.self, KafkaSource.self, NatsSource.self]

    /// Their schemas, for whatever reads documents.
    package static let catalog = SourceCatalog(sources.map { $0.schema })
}

/// The node's data directory, locked for as long as this lives, and the resources in it.
package struct NodeStore: Sendable {
    package let resources: any ResourceStore
    /// What sources keep between their starts; closed with the resources.
    package let progress: any ProgressStore
    private let directory: DataDirectory

    package var path: String { directory.path }

    /// Makes and locks the directory, and opens the resources: one process a directory.
    package static func open(dataDirectory: String) async throws -> NodeStore {
        let directory = try DataDirectory.lock(dataDirectory)
        let store = try await SQLiteResourceStore.open(dataDirectory: directory.path)
        return NodeStore(resources: store, progress: store, directory: directory)
    }
}
