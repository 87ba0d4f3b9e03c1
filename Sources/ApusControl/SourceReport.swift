import ApusPorts
import ApusResources
import ApusTelemetry
import Synchronization

/// What a source has said of itself, and what was counted: kept here, and written into its status when someone looks.
final class SourceReport: SourceReporter {
    struct State: Sendable {
        var readiness = Readiness.unknown(reason: Reason.sourceStarting, message: "The source is starting.")
        var notes: [String: String] = [:]
        /// Whether it was ready since ``SourceReport/begin()``.
        var wasReady = false
    }

    let meters: SourceMeters
    private let state = Mutex(State())

    init(meters: SourceMeters) { self.meters = meters }

    var current: State { state.withLock { $0 } }

    /// A new run of the source begins.
    func begin() { state.withLock { $0.wasReady = false } }

    func report(_ readiness: Readiness) {
        state.withLock { state in
            state.readiness = readiness
            if readiness == .ready { state.wasReady = true }
        }
    }

    func note(_ name: String, _ value: String?) { state.withLock { $0.notes[name] = value } }

    func missed(_ events: Int) { meters.missed.add(events) }

    /// Lines of the status: what the source noted, and the counts since the node's start.
    var annotations: [String: String] {
        let state = current
        var lines = Dictionary(uniqueKeysWithValues: state.notes.map { ("apus.dev/\($0.key)", $0.value) })
        for (name, count) in [
            ("emitted", meters.emitted.value), ("failures", meters.failures.value), ("missed", meters.missed.value),
            ("unreadable", meters.unreadable.value),
        ] where count > 0 || name == "emitted" { lines["apus.dev/\(name)"] = "\(count)" }
        return lines
    }
}

/// The series of one source.
struct SourceMeters: Sendable {
    let emitted: Counter
    let failures: Counter
    let missed: Counter
    let unreadable: Counter

    init(_ meters: Meters, _ identity: ResourceIdentity) {
        let labels = Self.labels(identity)
        emitted = meters.counter(.sourceEmitted, labels)
        failures = meters.counter(.sourceFailures, labels)
        missed = meters.counter(.sourceMissed, labels)
        unreadable = meters.counter(.sourceUnreadable, labels)
    }

    /// Forgets the series of a source that was removed.
    static func drop(_ meters: Meters, _ identity: ResourceIdentity) {
        for metric in [Metric.sourceEmitted, .sourceFailures, .sourceMissed, .sourceUnreadable] {
            meters.drop(metric, labels(identity))
        }
    }

    private static func labels(_ identity: ResourceIdentity) -> [String] {
        [identity.namespace, identity.kind, identity.name]
    }
}
