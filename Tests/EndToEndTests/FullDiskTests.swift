import Foundation
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#endif

/// A disk that fills up: 503, not ready, recovery by itself, and nothing lost that was answered 202.
@Suite(.timeLimit(.minutes(3)), .serialized) struct `A node whose disk is full` {
    @Test func `says so, recovers when there is space, and has lost nothing`() async throws {
        let folder = try TemporaryFolder()
        let disk = try SmallDisk(at: "\(folder.path)/disk", mebibytes: 24)
        defer { disk.unmount() }
        let subscriber = try await Subscriber.start()
        let manifest = try folder.write(Manifest.broker() + Manifest.trigger("t", to: subscriber.url), to: "all.yaml")
        let apus = try await ApusProcess.serve(data: "\(disk.path)/data", manifests: [manifest])
        let ballast = "\(disk.path)/ballast"
        try Data(count: 12 * 1_048_576).write(to: URL(fileURLWithPath: ballast))

        var accepted: Set<String> = []
        var refusal: HTTPReply?
        for number in 0..<400 where refusal == nil {
            let reply = try await post("\(number)", apus)
            if reply.status == 202 { accepted.insert("\(number)") } else { refusal = reply }
        }
        let refused = try #require(refusal, "the disk of 24 MiB took everything")
        #expect(refused.status == 503)
        #expect(refused.header("Retry-After") != nil)
        #expect(refused.bodyText.contains("log-unavailable"))
        #expect(try await HTTPExchange.send(port: apus.adminPort, path: "/readyz").status == 503)

        try FileManager.default.removeItem(atPath: ballast)
        try await Patience.wait(for: "the log to recover") {
            try await HTTPExchange.send(port: apus.adminPort, path: "/readyz").status == 200
        }
        #expect(try await post("after", apus).status == 202)
        accepted.insert("after")
        try await Patience.wait(for: "every accepted event to arrive", upTo: .seconds(60)) {
            accepted.isSubset(of: subscriber.attempts.keys)
        }
        print("disk full after \(accepted.count - 1) events: 503, recovered, all of them delivered")
        try await apus.stop()
    }

    private func post(_ id: String, _ apus: ApusProcess) async throws -> HTTPReply {
        try await HTTPExchange.send(
            port: apus.dataPort, method: "POST", path: "/default/default",
            headers: [("ce-specversion", "1.0"), ("ce-id", id), ("ce-type", "t"), ("ce-source", "/s")],
            body: [UInt8](repeating: 0x78, count: 100_000))
    }
}

/// A file system of its own, in memory. Needs root, as the machines of CI have it.
private struct SmallDisk {
    let path: String

    struct NoMount: Error, CustomStringConvertible {
        var description: String
    }

    init(at path: String, mebibytes: Int) throws {
        self.path = path
        guard geteuid() == 0 else { try Test.cancel("a small file system can only be mounted by root") }
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        guard mount("tmpfs", path, "tmpfs", 0, "size=\(mebibytes)m") == 0 else {
            throw NoMount(description: "tmpfs cannot be mounted at \(path): \(String(cString: strerror(errno)))")
        }
    }

    func unmount() { umount2(path, Int32(MNT_DETACH)) }
}
