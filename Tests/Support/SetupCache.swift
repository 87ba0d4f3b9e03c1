import Foundation

/// Servers and clients that `scripts/setup` keeps for the tests.
package enum SetupCache {
    /// Python with nats-py, confluent-kafka and the CloudEvents SDK.
    package static var python: String { path("venv/bin/python") }

    package static func path(_ file: String) -> String {
        let environment = ProcessInfo.processInfo.environment
        return (environment["XDG_CACHE_HOME"] ?? NSHomeDirectory() + "/.cache") + "/apus/" + file
    }
}
