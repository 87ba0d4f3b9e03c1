import Testing

/// Promise 8: each trigger for itself.
@Suite(.timeLimit(.minutes(5)), .serialized) struct `One subscriber of ten that hangs` {
    @Test func `does not slow the other nine`() async throws {
        let alone = try await latencies(tenth: .accepted)
        let beside = try await latencies(tenth: .hang)
        let ratio = beside.median / alone.median
        print(
            "nine triggers beside one that hangs: median \(beside.median) ms, alone \(alone.median) ms, ratio \(ratio); "
                + "p99 \(beside.p99) ms and \(alone.p99) ms")
        // The medians are fractions of a millisecond: what a machine that is busy adds is allowed for, a wait for the tenth is
        // not.
        #expect(beside.median < max(alone.median * 2, 5))
        #expect(beside.p99 < max(alone.p99 * 3, 50))
    }

    /// From sending to arrival at each of the nine, in milliseconds.
    private func latencies(tenth: SubscriberAnswer) async throws -> (median: Double, p99: Double) {
        let folder = try TemporaryFolder()
        let nine = try await Subscriber.start()
        let last = try await Subscriber.start { _, _ in tenth }
        let manifest =
            Manifest.broker() + (0..<9).map { Manifest.trigger("fast-\($0)", to: "\(nine.url)\($0)") }.joined()
            + Manifest.trigger("tenth", to: last.url)
        let apus = try await ApusProcess.serve(
            data: "\(folder.path)/data", manifests: [try folder.write(manifest, to: "all.yaml")])
        let answers = try await LoadClient(port: apus.dataPort, connections: 1, dataBytes: 100).send(1_000, ids: "e")
        #expect(answers.allSatisfy { $0.status == 202 })
        try await nine.waitForRequests(9_000)
        let sent = Dictionary(uniqueKeysWithValues: answers.map { ($0.id, $0.sentAt) })
        let waits = nine.requests.compactMap { request -> Double? in
            request.id.flatMap { sent[$0] }.map { (request.at - $0) / .milliseconds(1) }
        }
        .sorted()
        try await apus.killNow()
        try await nine.stop()
        try await last.stop()
        return (waits[waits.count / 2], waits[waits.count * 99 / 100])
    }
}
