import ApusControl
import ApusIntake
import ApusPorts
import ApusResources
import ApusTelemetry
import ApusTesting
import BrokerSQLite
import CloudEvents
import Logging
import Testing

@Suite struct `The controller` {
    /// The data plane starts between the two; a file that is saved meanwhile is no less a wish.
    @Test func `applies what is written between its start and its first look at the files`() async throws {
        let (data, manifests) = (try TemporaryPlace(), try TemporaryPlace())
        let store = try await SQLiteResourceStore.open(dataDirectory: data.path)
        let executor = SimExecutor()
        let meters = Meters()
        let now: @Sendable () -> Timestamp = { Timestamp(nanoseconds: 1_767_225_600_000_000_000) }
        let controller = Controller(
            settings: Controller.Settings(dataDirectory: data.path, names: NameTable(), files: ManifestFiles([manifests.path])),
            environment: Controller.Environment(now: now, makeUID: { "u" }, seed: { 1 }, sleep: { _ in await Task.yield() }),
            store: store, backends: [], intake: Intake(meters: IntakeMeters(meters), clock: now),
            sinks: ScriptedSink(on: executor), meters: meters, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try await controller.start()
        try manifests.write(
            "apiVersion: eventing.knative.dev/v1\nkind: Broker\nmetadata: {name: late}\n", to: "late.yaml")
        let run = Task { await controller.run() }
        var isThere = false
        // The files are looked at once a turn and must be still for three of them.
        for _ in 0..<2_000 where !isThere {
            await Task.yield()
            isThere = try await store.loadAll().contains { $0.key.name == "late" }
        }
        run.cancel()
        await run.value
        await store.close()
        #expect(isThere)
    }
}
