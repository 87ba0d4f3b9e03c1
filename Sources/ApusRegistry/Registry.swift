package import ApusPorts
internal import BrokerMemory
package import BrokerSQLite

/// What this build is made of: the one list of log backends, and the node's own store.
package enum Registry {
    /// Every broker class that this build knows. The first is the default (promise 24).
    package static let backends: [any LogBackend.Type] = [SQLiteBackend.self, MemoryBackend.self]

    /// The class of a Broker that names none, or `MTChannelBasedBroker`.
    package static var defaultClass: String { SQLiteBackend.brokerClass }

    /// The backend of a class as the annotation names it, or nil where this build does not know it.
    package static func backend(of brokerClass: String) -> (any LogBackend.Type)? {
        backends.first { $0.brokerClass.utf8.elementsEqual(brokerClass.utf8) }
    }

    /// Makes and locks the node's data directory; it is locked for as long as the result lives.
    package static func lock(dataDirectory: String) throws(DataDirectoryError) -> DataDirectory {
        try DataDirectory.lock(dataDirectory)
    }

    /// Opens the node's resources in its data directory.
    package static func openResources(dataDirectory: String) async throws -> any ResourceStore {
        try await SQLiteResourceStore.open(dataDirectory: dataDirectory)
    }
}
