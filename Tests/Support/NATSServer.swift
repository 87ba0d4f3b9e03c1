import Foundation
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// A real nats-server on a loopback port: started, ready, killed and started again by a test.
///
/// A shell stands between: it kills the server when its standard input ends, so the server goes with the last reference here,
/// and also when the test runner is killed.
package final class NATSServer: Sendable {
    /// Where a server comes from; `scripts/setup` puts both into the cache.
    package enum Release: String, Sendable, CaseIterable, CustomStringConvertible {
        case debian = "2.9.10"
        case pypi = "2.15.1"

        package var description: String { rawValue }

        package var binary: String {
            switch self {
            case .debian: SetupCache.path("nats-server-debian/usr/sbin/nats-server")
            case .pypi: SetupCache.path("venv/bin/nats-server")
            }
        }
    }

    package struct NotReady: Error, CustomStringConvertible {
        package var description: String
    }

    package let release: Release
    /// Of clients, on 127.0.0.1; the kernel chose it, and a restart keeps it.
    package let port: Int
    package var url: String { "nats://127.0.0.1:\(port)" }
    private let folder: Folder
    private let process: Mutex<ServerProcess>

    /// Starts a server and returns when it is ready.
    ///
    /// - Parameters:
    ///   - configuration: lines of a nats-server configuration file, such as `authorization { … }`; JetStream is on,
    ///     and `FOLDER` is where `files` stand.
    ///   - port: 0 for one that the server chooses.
    ///   - files: written beside the configuration.
    package static func start(
        _ release: Release, configuration: String = "", port: Int = 0, files: [String: String] = [:]
    ) async throws -> NATSServer {
        let folder = try Folder()
        for (name, text) in files { try text.write(toFile: "\(folder.path)/\(name)", atomically: true, encoding: .utf8) }
        let file = "\(folder.path)/server.conf"
        let text =
            "jetstream { store_dir: \"\(folder.path)/js\", max_mem: 64MB, max_file: 256MB }\n"
            + configuration.replacingOccurrences(of: "FOLDER", with: folder.path)
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        let process = try await run(release, folder, port: port)
        guard let chosen = process.lines.lazy.compactMap(clientPort).first else {
            throw NotReady(description: "nats-server names no port:\n\(process.lines.joined(separator: "\n"))")
        }
        return NATSServer(release, folder, chosen, process)
    }

    private init(_ release: Release, _ folder: Folder, _ port: Int, _ process: ServerProcess) {
        self.release = release
        self.folder = folder
        self.port = port
        self.process = Mutex(process)
    }

    private static func run(_ release: Release, _ folder: Folder, port: Int) async throws -> ServerProcess {
        guard FileManager.default.isExecutableFile(atPath: release.binary) else {
            throw NotReady(description: "\(release.binary) is missing: run scripts/setup")
        }
        let process = try ServerProcess([
            release.binary, "-a", "127.0.0.1", "-p", port == 0 ? "-1" : "\(port)", "-c", "\(folder.path)/server.conf",
        ])
        guard await process.line(where: { $0.contains("Server is ready") }) != nil else {
            throw NotReady(
                description: "nats-server ended before it was ready:\n\(process.lines.joined(separator: "\n"))")
        }
        return process
    }

    private static func clientPort(_ line: String) -> Int? {
        guard line.contains("Listening for client connections on ") else { return nil }
        return line.split(separator: ":").last.flatMap { Int($0) }
    }

    /// What it wrote so far.
    package var lines: [String] { process.withLock { $0 }.lines }

    /// The first line, of those it wrote and those to come, for which `holds` is true; nil when the server ended.
    package func line(where holds: @escaping @Sendable (String) -> Bool) async -> String? {
        await process.withLock { $0 }.line(where: holds)
    }

    /// The same without waiting, for `defer`: a server goes with its last reference, which may be sooner than a test wants.
    package func stop() { process.withLock { $0 }.giveOrder() }

    /// SIGKILL, as a power cut would; returns when it is gone. Its files stay.
    package func kill() async { await process.withLock { $0 }.kill() }

    /// Starts it again on its port, with its files.
    package func restart() async throws {
        let next = try await Self.run(release, folder, port: port)
        process.withLock { $0 = next }
    }

    /// Asks it to send its clients away and to end.
    package func enterLameDuckMode() { process.withLock { $0 }.signal(SIGUSR2) }

    /// Where a file that was given with ``start(_:configuration:port:files:)`` stands.
    package func path(of file: String) -> String { "\(folder.path)/\(file)" }
}

/// A folder that goes with its last reference.
private final class Folder: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "/apus-nats-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// A process behind a shell that kills it when nobody here holds it any more.
private final class ServerProcess: Sendable {
    private struct State {
        var lines: [String] = []
        var hasEnded = false
        var watchers: [UInt64: Watcher] = [:]
        var lastID: UInt64 = 0
        var pid: pid_t = 0
    }

    private struct Watcher {
        var holds: @Sendable (String) -> Bool
        var continuation: CheckedContinuation<String?, Never>
    }

    /// The end of its input is the order to kill.
    private let order: Mutex<Int32>
    private let state: Output

    private final class Output: Sendable {
        let mutex = Mutex(State())
    }

    private static let script = #""$@" 2>&1 & echo "pid $!"; exec > /dev/null 2>&1; read -r _; kill -9 $!; wait"#

    /// One at a time: a shell that is started between `pipe` and `fcntl` would inherit the ends, and keep them open.
    private static let starting = Mutex(())

    init(_ arguments: [String]) throws {
        let (shell, order, output) = try Self.starting.withLock { _ in try Self.spawn(arguments) }
        let state = Output()
        self.state = state
        self.order = Mutex(order)
        Thread.detachNewThread {
            Self.read(output, into: state)
            var status: Int32 = 0
            waitpid(shell, &status, 0)
        }
    }

    private static func spawn(_ arguments: [String]) throws -> (shell: pid_t, order: Int32, output: Int32) {
        let input = try pipe()
        let output = try pipe()
        #if canImport(Darwin)
        var actions: posix_spawn_file_actions_t?
        #else
        var actions = posix_spawn_file_actions_t()
        #endif
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input.read, 0)
        posix_spawn_file_actions_adddup2(&actions, output.write, 1)
        posix_spawn_file_actions_adddup2(&actions, output.write, 2)
        // Threads of Swift and of libnats block signals, and a shell that inherits that never sees its child end.
        #if canImport(Darwin)
        var attributes: posix_spawnattr_t?
        var none: sigset_t = 0
        #else
        var attributes = posix_spawnattr_t()
        var none = sigset_t()
        #endif
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var argv: [UnsafeMutablePointer<CChar>?] = (["/bin/sh", "-c", script, "sh"] + arguments).map { strdup($0) } + [nil]
        defer { argv.forEach { free($0) } }
        var shell: pid_t = 0
        let code = posix_spawn(&shell, "/bin/sh", &actions, &attributes, &argv, environ)
        close(input.read)
        close(output.write)
        guard code == 0 else {
            close(input.write)
            close(output.read)
            throw NATSServer.NotReady(description: "no shell could be started (error \(code))")
        }
        return (shell, input.write, output.read)
    }

    deinit { giveOrder() }

    var lines: [String] { state.mutex.withLock { $0.lines } }

    func signal(_ number: Int32) {
        let pid = state.mutex.withLock { $0.hasEnded ? 0 : $0.pid }
        if pid > 0 { _ = send(number, to: pid) }
    }

    /// Returns when the process is gone.
    func kill() async {
        giveOrder()
        _ = await line { _ in false }
    }

    func giveOrder() {
        order.withLock { file in
            if file >= 0 { close(file) }
            file = -1
        }
    }

    func line(where holds: @escaping @Sendable (String) -> Bool) async -> String? {
        let id = state.mutex.withLock { state in
            state.lastID += 1
            return state.lastID
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let found: String?? = state.mutex.withLock { state in
                    if let line = state.lines.first(where: holds) { return line }
                    if state.hasEnded || Task.isCancelled { return .some(nil) }
                    state.watchers[id] = Watcher(holds: holds, continuation: continuation)
                    return nil
                }
                if let found { continuation.resume(returning: found) }
            }
        } onCancel: {
            state.mutex.withLock { $0.watchers.removeValue(forKey: id) }?.continuation.resume(returning: nil)
        }
    }

    private static func read(_ file: Int32, into output: Output) {
        defer { close(file) }
        var rest: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = receive(file, &buffer)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            rest += buffer[..<count]
            while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                take(String(decoding: rest[..<end], as: UTF8.self), output)
                rest.removeSubrange(...end)
            }
        }
        let watchers = output.mutex.withLock { state in
            state.hasEnded = true
            defer { state.watchers = [:] }
            return state.watchers.values
        }
        for watcher in watchers { watcher.continuation.resume(returning: nil) }
    }

    private static func take(_ line: String, _ output: Output) {
        let watchers = output.mutex.withLock { state in
            if line.hasPrefix("pid "), let pid = pid_t(line.dropFirst(4)) { state.pid = pid }
            state.lines.append(line)
            let found = state.watchers.filter { $0.value.holds(line) }
            for id in found.keys { state.watchers[id] = nil }
            return found.values
        }
        for watcher in watchers { watcher.continuation.resume(returning: line) }
    }

    /// A pipe whose ends no process inherits but by its own standard files.
    private static func pipe() throws -> (read: Int32, write: Int32) {
        var ends: [Int32] = [0, 0]
        let code = open(&ends)
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        guard code == 0 else { throw NATSServer.NotReady(description: "no pipe") }
        return (ends[0], ends[1])
    }
}

/// Names that a method of the same name would hide.
private func open(_ pipeEnds: inout [Int32]) -> Int32 { pipe(&pipeEnds) }
private func send(_ signal: Int32, to pid: pid_t) -> Int32 { kill(pid, signal) }
private func receive(_ file: Int32, _ buffer: inout [UInt8]) -> Int { read(file, &buffer, buffer.count) }
