import Foundation
import Synchronization
import TestSupport

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A process that was started here: its lines on standard output and error, its end, and signals to it.
///
/// Two threads of its own read and wait, because both block. The process is killed when the last reference goes.
final class ChildProcess: Sendable {
    enum End: Sendable, Equatable {
        case exit(Int32)
        case signal(Int32)
    }

    struct CannotStart: Error, CustomStringConvertible {
        var description: String
    }

    let pid: pid_t
    private let state: SharedState

    private final class SharedState: Sendable {
        let lines = Mutex<[String]>([])
        let outputEnded = Atomic<Bool>(false)
        let end = Mutex<End?>(nil)
    }

    /// - Parameter environment: added to this process's own.
    init(_ executable: String, _ arguments: [String], environment: [String: String] = [:]) throws {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw CannotStart(description: "no pipe for \(executable)") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let merged = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let spawned = Self.spawn([executable] + arguments, merged.map { "\($0)=\($1)" }, output: ends[1])
        close(ends[1])
        guard let spawned else {
            close(ends[0])
            throw CannotStart(description: "cannot start \(executable) \(arguments.joined(separator: " "))")
        }
        pid = spawned
        let state = SharedState()
        self.state = state
        let output = ends[0]
        Thread.detachNewThread { Self.readLines(from: output, into: state) }
        Thread.detachNewThread { Self.awaitEnd(of: spawned, into: state) }
    }

    deinit { signal(SIGKILL) }

    /// What it wrote so far, line by line, standard output and error together.
    var lines: [String] { state.lines.withLock { $0 } }

    /// How it ended, or nil while it runs.
    var end: End? { state.end.withLock { $0 } }

    /// Sends a signal while it runs. The process id cannot be another's: it is given back under the same lock.
    func signal(_ number: Int32) {
        state.end.withLock { end in
            if end == nil { _ = kill(pid, number) }
        }
    }

    /// Waits until it has ended and all that it wrote was read.
    @discardableResult
    func waitForEnd(upTo limit: Duration = .seconds(30)) async throws -> End {
        try await Patience.wait(for: "process \(pid) to end", upTo: limit) {
            end != nil && state.outputEnded.load(ordering: .acquiring)
        }
        guard let end else { throw Patience.Lost(description: "process \(pid) has no end") }
        return end
    }

    /// Kills it at once, as a power cut would, and waits until it is gone.
    func killNow() async throws {
        signal(SIGKILL)
        try await waitForEnd()
    }

    /// Asks it to stop with SIGTERM and waits until it did.
    func terminate(upTo limit: Duration = .seconds(30)) async throws -> End {
        signal(SIGTERM)
        return try await waitForEnd(upTo: limit)
    }

    private static func spawn(_ arguments: [String], _ environment: [String], output: Int32) -> pid_t? {
        #if canImport(Darwin)
        var actions: posix_spawn_file_actions_t?
        #else
        var actions = posix_spawn_file_actions_t()
        #endif
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_adddup2(&actions, output, 2)
        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        var envp: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) } + [nil]
        defer { (argv + envp).forEach { free($0) } }
        var pid: pid_t = 0
        return posix_spawn(&pid, arguments[0], &actions, nil, &argv, &envp) == 0 ? pid : nil
    }

    private static func readLines(from file: Int32, into state: SharedState) {
        defer {
            close(file)
            state.outputEnded.store(true, ordering: .releasing)
        }
        var rest: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(file, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            rest += buffer[..<count]
            while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: rest[..<end], as: UTF8.self)
                rest.removeSubrange(...end)
                state.lines.withLock { $0.append(line) }
            }
        }
        if !rest.isEmpty { state.lines.withLock { $0.append(String(decoding: rest, as: UTF8.self)) } }
    }

    /// `WNOWAIT` first: the process id is given back only under the lock that ``signal(_:)`` takes.
    private static func awaitEnd(of pid: pid_t, into state: SharedState) {
        var info = siginfo_t()
        while waitid(P_PID, id_t(pid), &info, WEXITED | WNOWAIT) < 0, errno == EINTR {}
        state.end.withLock { end in
            var status: Int32 = 0
            waitpid(pid, &status, 0)
            let signal = status & 0x7F
            end = signal == 0 ? .exit((status >> 8) & 0xFF) : .signal(signal)
        }
    }
}
