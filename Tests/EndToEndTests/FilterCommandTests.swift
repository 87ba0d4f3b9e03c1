import Testing

/// `apus cesql`, `match`, `check` and `explain --effective` as a user meets them: the real binary, its outputs, its exit code.
@Suite(.timeLimit(.minutes(5)), .serialized) struct `The filter commands` {
    @Test(arguments: ["cli/filters.yaml", "cli/effective.yaml"])
    func `print what their vectors say`(vectors: String) async throws { try await CommandVector.check(vectors) }

    @Test func `find in a running node what it could not evaluate`() async throws {
        let folder = try TemporaryFolder()
        let subscriber = try await Subscriber.start()
        let trigger = """
            apiVersion: eventing.knative.dev/v1
            kind: Trigger
            metadata: {name: t}
            spec:
              broker: default
              filters: [{cesql: region = 'eu'}]
              subscriber: {uri: "\(subscriber.url)"}
            """
        let manifest = try folder.write(Manifest.broker() + trigger, to: "all.yaml")
        let apus = try await ApusProcess.serve(data: "\(folder.path)/data", manifests: [manifest])
        for id in ["1", "2"] { #expect(try await post(id, region: nil, apus).header("Apus-Matched") == "0") }
        #expect(try await post("3", region: "us", apus).header("Apus-Matched") == "0")
        #expect(try await post("4", region: "eu", apus).header("Apus-Matched") == "1")
        try await subscriber.waitForRequests(1)
        #expect(subscriber.requests.compactMap(\.id) == ["4"])

        let sample = #"apus_filter_errors_total{namespace="default",broker="default",trigger="t"}"#
        #expect(try await apus.metric(sample) == 2)
        #expect(apus.log.count { $0.contains("A filter met an evaluation error") } == 1)
        let described = try await ApusProcess.run(["describe", "trigger", "t", "--server", apus.adminURL])
        let line = described.lines.first { $0.hasPrefix("Filter errors:") } ?? described.lines.joined(separator: "\n")
        #expect(
            line.hasPrefix(
                "Filter errors:  2, last: region = 'eu' is an error: the event has no attribute region (event 0:1, 20"))

        let listed = try await ApusProcess.run(["get", "triggers", "-o", "yaml", "--server", apus.adminURL])
        let known = try folder.write(listed.lines.joined(separator: "\n"), to: "known.yaml")
        let event = try folder.write(
            #"{"specversion":"1.0","id":"1","source":"/s","type":"t","region":"us"}"#, to: "event.json")
        let match = try await ApusProcess.run(["match", "-f", known, "--event", event])
        #expect(match.end == .exit(0))
        #expect(match.lines.last == #"default/t  no       spec.filters[0].cesql: region = 'eu' must be true, region was "us""#)
        try await apus.stop()
    }

    private func post(_ id: String, region: String?, _ apus: ApusProcess) async throws -> HTTPReply {
        try await HTTPExchange.send(
            port: apus.dataPort, method: "POST", path: "/default/default",
            headers: [("ce-specversion", "1.0"), ("ce-id", id), ("ce-type", "t"), ("ce-source", "/s")]
                + (region.map { [("ce-region", $0)] } ?? []))
    }
}
