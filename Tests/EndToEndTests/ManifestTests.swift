import TestSupport
import Testing

/// Promise 23 against the real binary: files are applied, and nobody's log is lost by an edit.
@Suite(.timeLimit(.minutes(5)), .serialized) struct `Manifests of a running node` {
    @Test func `are applied again when they change, and a wrong one changes nothing`() async throws {
        let folder = try TemporaryFolder()
        let first = try await Subscriber.start(), second = try await Subscriber.start()
        try folder.write(Manifest.broker() + Manifest.trigger("t", to: first.url), to: "m/all.yaml")
        let apus = try await ApusProcess.serve(data: "\(folder.path)/data", manifests: ["\(folder.path)/m"])
        try await send("1", apus)
        try await first.waitForRequests(1)

        try folder.write(
            Manifest.broker() + "apiVersion: eventing.knative.dev/v1\nkind: Trigger\nmetadata: {nam: t}\n", to: "m/all.yaml")
        try await Patience.wait(for: "the refusal in the log") {
            apus.log.contains { $0.contains("manifests refused") && $0.contains("metadata.nam") }
        }
        try await send("2", apus)
        try await first.waitForRequests(2)

        try folder.write(Manifest.broker() + Manifest.trigger("t", to: second.url), to: "m/all.yaml")
        try await Patience.wait(for: "the new subscriber") {
            try await send("3", apus)
            return !second.requests.isEmpty
        }
        try await apus.stop()
    }

    @Test func `that go and come back find the log, the cursor and what happened meanwhile`() async throws {
        let folder = try TemporaryFolder()
        let subscriber = try await Subscriber.start()
        let manifest = Manifest.broker() + Manifest.trigger("t", to: subscriber.url)
        try folder.write(manifest, to: "m/all.yaml")
        let apus = try await ApusProcess.serve(data: "\(folder.path)/data", manifests: ["\(folder.path)/m"])
        try await send("1", apus)
        try await subscriber.waitForRequests(1)

        // The trigger goes, an event comes, the trigger comes back: it goes on where it was.
        try folder.write(Manifest.broker(), to: "m/all.yaml")
        try await Patience.wait(for: "the trigger to go") {
            apus.log.contains { $0.contains("resource removed") && $0.contains("Trigger") }
        }
        try await send("2", apus)
        try folder.write(manifest, to: "m/all.yaml")
        try await subscriber.waitForRequests(2)
        #expect(subscriber.requests.compactMap(\.id) == ["1", "2"])

        // All of it goes and comes back: positions go on, so it is the same log.
        try folder.write("", to: "m/all.yaml")
        var before = 1
        try await Patience.wait(for: "the door to close") {
            let answer = try await post("3", apus)
            before = answer.header("Apus-Position").flatMap { Int($0.dropFirst(2)) } ?? before
            return answer.status == 404
        }
        try folder.write(manifest, to: "m/all.yaml")
        var first: HTTPReply?
        try await Patience.wait(for: "the door to open") {
            first = try await post("4", apus)
            return first?.status == 202
        }
        let position = try #require(first?.header("Apus-Position").flatMap { Int($0.dropFirst(2)) })
        #expect(position == before + 1, "the log that was taken up again is not the log that was")
        try await apus.stop()
    }

    @Test func `of an earlier start are disowned by a start without them`() async throws {
        let folder = try TemporaryFolder()
        let subscriber = try await Subscriber.start()
        let manifest = try folder.write(Manifest.broker() + Manifest.trigger("t", to: subscriber.url), to: "all.yaml")
        let first = try await ApusProcess.serve(data: "\(folder.path)/data", manifests: [manifest])
        try await send("1", first)
        try await subscriber.waitForRequests(1)
        try await first.stop()
        let second = try await ApusProcess.serve(data: "\(folder.path)/data")
        try await send("2", second)
        try await subscriber.waitForRequests(2)
        try await second.stop()
    }

    @Test func `that are broken from the start leave a node that runs and says why`() async throws {
        let folder = try TemporaryFolder()
        let file = try folder.write("kind: Brok\n", to: "all.yaml")
        let apus = try await ApusProcess.serve(data: "\(folder.path)/data", manifests: [file])
        #expect(apus.log.contains { $0.contains("manifests refused") && $0.contains("all.yaml") })
        #expect(try await post("1", apus).status == 404)
        #expect(try await apus.stop() == .exit(0))
        let check = try await ApusProcess.run(["check", "-f", file])
        #expect(check.end == .exit(1))
        #expect(check.lines.contains { $0.contains("all.yaml:1: kind Brok is not supported") })
    }

    private func send(_ id: String, _ apus: ApusProcess) async throws {
        #expect(try await post(id, apus).status == 202)
    }

    private func post(_ id: String, _ apus: ApusProcess) async throws -> HTTPReply {
        try await HTTPExchange.send(
            port: apus.dataPort, method: "POST", path: "/default/default",
            headers: [("ce-specversion", "1.0"), ("ce-id", id), ("ce-type", "t"), ("ce-source", "/s")])
    }
}
