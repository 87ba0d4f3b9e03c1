import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// `pipe` by another name than the method that calls it.
private func makePipe(_ ends: inout [Int32]) -> Int32 { pipe(&ends) }

/// A Kafka cluster for one test: librdkafka's mock brokers in a process of their own, on ports of their own, in memory.
///
/// The process ends with the last reference, and with this process, however that ends. What the mock cannot do (topics on demand,
/// offsets by time, transactions, retention above 5 MiB a partition) the tests that meet it say.
package final class KafkaCluster: Sendable {
    package struct Failure: Error, CustomStringConvertible {
        package var description: String
    }

    /// Requests of Kafka's protocol that an error can be injected into.
    package enum Request: Int, Sendable {
        case produce = 0
        case fetch = 1
        case metadata = 3
        case offsetCommit = 8
        case offsetFetch = 9
        case findCoordinator = 10
        case joinGroup = 11
    }

    package let bootstrapServers: [String]
    private let pid: pid_t
    private let input: Int32
    private let output: Int32
    /// Commands wait for their answer here, one after another, and off the cooperative pool.
    private let line = DispatchQueue(label: "kmock")

    /// Starts a cluster with brokers 1 to `brokers`.
    package static func start(brokers: Int = 1) async throws -> KafkaCluster {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue(label: "kmock").async { continuation.resume(with: Result { try KafkaCluster(brokers: brokers) }) }
        }
    }

    private init(brokers: Int) throws {
        let (toChild, fromChild) = (try Self.pipe(), try Self.pipe())
        let pid = Self.spawn([Self.executable, String(brokers)], input: toChild.read, output: fromChild.write)
        close(toChild.read)
        close(fromChild.write)
        let greeting = pid == nil ? "" : Self.readLine(fromChild.read)
        guard let pid, greeting.hasPrefix("BOOTSTRAP ") else {
            close(toChild.write)
            close(fromChild.read)
            throw Failure(description: "cannot start \(Self.executable): \(greeting)")
        }
        self.pid = pid
        input = toChild.write
        output = fromChild.read
        bootstrapServers = greeting.dropFirst("BOOTSTRAP ".count).split(separator: ",").map(String.init)
    }

    deinit {
        kill(pid, SIGKILL)
        close(input)
        close(output)
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    }

    package func createTopic(_ name: String, partitions: Int = 1, replicas: Int = 1) async throws {
        try await command("topic \(name) \(partitions) \(replicas)")
    }

    /// Refuses connections from now on; its partitions stay led by it.
    package func takeDown(_ broker: Int) async throws { try await command("down \(broker)") }

    package func bringUp(_ broker: Int) async throws { try await command("up \(broker)") }

    package func moveLeader(of topic: String, _ partition: Int, to broker: Int) async throws {
        try await command("leader \(topic) \(partition) \(broker)")
    }

    package func setCoordinator(of group: String, to broker: Int) async throws {
        try await command("coordinator \(group) \(broker)")
    }

    package func delay(_ broker: Int, milliseconds: Int) async throws { try await command("rtt \(broker) \(milliseconds)") }

    /// Answers the next requests of a kind with one of Kafka's error codes.
    package func fail(_ request: Request, code: Int, count: Int = 1) async throws {
        try await command("error \(request.rawValue) \(code) \(count)")
    }

    /// Answers metadata requests for a topic with one of Kafka's error codes; 0 ends that.
    package func failTopic(_ topic: String, code: Int) async throws { try await command("topicerror \(topic) \(code)") }

    private func command(_ text: String) async throws {
        let answer = await withCheckedContinuation { continuation in
            line.async {
                let bytes = Array("\(text)\n".utf8)
                _ = write(self.input, bytes, bytes.count)
                continuation.resume(returning: Self.readLine(self.output))
            }
        }
        guard answer == "ok" else { throw Failure(description: "kmock: \(text): \(answer)") }
    }

    /// Beside the test's own executable, where the build puts it.
    private static let executable: String = {
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        let beside = URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent("kmock").path
        if FileManager.default.isExecutableFile(atPath: beside) { return beside }
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        return root.deletingLastPathComponent().appendingPathComponent(".build/debug/kmock").path
    }()

    /// Ends that no other child inherits: else the end of this process would not be the end of kmock's input.
    private static func pipe() throws -> (read: Int32, write: Int32) {
        var ends: [Int32] = [0, 0]
        guard makePipe(&ends) == 0 else { throw Failure(description: "no pipe") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    private static func spawn(_ arguments: [String], input: Int32, output: Int32) -> pid_t? {
        #if canImport(Darwin)
        var actions: posix_spawn_file_actions_t?
        #else
        var actions = posix_spawn_file_actions_t()
        #endif
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { argv.forEach { free($0) } }
        var pid: pid_t = 0
        return posix_spawn(&pid, arguments[0], &actions, nil, &argv, environ) == 0 ? pid : nil
    }

    /// Up to a line feed or the end.
    private static func readLine(_ file: Int32) -> String {
        var bytes: [UInt8] = []
        var byte: UInt8 = 0
        while true {
            let count = read(file, &byte, 1)
            if count < 0, errno == EINTR { continue }
            guard count == 1, byte != UInt8(ascii: "\n") else { break }
            bytes.append(byte)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
