import ApusPorts
import ApusRegistry
import CloudEvents
import Foundation

/// The log of a broker in the namespace `default` of a node that has ended, through the backend itself.
enum LogFiles {
    struct NoLog: Error {}

    static func open(dataDirectory: String, broker: String = "default") async throws -> OpenLog {
        let prefix = "default_\(broker)_"
        let names = try FileManager.default.contentsOfDirectory(atPath: "\(dataDirectory)/brokers")
        guard let file = names.first(where: { $0.hasPrefix(prefix) && $0.hasSuffix(".db") }) else { throw NoLog() }
        let uid = String(file.dropFirst(prefix.count).dropLast(".db".count))
        let context = BackendContext(
            namespace: "default", broker: broker, uid: uid, dataDirectory: dataDirectory, clock: { Timestamp(nanoseconds: 0) })
        guard let backend = Registry.backends.first(where: { $0.brokerClass == "SQLite" }) else { throw NoLog() }
        return try await backend.open(context)
    }

    /// Every event of a broker's log, in order.
    static func events(dataDirectory: String, broker: String) async throws -> [LogRecord] {
        let open = try await open(dataDirectory: dataDirectory, broker: broker)
        var all: [LogRecord] = []
        var next: Int64 = 0
        while true {
            let page = try await open.log.read(.events, from: next, limit: ReadLimit(records: 512))
            guard let last = page.last else { break }
            all += page
            next = last.position.offset + 1
        }
        await open.log.close()
        return all
    }
}
