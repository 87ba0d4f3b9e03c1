import ApusPorts
import ApusRegistry
import CloudEvents
import Foundation

/// The log of a broker in the namespace `default` of a node that has ended, through the backend itself.
enum LogFiles {
    struct NoLog: Error {}

    static func open(dataDirectory: String, broker: String = "default") async throws -> OpenLog {
        let names = try FileManager.default.contentsOfDirectory(atPath: "\(dataDirectory)/brokers")
        guard let file = names.first(where: { $0.hasPrefix("default_\(broker)_") && $0.hasSuffix(".db") }) else { throw NoLog() }
        let uid = String(file.dropFirst("default_\(broker)_".count).dropLast(".db".count))
        let context = BackendContext(
            namespace: "default", broker: broker, uid: uid, dataDirectory: dataDirectory, clock: { Timestamp(nanoseconds: 0) })
        guard let backend = Registry.backends.first(where: { $0.brokerClass == "SQLite" }) else { throw NoLog() }
        return try await backend.open(context)
    }
}
