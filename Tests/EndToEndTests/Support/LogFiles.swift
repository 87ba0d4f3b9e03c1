import ApusPorts
import ApusRegistry
import CloudEvents
import Foundation

/// The log of the broker `default/default` of a node that has ended, through the backend itself.
enum LogFiles {
    struct NoLog: Error {}

    static func open(dataDirectory: String) async throws -> OpenLog {
        let names = try FileManager.default.contentsOfDirectory(atPath: "\(dataDirectory)/brokers")
        guard let file = names.first(where: { $0.hasPrefix("default_default_") && $0.hasSuffix(".db") }) else { throw NoLog() }
        let uid = String(file.dropFirst("default_default_".count).dropLast(".db".count))
        let context = BackendContext(
            namespace: "default", broker: "default", uid: uid, dataDirectory: dataDirectory, clock: { Timestamp(nanoseconds: 0) })
        guard let backend = Registry.backends.first(where: { $0.brokerClass == "SQLite" }) else { throw NoLog() }
        return try await backend.open(context)
    }
}
