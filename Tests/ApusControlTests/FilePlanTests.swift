import ApusControl
import ApusPorts
import ApusResources
import CloudEvents
import Foundation
import Testing

@Suite struct `What files wish` {
    private let broker = ResourceIdentity(kind: "Broker", namespace: "default", name: "b")
    private let trigger = ResourceIdentity(kind: "Trigger", namespace: "default", name: "t")
    private let now = Timestamp(nanoseconds: 1_000_000_000_000)

    private func plan(
        _ desired: [DesiredResource], _ stored: [StoredResource] = [], covers: (String) -> Bool = { $0.hasPrefix("/m/") },
        at moment: Timestamp? = nil
    ) -> FilePlan {
        FilePlan(
            desired: desired, stored: Dictionary(uniqueKeysWithValues: stored.map { ($0.key, $0) }), covers: covers,
            now: moment ?? now, nextVersion: 10, makeUID: { "new" })
    }

    private func row(
        _ key: ResourceIdentity, _ document: String = "A", file: String? = "/m/all.yaml", removedAt: Timestamp? = nil
    ) -> StoredResource {
        StoredResource(
            key: key, uid: "old", document: document, generation: 3, resourceVersion: 5, createdAt: now, file: file,
            removedAt: removedAt)
    }

    @Test func `creates what is new`() {
        let plan = plan([DesiredResource(key: broker, document: "A", file: "/m/all.yaml")])
        #expect(
            plan.writes == [
                StoredResource(
                    key: broker, uid: "new", document: "A", generation: 1, resourceVersion: 10, createdAt: now,
                    file: "/m/all.yaml")
            ])
    }

    @Test func `leaves alone what is as it was`() {
        #expect(plan([DesiredResource(key: broker, document: "A", file: "/m/all.yaml")], [row(broker)]).writes.isEmpty)
    }

    @Test func `changes a document, keeps its UID and counts its generation`() {
        let plan = plan([DesiredResource(key: broker, document: "B", file: "/m/all.yaml")], [row(broker)])
        #expect(plan.writes.map(\.document) == ["B"])
        #expect(plan.writes.map(\.uid) == ["old"])
        #expect(plan.writes.map(\.generation) == [4])
    }

    @Test func `moves a resource to another file without a new generation`() {
        let plan = plan([DesiredResource(key: broker, document: "A", file: "/m/other.yaml")], [row(broker)])
        #expect(plan.writes.map(\.file) == ["/m/other.yaml"])
        #expect(plan.writes.map(\.generation) == [3])
        #expect(plan.writes.map(\.removedAt) == [nil])
    }

    @Test func `removes what its file no longer brings, and keeps the rest`() {
        let plan = plan([DesiredResource(key: broker, document: "A", file: "/m/all.yaml")], [row(broker), row(trigger)])
        #expect(plan.writes.map(\.key) == [trigger])
        #expect(plan.writes.map(\.removedAt) == [now])
    }

    @Test func `takes up again what was removed, with the UID that it had`() {
        let plan = plan(
            [DesiredResource(key: broker, document: "A", file: "/m/all.yaml")],
            [row(broker, removedAt: Timestamp(nanoseconds: 5))])
        #expect(plan.writes.map(\.uid) == ["old"])
        #expect(plan.writes.map(\.removedAt) == [nil])
    }

    @Test func `disowns what an earlier start had brought, and deletes nothing`() {
        let plan = plan([], [row(broker, file: "/elsewhere/b.yaml")])
        #expect(plan.writes.map(\.file) == [nil])
        #expect(plan.writes.map(\.removedAt) == [nil])
    }

    @Test func `does not touch what no file owns`() {
        #expect(plan([], [row(broker, file: nil)]).writes.isEmpty)
    }

    @Test func `forgets what was removed a day ago, and not a moment sooner`() {
        let day: Int64 = 86_400_000_000_000
        let removed = row(broker, removedAt: now)
        #expect(FilePlan.expired([removed], now: Timestamp(nanoseconds: now.nanoseconds + day - 1)).isEmpty)
        #expect(FilePlan.expired([removed], now: Timestamp(nanoseconds: now.nanoseconds + day)) == [removed])
        #expect(FilePlan.expired([row(trigger)], now: Timestamp(nanoseconds: .max)).isEmpty)
    }
}

@Suite struct `Files that change` {
    private let folder: TemporaryPlace

    init() throws { folder = try TemporaryPlace() }

    @Test func `are applied once they have been still for half a second`() throws {
        let files = ManifestFiles([folder.path])
        var debounce = ManifestDebounce(applied: files.fingerprint())
        var isDue: [Bool] = []
        isDue.append(debounce.looked(at: files.fingerprint(), nowMilliseconds: 0))
        try folder.write("a", to: "a.yaml")
        for moment in [200, 600] { isDue.append(debounce.looked(at: files.fingerprint(), nowMilliseconds: moment)) }
        try folder.write("ab", to: "a.yaml")
        for moment in [700, 1100, 1200, 2000] { isDue.append(debounce.looked(at: files.fingerprint(), nowMilliseconds: moment)) }
        #expect(isDue == [false, false, false, false, false, true, false])
    }

    @Test func `are not applied when an editor has put back what was there`() throws {
        try folder.write("a", to: "a.yaml")
        let files = ManifestFiles([folder.path])
        let before = files.fingerprint()
        var debounce = ManifestDebounce(applied: before)
        try folder.write("b", to: "b.yaml")
        var isDue = [debounce.looked(at: files.fingerprint(), nowMilliseconds: 100)]
        for moment in [300, 5000] { isDue.append(debounce.looked(at: before, nowMilliseconds: moment)) }
        #expect(isDue == [false, false, false])
    }

    @Test func `are applied where a folder goes and comes back empty`() throws {
        try FileManager.default.createDirectory(atPath: "\(folder.path)/m", withIntermediateDirectories: true)
        let files = ManifestFiles(["\(folder.path)/m"])
        let empty = files.fingerprint()
        try FileManager.default.removeItem(atPath: "\(folder.path)/m")
        #expect(files.fingerprint() != empty)
    }

    @Test func `are applied once they may be read`() throws {
        try folder.write("a", to: "a.yaml")
        let files = ManifestFiles([folder.path])
        try FileManager.default.setAttributes([.posixPermissions: 0o200], ofItemAtPath: "\(folder.path)/a.yaml")
        let before = files.fingerprint()
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: "\(folder.path)/a.yaml")
        #expect(files.fingerprint() != before)
    }

    @Test func `are read from folders below, sorted, hidden ones left out`() throws {
        try folder.write("1", to: "b.yaml")
        try folder.write("2", to: "a/c.yml")
        try folder.write("3", to: "d.json")
        try folder.write("no", to: ".hidden.yaml")
        try folder.write("no", to: "a/.swp/x.yaml")
        try folder.write("no", to: "notes.txt")
        #expect(try ManifestFiles([folder.path]).read().map(\.text) == ["2", "1", "3"])
    }

    @Test func `that are gone are an error, never an empty wish`() {
        #expect {
            try ManifestFiles(["\(folder.path)/none.yaml"]).read()
        } throws: { "\($0)".contains("does not exist") }
    }

    @Test func `that are no text or too large are named`() throws {
        try folder.write(bytes: [0xFF, 0xFE], to: "a.yaml")
        #expect { try ManifestFiles([folder.path]).read() } throws: { "\($0)".contains("is not UTF-8 text") }
        try folder.write(bytes: [UInt8](repeating: 0x20, count: Limits.manifestFileBytesMax + 1), to: "a.yaml")
        #expect { try ManifestFiles([folder.path]).read() } throws: { "\($0)".contains("larger than") }
    }

    @Test func `are covered by the folder that -f named`() {
        let files = ManifestFiles([folder.path])
        #expect(files.covers("\(folder.path)/x/y.yaml"))
        #expect(!files.covers("\(folder.path)-other/y.yaml"))
    }
}
