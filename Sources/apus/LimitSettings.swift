import ApusDispatch
import ApusHTTP
import ApusIntake
import ApusPorts
import ApusServer
import ArgumentParser
import CloudEvents

/// The limits that `--limit NAME=VALUE` sets; each begins as `apus explain limits` prints it.
struct LimitSettings: Sendable {
    var intake = IntakeLimits()
    var dataPlane = DataPlaneLimits()
    var dispatch = DispatchBounds()

    private typealias Setter = @Sendable (inout LimitSettings, Int) -> Void

    /// Those that a node can set, by their names in ``Limits``.
    private static let setters: [(name: String, set: Setter)] = [
        ("eventBytesMax", { $0.intake.eventBytesMax = $1 }), ("batchBytesMax", { $0.intake.batchBytesMax = $1 }),
        ("batchEventsMax", { $0.intake.format.batchEvents = $1 }), ("headBytesMax", { $0.dataPlane.http.headBytesMax = $1 }),
        ("jsonNestingMax", { $0.intake.format.nesting = $1 }), ("attributesMax", { $0.intake.format.attributes = $1 }),
        ("windowEventsMax", { $0.dispatch.windowEvents = $1 }), ("parkedEventsMax", { $0.dispatch.parkedEvents = $1 }),
        ("openConnectionsMax", { $0.dataPlane.openConnectionsMax = $1 }),
        ("appendQueueEventsMax", { $0.intake.queueEventsMax = $1 }), ("appendQueueBytesMax", { $0.intake.queueBytesMax = $1 }),
        ("deduplicationEntriesMax", { $0.intake.deduplicationEntriesMax = $1 }),
        ("requestHeadSecondsMax", { $0.dataPlane.headSecondsMax = $1 }),
        ("requestBodySecondsMax", { $0.dataPlane.bodySecondsMax = $1 }),
        ("idleConnectionSecondsMax", { $0.dataPlane.idleSecondsMax = $1 }),
        ("pipelinedRequestsMax", { $0.dataPlane.pipelinedRequestsMax = $1 }),
    ]

    static var names: [String] { setters.map(\.name) }

    init(_ flags: [String]) throws {
        for flag in flags {
            let parts = flag.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2, let value = Int(parts[1]), value >= 1, value <= Int(Int32.max) else {
                throw ValidationError(
                    "--limit \(flag): NAME=VALUE with a whole number from 1 on is needed, e.g. eventBytesMax=2097152")
            }
            guard let setter = Self.setters.first(where: { $0.name == parts[0] }) else {
                throw ValidationError(
                    "--limit \(flag): \(parts[0]) cannot be set; these can: \(Self.names.joined(separator: ", "))")
            }
            setter.set(&self, value)
        }
    }
}
