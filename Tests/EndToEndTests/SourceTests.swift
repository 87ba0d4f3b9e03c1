import CloudEvents
import TestSupport
import Testing

/// PingSources in the real process.
@Suite(.timeLimit(.minutes(3)), .serialized) struct `A PingSource in a node` {
    private func source(_ name: String, schedule: String, annotations: String = "", sink: String? = nil) -> String {
        let broker = "ref: {apiVersion: eventing.knative.dev/v1, kind: Broker, name: default}"
        return """
            apiVersion: sources.knative.dev/v1
            kind: PingSource
            metadata: {name: \(name), annotations: {\(annotations)}}
            spec:
              schedule: "\(schedule)"
              contentType: text/plain
              data: hello
              ceOverrides: {extensions: {origin: \(name)}}
              sink: {\(sink.map { "uri: \"\($0)\"" } ?? broker)}
            ---

            """
    }

    /// The ticks that came of one source, in order.
    private func ticks(_ name: String, at subscriber: Subscriber) -> [Timestamp] {
        subscriber.requests.filter { $0.header("ce-origin") == name }
            .compactMap { $0.header("ce-time").flatMap(Timestamp.init(rfc3339:)) }
    }

    @Test func `brings its ticks to a trigger and to a uri, with retries`() async throws {
        let folder = try TemporaryFolder()
        let subscriber = try await Subscriber.start()
        let flaky = try await Subscriber.start { _, attempt in attempt <= 2 ? .status(503) : .accepted }
        try folder.write(
            Manifest.broker() + Manifest.trigger("ticks", to: subscriber.url, type: "dev.knative.sources.ping")
                + source("seconds", schedule: "* * * * * *") + source("direct", schedule: "@every 1s", sink: flaky.url),
            to: "all.yaml")
        let apus = try await ApusProcess.serve(data: "\(folder.path)/data", manifests: ["\(folder.path)/all.yaml"])
        try await subscriber.waitForRequests(3)
        try await flaky.waitForRequests(6)
        let event = try #require(subscriber.requests.first)
        #expect(event.header("ce-type") == "dev.knative.sources.ping")
        #expect(event.header("ce-source") == "/apis/v1/namespaces/default/pingsources/seconds")
        #expect(event.header("content-type") == "text/plain" && event.body == Array("hello".utf8))
        let seconds = ticks("seconds", at: subscriber)
        for (one, next) in zip(seconds, seconds.dropFirst()) { #expect(next - one == .seconds(1)) }
        #expect(Set(subscriber.requests.compactMap(\.id)).count == subscriber.requests.count)
        #expect(flaky.attempts[try #require(flaky.requests.first?.id)] == 3)
        let listed = try await ApusProcess.run(["get", "pingsources", "--server", apus.adminURL])
        #expect(listed.lines.first?.hasPrefix("NAME") == true && listed.lines.count == 3)
        #expect(listed.lines.dropFirst().allSatisfy { $0.contains("True") })
        #expect(try await apus.stop() == .exit(0))
    }

    /// Both have the same schedule, and were away for the same ticks.
    @Test func `that was killed fires once on its return with catch-up, and else counts what it missed`() async throws {
        let folder = try TemporaryFolder()
        let subscriber = try await Subscriber.start()
        let names = ["caught", "missed"]
        try folder.write(
            Manifest.broker() + Manifest.trigger("ticks", to: subscriber.url)
                + source("caught", schedule: "*/2 * * * * *", annotations: "apus.dev/catch-up: \"true\"")
                + source("missed", schedule: "*/2 * * * * *"),
            to: "all.yaml")
        let first = try await ApusProcess.serve(data: "\(folder.path)/data", manifests: ["\(folder.path)/all.yaml"])
        try await Patience.wait(for: "a tick of each") { names.allSatisfy { ticks($0, at: subscriber).count == 1 } }
        // The next tick is written down by now, and has not come.
        try await Patience.pass(.milliseconds(700))
        try await first.killNow()
        let before = Dictionary(uniqueKeysWithValues: names.map { ($0, ticks($0, at: subscriber).count) })
        try await Patience.pass(.seconds(5))
        let second = try await ApusProcess.serve(data: "\(folder.path)/data", manifests: ["\(folder.path)/all.yaml"])
        try await Patience.wait(for: "two more ticks of each") {
            names.allSatisfy { ticks($0, at: subscriber).count >= (before[$0] ?? 0) + 2 }
        }
        func missed(_ name: String) async throws -> Int {
            let labels = #"namespace="default",kind="PingSource",source="\#(name)""#
            return Int(try await second.metric("apus_source_missed_total{\(labels)}") ?? -1)
        }
        let counts = (caught: try await missed("caught"), missed: try await missed("missed"))
        #expect(counts.missed >= 2)
        #expect(counts.caught == counts.missed - 1)
        for (name, count) in [("caught", counts.caught), ("missed", counts.missed)] {
            let seen = Set(ticks(name, at: subscriber))
            let (start, end) = (try #require(seen.min()), try #require(seen.max()))
            #expect((end - start) / .seconds(2) + 1 == Double(seen.count + count), "\(name): each tick is delivered or counted")
        }
        #expect(try await second.stop() == .exit(0))
    }

    @Test func `follows its file: changed, paused, removed`() async throws {
        let folder = try TemporaryFolder()
        let subscriber = try await Subscriber.start()
        let rest = Manifest.broker() + Manifest.trigger("ticks", to: subscriber.url)
        try folder.write(rest + source("tick", schedule: "0 0 29 2 *"), to: "all.yaml")
        let apus = try await ApusProcess.serve(data: "\(folder.path)/data", manifests: ["\(folder.path)/all.yaml"])
        func says(_ text: String) async throws {
            try await Patience.wait(for: "\"\(text)\" in the status", every: .milliseconds(100)) {
                let path = "/apis/sources.knative.dev/v1beta2/namespaces/default/pingsources/tick"
                return try await HTTPExchange.send(port: apus.adminPort, path: path).bodyText.contains(text)
            }
        }
        try await says("2028-02-29T00:00:00Z")
        try folder.write(rest + source("tick", schedule: "* * * * * *"), to: "all.yaml")
        try await subscriber.waitForRequests(2)
        try folder.write(rest + source("tick", schedule: "* * * * * *", annotations: "apus.dev/paused: \"true\""), to: "all.yaml")
        try await says("Paused")
        let count = subscriber.requests.count
        try await Patience.pass(.milliseconds(2500))
        #expect(subscriber.requests.count <= count + 1, "a tick that was on its way, and none after it")
        try folder.write(rest, to: "all.yaml")
        try await Patience.wait(for: "the source to go") { apus.log.contains { $0.contains("removed") } }
        #expect(try await apus.stop() == .exit(0))
    }
}
