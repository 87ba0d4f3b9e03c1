import Foundation
import Specs
import TestSupport

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The real binary, serving: started, ready, and killed or stopped by the test.
final class ApusProcess: Sendable {
    struct NotReady: Error, CustomStringConvertible {
        var description: String
    }

    /// The binary under test: `APUS_BINARY`, or the one that was built beside the tests.
    static let binary: String = {
        if let given = ProcessInfo.processInfo.environment["APUS_BINARY"] { return given }
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        let beside = URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent("apus").path
        if FileManager.default.isExecutableFile(atPath: beside) { return beside }
        return Specs.directory.deletingLastPathComponent().appendingPathComponent(".build/debug/apus").path
    }()

    let process: ChildProcess
    /// Port of the data plane on 127.0.0.1, as the kernel chose it.
    let dataPort: Int
    /// Port of the control plane on 127.0.0.1.
    let adminPort: Int

    var dataURL: String { "http://127.0.0.1:\(dataPort)" }
    var adminURL: String { "http://127.0.0.1:\(adminPort)" }
    /// What it logged so far.
    var log: [String] { process.lines }

    private init(process: ChildProcess, dataPort: Int, adminPort: Int) {
        self.process = process
        self.dataPort = dataPort
        self.adminPort = adminPort
    }

    /// Runs `apus serve` and returns when `/readyz` answers 200.
    ///
    /// - Parameters:
    ///   - data: the data directory.
    ///   - manifests: files or folders for `-f`.
    ///   - dataPort: 0 lets the kernel choose; a restart may want the port that was.
    static func serve(
        data: String, manifests: [String] = [], arguments: [String] = [], environment: [String: String] = [:], dataPort: Int = 0,
        adminPort: Int = 0, upTo limit: Duration = .seconds(30)
    ) async throws -> ApusProcess {
        let all =
            ["serve", "--data", data, "--listen", "127.0.0.1:\(dataPort)", "--admin", "127.0.0.1:\(adminPort)"]
            + manifests.flatMap { ["-f", $0] } + arguments
        let process = try ChildProcess(binary, all, environment: environment)
        var ports: (data: Int, admin: Int)?
        try await Patience.wait(for: "the line `apus is ready`", upTo: limit) {
            ports = process.lines.lazy.compactMap(Self.ports).first
            if ports == nil, let end = process.end {
                throw NotReady(
                    description: "apus ended with \(end) before it was ready:\n\(process.lines.joined(separator: "\n"))")
            }
            return ports != nil
        }
        guard let ports else { throw NotReady(description: "apus named no ports") }
        let apus = ApusProcess(process: process, dataPort: ports.data, adminPort: ports.admin)
        try await Patience.wait(for: "/readyz", upTo: limit) {
            let reply = try? await HTTPExchange.send(port: ports.admin, path: "/readyz")
            return reply?.status == 200
        }
        return apus
    }

    /// Runs a command to its end, e.g. `["check", "-f", path]`.
    static func run(
        _ arguments: [String], environment: [String: String] = [:], upTo limit: Duration = .seconds(30)
    ) async throws -> (end: ChildProcess.End, lines: [String]) {
        let process = try ChildProcess(binary, arguments, environment: environment)
        let end = try await process.waitForEnd(upTo: limit)
        return (end, process.lines)
    }

    /// SIGKILL, as a power cut would; returns when the process is gone.
    func killNow() async throws { try await process.killNow() }

    /// SIGTERM; returns how it ended.
    @discardableResult
    func stop(upTo limit: Duration = .seconds(30)) async throws -> ChildProcess.End { try await process.terminate(upTo: limit) }

    /// The value of one sample of `/metrics` by its whole name and labels, as in `apus_trigger_parked{namespace="default",…}`;
    /// nil where it is absent.
    func metric(_ sample: String) async throws -> Double? {
        let text = try await HTTPExchange.send(port: adminPort, path: "/metrics").bodyText
        let line = text.split(separator: "\n").first { $0.hasPrefix("\(sample) ") }
        return line.flatMap { Double($0.dropFirst(sample.count + 1)) }
    }

    /// Resident memory in bytes, or nil where the process is gone or there is no `/proc`.
    var residentBytes: Int? {
        guard let statm = try? String(contentsOfFile: "/proc/\(process.pid)/statm", encoding: .utf8) else { return nil }
        let fields = statm.split(separator: " ")
        return fields.count > 1 ? Int(fields[1]).map { $0 * sysconf(Int32(_SC_PAGESIZE)) } : nil
    }

    private static func ports(of line: String) -> (data: Int, admin: Int)? {
        guard line.contains("apus is ready") else { return nil }
        let values = line.split(separator: " ").map { $0.split(separator: "=", maxSplits: 1) }.filter { $0.count == 2 }
        func port(_ key: String) -> Int? {
            values.first { $0[0] == key }.flatMap { Int($0[1].drop { $0 == "\"" }.split(separator: ":").last ?? "") }
        }
        guard let data = port("data"), let admin = port("admin") else { return nil }
        return (data, admin)
    }
}
