import ApusClient
import ApusHTTP
import ApusRegistry
import ArgumentParser
import Foundation
import NIOCore
import NIOPosix

/// Where the node is, for commands that ask it.
struct ServerOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The control plane; APUS_SERVER where it is not given, else http://127.0.0.1:8081.", valueName: "URL"))
    var server: String?

    private var url: String {
        server ?? ProcessInfo.processInfo.environment["APUS_SERVER"] ?? "http://127.0.0.1:8081"
    }

    /// Runs `body` with a client; a failure becomes one line on standard error and exit code 1.
    func withClient(_ body: (APIClient) async throws -> Void) async throws {
        try await CommandHTTP.run { http in try await body(APIClient(server: url, http: http, catalog: Registry.catalog)) }
    }
}

/// The HTTP client of one command.
enum CommandHTTP {
    static func run(_ body: (HTTPClient) async throws -> Void) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let http = HTTPClient(group: group, userAgent: "apus/\(Version.text)")
        let failure: (any Error)?
        do {
            try await body(http)
            failure = nil
        } catch {
            failure = error
        }
        http.close()
        try? await group.shutdownGracefully()
        guard let failure else { return }
        if let api = failure as? APIClient.Failure { throw CommandFailure(api.message) }
        if let transport = failure as? HTTPFailure { throw CommandFailure(transport.message) }
        throw failure
    }
}

/// A command that could not do what was asked: printed as one line, exit code 1.
struct CommandFailure: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}
