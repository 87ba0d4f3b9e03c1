import ApusResources
import ApusTelemetry
import ArgumentParser
import Foundation
import Logging

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the node: brokers, triggers and both doors.",
        discussion: """
            EXAMPLES
              apus serve                                   whatever was applied before, from ./data
              apus serve -f manifests/ --data /var/lib/apus
              apus serve -f broker.yaml -f triggers.yaml   files are applied again when they change
              apus serve -f . --resolve default/Service/orders=http://127.0.0.1:9090

            A manifest that is wrong changes nothing: the log says what is wrong and what would be right.
            SIGTERM and SIGINT end the node in order: intake stops, what is in flight finishes, cursors are committed.
            """)

    @Option(
        name: .customShort("f"),
        help: ArgumentHelp("A manifest file, or a folder of them; may be repeated.", valueName: "FILE|DIR"))
    var files: [String] = []

    @Option(help: ArgumentHelp("Where logs, cursors and resources are kept; one process a folder.", valueName: "DIR"))
    var data = "data"

    @Option(help: ArgumentHelp("The data plane: where producers POST events.", valueName: "HOST:PORT"))
    var listen = "127.0.0.1:8080"

    @Option(help: ArgumentHelp("The control plane: resources, metrics, health.", valueName: "HOST:PORT"))
    var admin = "127.0.0.1:8081"

    @Option(help: ArgumentHelp("What a reference resolves to; may be repeated.", valueName: "NAMESPACE/KIND/NAME=URL"))
    var resolve: [String] = []

    @Option(
        help: ArgumentHelp(
            "Where sources find their Secrets: one file a key, DIR/NAMESPACE/NAME/KEY.", valueName: "DIR"))
    var secrets: String?

    enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }

    @Option(help: "Log lines for people (text) or for machines (json), on standard error.")
    var logFormat: Format = .text

    @Option(help: ArgumentHelp("Set a limit by its name in apus explain limits; may be repeated.", valueName: "NAME=VALUE"))
    var limit: [String] = []

    @Flag(help: "Allow --listen and --admin beyond loopback: anyone who reaches the port can publish and read.")
    var allowInsecureListen = false

    @Option(help: "Seconds that what is in flight may take to finish after SIGTERM.")
    var drainSeconds = 25

    func validate() throws {
        for (flag, text) in [("--listen", listen), ("--admin", admin)] {
            let address = try ListenAddress(text, flag: flag)
            guard address.isLoopback || allowInsecureListen else {
                throw ValidationError(
                    "\(flag) \(text) can be reached from other machines, and this build has neither tokens nor TLS: "
                        + "use 127.0.0.1, or say --allow-insecure-listen if the network is yours")
            }
        }
        _ = try names()
        _ = try LimitSettings(limit)
        guard (0...3600).contains(drainSeconds) else {
            throw ValidationError("--drain-seconds must be 0 to 3600, was \(drainSeconds)")
        }
    }

    func run() async throws {
        let settings = Node.Settings(
            files: files, dataDirectory: data, secrets: secrets, listen: try ListenAddress(listen, flag: "--listen"),
            admin: try ListenAddress(admin, flag: "--admin"), names: try names(),
            limits: try LimitSettings(limit), logFormat: logFormat == .json ? .json : .text, drain: .seconds(drainSeconds))
        try await Node(settings).run()
    }

    private func names() throws -> NameTable {
        var names = NameTable()
        for flag in resolve {
            do throws(FieldError) {
                try names.add(flag: flag)
            } catch {
                throw ValidationError("\(error.path) \(error.message), e.g. default/Service/orders=http://127.0.0.1:9090")
            }
        }
        return names
    }
}

/// `HOST:PORT`, with brackets around an IPv6 address.
struct ListenAddress: Sendable {
    var host: String
    var port: Int

    init(_ text: String, flag: String) throws {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]), (0...65535).contains(port)
        else {
            throw ValidationError("\(flag) \(text): HOST:PORT is needed, e.g. 127.0.0.1:8080 or [::1]:8080")
        }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        guard !host.isEmpty else {
            throw ValidationError("\(flag) \(text): a host is needed before the colon, e.g. 127.0.0.1:\(port)")
        }
        self.host = host
        self.port = port
    }

    /// The address with the port that was really bound, as a URL has it.
    func with(port: Int) -> String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    var text: String { with(port: port) }

    /// Whether only this machine reaches it. A name such as `127.example.com` may resolve to anything.
    var isLoopback: Bool {
        if host == "localhost" || host == "::1" { return true }
        return host.hasPrefix("127.") && host.utf8.allSatisfy { $0 == UInt8(ascii: ".") || (48...57).contains($0) }
    }
}
