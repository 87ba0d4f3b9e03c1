import Testing

/// Promise 1 against the real binary and a disk that is made slow: no 202 before the fsync, and many events to one of them.
@Suite(.timeLimit(.minutes(5)), .serialized) struct `A 202 on a slow disk` {
    @Test func `never comes before the fsync`() async throws {
        let folder = try TemporaryFolder()
        let library = try await Shim.build(in: folder)
        let broker = try folder.write(Manifest.broker(), to: "broker.yaml")
        let apus = try await ApusProcess.serve(
            data: "\(folder.path)/data", manifests: [broker], environment: Shim.environment(library, delayMilliseconds: 200))
        let answers = try await LoadClient(port: apus.dataPort, connections: 32).send(128, ids: "slow")
        #expect(answers.count == 128)
        #expect(answers.allSatisfy { $0.status == 202 })
        let soonest = answers.compactMap(\.latency).min() ?? .zero
        #expect(soonest >= .milliseconds(200), "a 202 came \(soonest) after its request, on a disk that takes 200 ms to sync")
        print("fsync of 200 ms: 128 answers of 202, the soonest after \(soonest)")
        try await apus.stop()
    }

    @Test func `shares its fsync with many others`() async throws {
        let folder = try TemporaryFolder()
        let library = try await Shim.build(in: folder)
        let broker = try folder.write(Manifest.broker(), to: "broker.yaml")
        var rates: [String: [Double]] = [:]
        for round in 0..<3 {
            for (name, environment) in [("fast", [:]), ("slow", Shim.environment(library, delayMilliseconds: 5))] {
                let apus = try await ApusProcess.serve(
                    data: "\(folder.path)/\(name)-\(round)", manifests: [broker], environment: environment)
                // 64 connections with 32 requests open on each: at one open request each, 64 / 5 ms would be the most there
                // can be.
                let client = LoadClient(port: apus.dataPort, connections: 64, pipelining: 32)
                _ = try await client.send(2_000, ids: "warm")
                let began = ContinuousClock.now
                let answers = try await client.send(20_000, ids: "load")
                let seconds = (ContinuousClock.now - began) / .seconds(1)
                #expect(answers.count == 20_000 && answers.allSatisfy { $0.status == 202 })
                rates[name, default: []].append(20_000 / seconds)
                try await apus.stop()
            }
        }
        let fast = rates["fast", default: []].sorted()[1], slow = rates["slow", default: []].sorted()[1]
        print("ingest with 5 ms added to each fsync: \(Int(slow))/s of \(Int(fast))/s, ratio \(slow / fast)")
        #expect(slow / fast >= 0.6)
    }
}
