public import CloudEvents

/// One condition of a resource, as Knative's error signalling has it (knative.md item 76).
public struct Condition: Sendable, Equatable {
    public enum Status: String, Sendable {
        case yes = "True"
        case no = "False"
        case unknown = "Unknown"
    }

    /// Empty is an error: only such a condition bears on Ready.
    public enum Severity: String, Sendable {
        case error = ""
        case warning = "Warning"
        case info = "Info"
    }

    public var type: String
    public var status: Status
    public var severity: Severity
    /// In PascalCase; always there where the status is False.
    public var reason: String
    public var message: String
    /// When the status last became what it is.
    public var lastTransitionTime: Timestamp?

    public init(
        _ type: String, _ status: Status, severity: Severity = .error, reason: String = "", message: String = "",
        lastTransitionTime: Timestamp? = nil
    ) {
        self.type = type
        self.status = status
        self.severity = severity
        self.reason = reason
        self.message = message
        self.lastTransitionTime = lastTransitionTime
    }

    var document: DocumentNode {
        func text(_ value: String) -> DocumentNode? { value.isEmpty ? nil : .string(value) }
        return .mapping([
            ("type", .string(type)), ("status", .string(status.rawValue)), ("severity", text(severity.rawValue)),
            ("lastTransitionTime", lastTransitionTime.map { .string(MomentText.seconds($0)) }), ("reason", text(reason)),
            ("message", text(message)),
        ])
    }

    init?(_ node: DocumentNode) {
        guard let type = node["type"]?.text, let status = node["status"]?.text.flatMap(Status.init) else { return nil }
        self.init(
            type, status, severity: node["severity"]?.text.flatMap(Severity.init) ?? .error,
            reason: node["reason"]?.text ?? "", message: node["message"]?.text ?? "",
            lastTransitionTime: node["lastTransitionTime"]?.text.flatMap(MomentText.moment))
    }
}

/// The conditions of a resource, sorted by type, with Ready computed from those that bear on it.
public struct Conditions: Sendable, Equatable {
    public private(set) var list: [Condition]

    public static let ready = "Ready"

    /// None: nothing is known yet.
    public init() { list = [] }

    /// `living` in the order in which a reason for Ready is looked for; `informational` stand beside them.
    ///
    /// Ready is False where a living condition is, else Unknown where one is, else True; it takes the first such one's reason.
    /// A condition whose status is as in `previous` keeps its time; one that changed, or is new, gets `now`.
    public init(living: [Condition], informational: [Condition] = [], previous: Conditions, now: Timestamp) {
        var all = living + informational
        let terminal = living.filter { $0.severity == .error }
        if let cause = terminal.first(where: { $0.status == .no }) ?? terminal.first(where: { $0.status == .unknown }) {
            all.append(Condition(Self.ready, cause.status, reason: cause.reason, message: cause.message))
        } else {
            all.append(Condition(Self.ready, .yes))
        }
        for index in all.indices {
            let before = previous[all[index].type]
            all[index].lastTransitionTime = before?.status == all[index].status ? before?.lastTransitionTime ?? now : now
        }
        list = all.sorted { $0.type < $1.type }
    }

    public subscript(type: String) -> Condition? { list.first { $0.type == type } }

    public var isReady: Bool { self[Self.ready]?.status == .yes }

    /// How `kn` sums them up: `7 OK / 7`.
    public var summary: String { "\(list.count { $0.status == .yes }) OK / \(list.count)" }

    var document: DocumentNode? { list.isEmpty ? nil : .sequence(list.map(\.document)) }

    init(_ node: DocumentNode?) {
        guard case .sequence(let items)? = node?.content else {
            list = []
            return
        }
        list = items.compactMap(Condition.init)
    }
}

/// Where something stands that a condition is about.
public enum Readiness: Sendable, Equatable {
    case ready
    case notReady(reason: String, message: String)
    case unknown(reason: String, message: String)

    func condition(_ type: String) -> Condition {
        switch self {
        case .ready: Condition(type, .yes)
        case .notReady(let reason, let message): Condition(type, .no, reason: reason, message: message)
        case .unknown(let reason, let message): Condition(type, .unknown, reason: reason, message: message)
        }
    }
}

/// A destination, once it was looked for.
public enum Resolution: Sendable, Equatable {
    case notConfigured
    case resolved(ResolvedDestination)
    /// The sentence says what was not found.
    case failed(String)

    public var destination: ResolvedDestination? {
        if case .resolved(let destination) = self { destination } else { nil }
    }

    func deadLetterCondition() -> Condition {
        let type = "DeadLetterSinkResolved"
        switch self {
        case .notConfigured:
            return Condition(
                type, .yes, reason: Reason.deadLetterSinkNotConfigured, message: "No dead letter sink is configured.")
        case .resolved: return Condition(type, .yes)
        case .failed(let message): return Condition(type, .no, reason: Reason.deadLetterSinkUnresolved, message: message)
        }
    }
}

/// The reasons of conditions: Knative's where it has one (two of them with spaces, as Knative writes them), and Apus's own.
public enum Reason {
    public static let brokerDoesNotExist = "BrokerDoesNotExist"
    public static let brokerNotConfigured = "BrokerNotConfigured"
    public static let noAddress = "NoAddress"
    public static let notSubscribed = "NotSubscribed"
    public static let subscriptionNotConfigured = "SubscriptionNotConfigured"
    public static let subscriberUnresolved = "Unable to get the Subscriber's URI"
    public static let deadLetterSinkUnresolved = "Unable to get the dead letter sink's URI"
    public static let deadLetterSinkNotConfigured = "DeadLetterSinkNotConfigured"
    public static let identityDisabled = "authentication-oidc feature disabled"
    public static let eventPoliciesDisabled = "OIDCDisabled"
    public static let sinkMissing = "SinkMissing"
    public static let sinkNotFound = "NotFound"
    public static let sourceStarting = "Starting"
    /// A source is stopped by the annotation `apus.dev/paused`.
    public static let paused = "Paused"
    /// A replay has nobody to deliver to.
    public static let triggerNotFound = "TriggerNotFound"
    /// A replay that could not begin yet.
    public static let replayWaits = "Waiting"
    /// The log has no such range, or has it no more.
    public static let rangeNotThere = "RangeNotThere"
    /// Another redrive has the same dead letters to do.
    public static let redriveOverlaps = "RedriveOverlaps"
    /// The class is not in this build (promise 24).
    public static let brokerClassUnknown = "BrokerClassUnknown"
    /// The broker's log cannot be opened or written.
    public static let logUnavailable = "LogUnavailable"
    /// `spec.config` is accepted and means nothing here (promise 24).
    public static let configNotUsed = "ConfigNotUsed"
}
