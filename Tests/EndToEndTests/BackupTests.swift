import ApusPorts
import CloudEvents
import Foundation
import Synchronization
import TestSupport
import Testing

/// `apus backup` of a node under load, restored elsewhere.
@Suite(.timeLimit(.minutes(3)), .serialized) struct `A backup of a node under load` {
    @Test func `has every event that was answered before it began, and a node goes on from it`() async throws {
        let folder = try TemporaryFolder()
        let subscriber = try await Subscriber.start()
        try folder.write(Manifest.broker() + Manifest.trigger("all", to: subscriber.url), to: "all.yaml")
        let apus = try await ApusProcess.serve(data: "\(folder.path)/data", manifests: ["\(folder.path)/all.yaml"])
        let client = LoadClient(port: apus.dataPort, connections: 4, pipelining: 4, dataBytes: 1000)
        let before = try await client.send(2000, ids: "before").filter { $0.status == 202 }.map(\.id)
        #expect(before.count == 2000)
        let load = Task { try await client.send(20_000, ids: "during") }
        let made = try await ApusProcess.run(["backup", "--data", "\(folder.path)/data", "--to", "\(folder.path)/copy"])
        #expect(made.end == .exit(0), "\(made.lines)")
        let during = try await load.value.filter { $0.status == 202 }
        #expect(during.count == 20_000)
        try await apus.stop()

        let restored = try await ApusProcess.run(["restore", "\(folder.path)/copy", "--data", "\(folder.path)/again"])
        #expect(restored.end == .exit(0), "\(restored.lines)")
        let held = try await LogFiles.events(dataDirectory: "\(folder.path)/again", broker: "default")
        let ids = Set(held.compactMap { $0.event.attributes.text(of: "id") })
        #expect(ids.isSuperset(of: before))
        #expect(held.count == ids.count)

        // The node that was restored goes on: what the copied cursor had not passed is delivered.
        let again = try await ApusProcess.serve(data: "\(folder.path)/again", manifests: ["\(folder.path)/all.yaml"])
        try await Patience.wait(for: "every event of the backup") { ids.allSatisfy { subscriber.attempts[$0] != nil } }
        let more = try await LoadClient(port: again.dataPort).send(1, ids: "after")
        #expect(more.first?.position == "0:\(held.count)")
        try await again.stop()
        print("backed up under load: \(held.count) events, \(before.count) of them answered before it began")
    }

    @Test func `is refused with a sentence where it cannot be made`() async throws {
        let folder = try TemporaryFolder()
        let nothing = try await ApusProcess.run(["backup", "--data", folder.path, "--to", "\(folder.path)/copy"])
        #expect(nothing.end == .exit(1))
        #expect(nothing.lines.last?.contains("is no data directory of apus: it has no apus.db") == true)
        let both = try await ApusProcess.run(["backup", "--data", folder.path])
        #expect(both.end == .exit(64))
        #expect(both.lines.contains { $0.contains("say where the backup goes with --to DIR") })
    }
}
