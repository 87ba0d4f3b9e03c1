public import CloudEvents
public import EventFilters

/// A stretch of a Broker's log, sent again (promises 19 and 20), or dead letters, redriven (promise 18).
public struct Replay: Sendable, Equatable {
    public static let apiVersion = "apus.dev/v1alpha1"
    public static let kind = "Replay"

    public var metadata: ObjectMeta
    public var spec: ReplaySpec
    public var status: ReplayStatus

    public init(metadata: ObjectMeta, spec: ReplaySpec, status: ReplayStatus = ReplayStatus()) {
        self.metadata = metadata
        self.spec = spec
        self.status = status
    }

    public var identity: ResourceIdentity {
        ResourceIdentity(kind: Self.kind, namespace: metadata.namespace, name: metadata.name)
    }

    /// The Broker whose log it reads, in the replay's own namespace.
    public var broker: ResourceIdentity {
        ResourceIdentity(kind: Broker.kind, namespace: metadata.namespace, name: spec.broker)
    }

    /// With the namespaces of references filled in, and the label that names the Broker, as a Trigger has it.
    public func defaulted() -> Replay {
        var copy = self
        copy.spec.sink = spec.sink?.defaulted(namespace: metadata.namespace)
        if !spec.broker.isEmpty { copy.metadata.labels["eventing.knative.dev/broker"] = spec.broker }
        return copy
    }

    /// The replay's own filter, compiled; a trigger's is asked as well. Paths of errors are whole: `spec.filters[1].cesql`.
    public func compiledFilter() throws(FilterError) -> CompiledFilter {
        do {
            return try CompiledFilter(spec.filters)
        } catch {
            throw FilterError(path: "spec.filters\(error.path)", message: error.message, excerpt: error.excerpt)
        }
    }

    /// What in the filter is valid and still likely to be a mistake; paths are whole, places are those in the expression.
    public var filterWarnings: [FieldError] {
        FilterDocument.warnings((try? compiledFilter())?.warnings ?? []) { "spec.filters\($0)" }
    }

    /// What a change may not change: everything but `rate`, `maxInFlight` and `paused`, and `cancelled` from false to true.
    public static func validateUpdate(old: Replay, new: Replay) -> [FieldError] {
        var errors: [FieldError] = []
        let (before, after) = (old.spec.document, new.spec.document)
        for field in ReplaySpec.immutableFields where before[field] != after[field] {
            let (left, right) = (before[field]?.json() ?? "none", after[field]?.json() ?? "none")
            errors.append(
                FieldError(
                    path: "spec.\(field)",
                    message: "Immutable fields changed (-old +new): -\(left) +\(right); "
                        + "a Replay's rate, maxInFlight, paused and cancelled can change"))
        }
        if old.spec.isCancelled, !new.spec.isCancelled {
            errors.append(
                FieldError(path: "spec.cancelled", message: "cannot go back to false; create another Replay instead"))
        }
        return errors
    }

    /// As Kubernetes would give it. Without status it is what the node stores.
    public func document(withStatus: Bool = true) -> DocumentNode {
        .mapping([
            ("apiVersion", .string(Self.apiVersion)), ("kind", .string(Self.kind)), ("metadata", metadata.document),
            ("spec", spec.document), ("status", withStatus ? status.document : nil),
        ])
    }
}

public struct ReplaySpec: Sendable, Equatable {
    /// Which dead letters are redriven; a field that is nil or empty asks for nothing.
    public struct DeadLetters: Sendable, Equatable {
        /// The trigger that gave up.
        public var trigger: String?
        /// One of ``reasons``.
        public var reason: String?
        /// In the dead stream, as `LANE:OFFSET`.
        public var positions: [String]

        public init(trigger: String? = nil, reason: String? = nil, positions: [String] = []) {
            self.trigger = trigger
            self.reason = reason
            self.positions = positions
        }

        /// The offsets of ``positions``; nil for any.
        public var offsets: Set<Int64>? {
            guard !positions.isEmpty else { return nil }
            return Set(
                positions.compactMap { text in
                    if case .position(_, let offset)? = LogPoint(position: text) { offset } else { nil }
                })
        }

        /// Why a dead letter can be one that is redriven: those of the log, but for what never was an event.
        public static let reasons = ["rejected", "retries-exhausted", "hops-exhausted", "edited"]
        /// ``positions`` of one Replay.
        public static let positionsMax = 1000
    }

    /// Where the events go.
    public enum Target: Sendable, Equatable {
        /// Every trigger of the broker, each through its own filter.
        case allTriggers
        case trigger(String)
        case sink(DestinationSpec)
        /// Each dead letter to the trigger that gave up on it.
        case deadLetters(DeadLetters)
    }

    /// Those that can change are rate, maxInFlight, paused and cancelled.
    static let immutableFields = [
        "broker", "trigger", "sink", "from", "until", "filters", "delivery", "deadLetters",
    ]
    public static let maxInFlightMax = 256
    public static let rateMax = 1_000_000.0

    public var broker: String
    public var trigger: String?
    public var sink: DestinationSpec?
    /// A ``LogPoint`` as it was written, of the events, or of the dead stream with ``deadLetters``.
    public var from: String
    /// The first that is not sent any more.
    public var until: String
    /// What must all match. Empty matches every event.
    public var filters: [FilterExpression]
    /// Events a second of the whole replay; nil for no bound.
    public var rate: Double?
    /// Deliveries at once; 1 keeps the order of the log strictly.
    public var maxInFlight: Int
    /// Towards ``sink``.
    public var delivery: DeliverySpec?
    public var isPaused = false
    public var isCancelled = false
    public var deadLetters: DeadLetters?

    public init(
        broker: String, trigger: String? = nil, sink: DestinationSpec? = nil, from: String = "earliest",
        until: String = "latest", filters: [FilterExpression] = [], rate: Double? = nil, maxInFlight: Int = 1,
        delivery: DeliverySpec? = nil, deadLetters: DeadLetters? = nil
    ) {
        self.broker = broker
        self.trigger = trigger
        self.sink = sink
        self.from = from
        self.until = until
        self.filters = filters
        self.rate = rate
        self.maxInFlight = maxInFlight
        self.delivery = delivery
        self.deadLetters = deadLetters
    }

    public var target: Target {
        if let deadLetters { return .deadLetters(deadLetters) }
        if let sink { return .sink(sink) }
        return trigger.map { .trigger($0) } ?? .allTriggers
    }

    /// The retries towards ``sink``: a trigger's default where the replay sets no `delivery`.
    public var effectiveDelivery: EffectiveDelivery {
        EffectiveDelivery(delivery.flatMap { $0.isEmpty ? nil : $0 } ?? .brokerDefault)
    }

    /// The bounds as points of the log. Days begin at midnight in UTC: a document does not know where its reader is.
    ///
    /// - Parameter now: What times ago are counted from. nil is given only for texts that were never checked.
    public func points(now: Timestamp) -> (from: LogPoint, until: LogPoint)? {
        let intoDay = (now.nanoseconds % dayNanoseconds + dayNanoseconds) % dayNanoseconds
        let midnight = Timestamp(nanoseconds: now.nanoseconds - intoDay)
        guard let from = LogPoint(from, now: now, midnight: midnight), let until = LogPoint(until, now: now, midnight: midnight)
        else { return nil }
        return (from, until)
    }

    var document: DocumentNode {
        .mapping([
            ("broker", .string(broker)), ("trigger", trigger.map { .string($0) }), ("sink", sink?.document),
            ("from", .string(from)), ("until", .string(until)),
            ("filters", filters.isEmpty ? nil : .sequence(filters.map(FilterDocument.write))),
            ("rate", rate.map { .decimal($0) }), ("maxInFlight", .integer(maxInFlight)), ("delivery", delivery?.document),
            ("paused", isPaused ? .boolean(true) : nil), ("cancelled", isCancelled ? .boolean(true) : nil),
            ("deadLetters", deadLetters?.document),
        ])
    }
}

private let dayNanoseconds: Int64 = 86_400_000_000_000

extension ReplaySpec.DeadLetters {
    fileprivate var document: DocumentNode {
        .mapping([
            ("trigger", trigger.map { .string($0) }), ("reason", reason.map { .string($0) }),
            ("positions", positions.isEmpty ? nil : .sequence(positions.map { .string($0) })),
        ])
    }
}
