import Foundation
import Specs
import Testing

/// What the end-to-end tests stand on, tried against each other: a tool that lies would make every test lie.
@Suite(.timeLimit(.minutes(2))) struct `The tools of the end-to-end tests` {
    @Test func `send every event once and see every answer`() async throws {
        let subscriber = try await Subscriber.start { _, _ in .status(202, headers: [("Apus-Position", "0:7")]) }
        let client = LoadClient(port: subscriber.port, connections: 3, pipelining: 4, dataBytes: 10)
        let answers = try await client.send(100, ids: "a")
        #expect(answers.count == 100)
        #expect(answers.allSatisfy { $0.status == 202 && $0.position == "0:7" && ($0.latency ?? .zero) > .zero })
        #expect(Set(answers.map(\.id)).count == 100)
        #expect(subscriber.attempts.count == 100)
        #expect(subscriber.attempts.values.allSatisfy { $0 == 1 })
        #expect(subscriber.requests.allSatisfy { $0.body.count == 10 && $0.path == "/default/default" })
        try await subscriber.stop()
    }

    @Test func `say which events have no answer`() async throws {
        let subscriber = try await Subscriber.start { request, _ in request.id?.hasSuffix("-5") == true ? .close : .accepted }
        let answers = try await LoadClient(port: subscriber.port, pipelining: 2).send(100, ids: "b")
        #expect(answers.prefix(5).allSatisfy { $0.status == 202 })
        #expect(answers.dropFirst(5).allSatisfy { $0.status == nil })
        #expect(answers.count < 100)
        try await subscriber.stop()
        let nobodyListens = 1
        #expect(try await LoadClient(port: nobodyListens).send(3, ids: "c").isEmpty)
    }

    @Test func `play a script by attempt, and hang`() async throws {
        let subscriber = try await Subscriber.start { _, attempt in
            attempt == 1
                ? .status(503, body: Array("no".utf8)) : attempt == 2 ? .reply(id: "r", type: "t", extensions: ["x": "y"]) : .hang
        }
        let headers = [("ce-id", "1")]
        let first = try await HTTPExchange.send(port: subscriber.port, method: "POST", path: "/p", headers: headers)
        #expect(first.status == 503 && first.bodyText == "no")
        let second = try await HTTPExchange.send(port: subscriber.port, method: "POST", path: "/p", headers: headers)
        #expect(second.header("Ce-X") == "y")
        await #expect(throws: HTTPExchange.NoAnswer.self) {
            try await HTTPExchange.send(
                port: subscriber.port, method: "POST", path: "/p", headers: headers, upTo: .milliseconds(100))
        }
        #expect(subscriber.attempts == ["1": 3])
        try await subscriber.stop()
    }

    @Test func `run processes, read their lines and see how they end`() async throws {
        let finished = try ChildProcess("/bin/sh", ["-c", "echo out; echo $GIVEN >&2; exit 3"], environment: ["GIVEN": "err"])
        #expect(try await finished.waitForEnd() == .exit(3))
        #expect(finished.lines == ["out", "err"])
        let killed = try ChildProcess("/bin/sh", ["-c", "echo up; read never < /dev/tty || while :; do wait; done"])
        try await killed.killNow()
        #expect(killed.end == .signal(9))
        #expect(throws: ChildProcess.CannotStart.self) { try ChildProcess("/nowhere/at/all", []) }
    }

    @Test func `make a disk slow`() async throws {
        let folder = try TemporaryFolder()
        let library = try await Shim.build(in: folder)
        let log = "\(folder.path)/syncs"
        let began = ContinuousClock.now
        let sync = try ChildProcess(
            "/usr/bin/env", ["dd", "if=/dev/zero", "of=\(folder.path)/zeros", "bs=1", "count=1", "conv=fsync"],
            environment: Shim.environment(library, delayMilliseconds: 200, log: log))
        #expect(try await sync.waitForEnd() == .exit(0))
        #expect(ContinuousClock.now - began >= .milliseconds(200))
        #expect(try Shim.returns(in: log).map(\.call) == ["fsync"])
        #expect(try Shim.returns(in: log).allSatisfy { $0.result == 0 && $0.nanoseconds > 0 })
    }
}
