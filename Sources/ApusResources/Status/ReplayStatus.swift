public import CloudEvents

public struct ReplayStatus: Sendable, Equatable {
    public var observedGeneration: Int64
    public var conditions: Conditions
    /// nil until the node has looked at it.
    public var state: ReplayState?
    /// The bounds as they were resolved, as positions such as `0:120`: from the first on, the second not included.
    public var from: String?
    public var until: String?
    /// The first position that is not over yet.
    public var position: String?
    /// Deliveries that the range holds, an event that two triggers take counted twice; nil where nobody has counted.
    public var counted: Int64?
    /// Records read.
    public var scanned: Int64
    public var delivered: Int64
    /// Deliveries that were given up on: dead letters, or redrives that failed.
    public var failed: Int64
    /// Records that cannot be read.
    public var damaged: Int64
    /// Why it failed, or what a person should know; empty for nothing.
    public var message: String
    public var startedAt: Timestamp?
    public var completionTime: Timestamp?
    /// Where the events go; nil where that is no sink, and where it could not be resolved.
    public var sink: ResolvedDestination?
    public var annotations: [String: String]

    public init(
        observedGeneration: Int64 = 0, conditions: Conditions = Conditions(), state: ReplayState? = nil, from: String? = nil,
        until: String? = nil, position: String? = nil, counted: Int64? = nil, scanned: Int64 = 0, delivered: Int64 = 0,
        failed: Int64 = 0, damaged: Int64 = 0, message: String = "", startedAt: Timestamp? = nil,
        completionTime: Timestamp? = nil, sink: ResolvedDestination? = nil, annotations: [String: String] = [:]
    ) {
        self.observedGeneration = observedGeneration
        self.conditions = conditions
        self.state = state
        self.from = from
        self.until = until
        self.position = position
        self.counted = counted
        self.scanned = scanned
        self.delivered = delivered
        self.failed = failed
        self.damaged = damaged
        self.message = message
        self.startedAt = startedAt
        self.completionTime = completionTime
        self.sink = sink
        self.annotations = annotations
    }

    var document: DocumentNode? {
        let hasStarted = startedAt != nil || scanned > 0 || delivered > 0 || failed > 0
        let members: [(String, DocumentNode?)] =
            [
                ("observedGeneration", observedGeneration == 0 ? nil : .integer(observedGeneration)),
                ("conditions", conditions.document), ("annotations", .texts(annotations)),
                ("state", state.map { .string($0.rawValue) }), ("from", from.map { .string($0) }),
                ("until", until.map { .string($0) }), ("position", position.map { .string($0) }),
                ("counted", counted.map { .integer($0) }), ("scanned", hasStarted ? .integer(scanned) : nil),
                ("delivered", hasStarted ? .integer(delivered) : nil), ("failed", hasStarted ? .integer(failed) : nil),
                ("damaged", damaged == 0 ? nil : .integer(damaged)), ("message", message.isEmpty ? nil : .string(message)),
                ("startedAt", startedAt.map { .string($0.rfc3339) }),
                ("completionTime", completionTime.map { .string($0.rfc3339) }),
            ] + (sink?.members(prefix: "sink") ?? [])
        return members.contains { $0.1 != nil } ? .mapping(members) : nil
    }

    /// Reads what a server gave. What is not known is left out: a newer server may say more.
    init(_ node: DocumentNode?) {
        func count(_ name: String) -> Int64? {
            if case .number(let text)? = node?[name]?.content { Int64(text) } else { nil }
        }
        func moment(_ name: String) -> Timestamp? { node?[name]?.text.flatMap(MomentText.moment) }
        self.init(
            observedGeneration: node.observedGeneration, conditions: Conditions(node?["conditions"]),
            state: node?["state"]?.text.flatMap(ReplayState.init), from: node?["from"]?.text, until: node?["until"]?.text,
            position: node?["position"]?.text, counted: count("counted"), scanned: count("scanned") ?? 0,
            delivered: count("delivered") ?? 0, failed: count("failed") ?? 0, damaged: count("damaged") ?? 0,
            message: node?["message"]?.text ?? "", startedAt: moment("startedAt"), completionTime: moment("completionTime"),
            sink: ResolvedDestination(node, prefix: "sink"), annotations: node.statusAnnotations)
    }
}

/// What is known of a Replay; its status follows from it.
public struct ReplayFacts: Sendable, Equatable {
    /// Where the Broker stands: see ``TriggerStatus/readiness(of:named:)``.
    public var broker: Readiness
    /// The sink; `.notConfigured` where the events go to triggers.
    public var sink: Resolution
    /// Whether its triggers are there, and why it waits where it could run.
    public var target: Readiness
    /// How far it is: a status without conditions and sink, whose `state` is never nil.
    public var progress: ReplayStatus

    public init(
        broker: Readiness = .ready, sink: Resolution = .notConfigured, target: Readiness = .ready, progress: ReplayStatus
    ) {
        self.broker = broker
        self.sink = sink
        self.target = target
        self.progress = progress
    }
}

extension ReplayStatus {
    /// Ready is whether it can run, Succeeded what came of it. Times of conditions that did not change are taken from
    /// `replay.status`.
    public static func make(_ replay: Replay, facts: ReplayFacts, now: Timestamp) -> ReplayStatus {
        var status = facts.progress
        var target = facts.target
        if case .failed(let message) = facts.sink { target = .notReady(reason: Reason.sinkNotFound, message: message) }
        status.conditions = Conditions(
            living: [facts.broker.condition("BrokerReady"), target.condition("TargetResolved")],
            informational: [succeeded(facts.progress)], previous: replay.status.conditions, now: now)
        status.observedGeneration = replay.metadata.generation
        status.sink = facts.sink.destination
        status.annotations = replay.status.annotations
        return status
    }

    private static func succeeded(_ progress: ReplayStatus) -> Condition {
        let type = "Succeeded"
        let reason =
            (progress.state ?? .pending).rawValue.prefix(1).uppercased() + (progress.state ?? .pending).rawValue.dropFirst()
        return switch progress.state ?? .pending {
        case .completed: Condition(type, .yes)
        case .failed, .cancelled: Condition(type, .no, reason: reason, message: progress.message)
        case .pending, .running, .paused: Condition(type, .unknown, reason: reason, message: progress.message)
        }
    }
}

extension ReplayState {
    /// Whether it stays as it is, unless somebody resumes it.
    public var isOver: Bool {
        switch self {
        case .completed, .failed, .cancelled: true
        case .pending, .running, .paused: false
        }
    }
}

extension ReplayStatus {
    /// Deliveries with an outcome.
    public var finished: Int64 {
        let (sum, overflow) = delivered.addingReportingOverflow(failed)
        return overflow ? .max : sum
    }

    /// How much is over, 0 to 1: of the deliveries where they are counted, else of the range. nil where neither is known.
    public var fraction: Double? {
        if state == .completed { return 1 }
        if let counted { return counted > 0 ? min(1, Double(finished) / Double(counted)) : nil }
        guard let first = offset(from), let end = offset(until), let next = offset(position), end > first else { return nil }
        return min(1, max(0, Double(next - first) / Double(end - first)))
    }

    /// `120/900`, or `42%` where nobody has counted; empty where it has not begun.
    public var progressText: String {
        if let counted { return "\(delivered)/\(counted)" }
        return fraction.map { "\(Int($0 * 100))%" } ?? ""
    }

    private func offset(_ text: String?) -> Int64? {
        if case .position(_, let offset)? = text.flatMap({ LogPoint(position: $0) }) { offset } else { nil }
    }
}

extension Replay {
    /// Where the events go, for a column: `trigger orders`, `http://…`, `all triggers`, `dead letters of orders`.
    public var targetText: String {
        switch spec.target {
        case .allTriggers: return "all triggers"
        case .trigger(let name): return "trigger \(name)"
        case .sink(let sink):
            return status.sink?.url ?? sink.uri ?? sink.ref.map { "\($0.kind) \($0.name)" } ?? ""
        case .deadLetters(let letters): return "dead letters" + (letters.trigger.map { " of \($0)" } ?? "")
        }
    }
}
