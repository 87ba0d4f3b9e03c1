import ApusPorts
import ApusRegistry
import ArgumentParser

/// The version of this build.
enum Version {
    static let text = "0.1.0"
}

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "Print the version and the broker classes that this build knows.",
        discussion: """
            EXAMPLES
              apus version
            """)

    func run() {
        print("apus \(Version.text)")
        for backend in Registry.backends {
            print("broker class \(backend.brokerClass): \(backend.durability)")
        }
    }
}
