package import ApusPorts
package import EventFilters

/// One replay as it runs: a stretch of a stream, whom it goes to, and how fast. Everything resolved, nothing to look up
/// (promises 18 to 20).
package struct ReplayPlan: Sendable {
    package enum Target: Sendable {
        /// Each has a cursor of its own, and its own filter is asked as well. One that is paused, or whose destination is nil,
        /// waits. Those that are given when the replay begins are the ones that it goes to: later ones are none of its business.
        case triggers([TriggerPlan])
        /// One subscriber beside all triggers. It is asked for no reply, and what it fails for good stops the replay.
        case url(Destination, DeliveryPolicy)
        /// A redrive: each dead letter goes to the trigger that gave up on it, by the trigger's name.
        case deadLetters([String: TriggerPlan])
    }

    /// The name of the Replay: what `apusreplay` says.
    package var name: String
    /// Tells this replay from an earlier one of the same name.
    package var uid: String
    package var namespace: String
    package var stream: Stream
    /// The first offset.
    package var from: Int64
    /// The first offset that is not replayed any more.
    package var until: Int64
    package var filter: CompiledFilter
    /// Which dead letters; nil for all of them. With ``Target/deadLetters(_:)`` only.
    package var deadLetters: DeadLetterSelection?
    package var target: Target
    /// Events a second of the whole replay; nil for no pace.
    package var rate: Double?
    /// Events that one trigger (or the URL) may have without an outcome; 1 is strictly in log order. A trigger's own bound holds
    /// as well; its own pace does not.
    package var maxInFlight: Int

    package init(
        name: String, uid: String, namespace: String, stream: Stream = .events, from: Int64, until: Int64,
        filter: CompiledFilter = .everything, deadLetters: DeadLetterSelection? = nil, target: Target, rate: Double? = nil,
        maxInFlight: Int = 1
    ) {
        self.name = name
        self.uid = uid
        self.namespace = namespace
        self.stream = stream
        self.from = from
        self.until = until
        self.filter = filter
        self.deadLetters = deadLetters
        self.target = target
        self.rate = rate
        self.maxInFlight = maxInFlight
    }

    /// The attribute that a delivery of this replay adds (promise 20).
    package static let attribute = "apusreplay"

    /// What a dead letter of a replay to a URL has for its trigger.
    package static func letterOwner(_ name: String) -> String { "Replay/\(name)" }

    var isRedrive: Bool { if case .deadLetters = target { true } else { false } }
    var isToURL: Bool { if case .url = target { true } else { false } }

    /// The readers that the target asks for. Where there is nobody to deliver to, one that reads all the same: what there is is
    /// counted.
    var lanes: [ReplayLane] {
        var lanes: [ReplayLane]
        switch target {
        case .triggers(let triggers): lanes = triggers.map { lane(of: $0) }
        case .deadLetters(let triggers): lanes = triggers.values.sorted { $0.name < $1.name }.map { lane(of: $0) }
        case .url: lanes = [ReplayLane(.replay(name), trigger: nil, plan: urlPlan, next: from)]
        }
        if lanes.isEmpty { lanes.append(ReplayLane(.replay(name), trigger: nil, plan: nil, next: from)) }
        return lanes
    }

    /// How the lane of `trigger` delivers now; nil where the trigger is gone.
    func plan(of trigger: String?) -> TriggerPlan? {
        switch target {
        case .triggers(let triggers): triggers.first { $0.name == trigger }
        case .deadLetters(let triggers): trigger.flatMap { triggers[$0] }
        case .url: urlPlan
        }
    }

    private var urlPlan: TriggerPlan? {
        guard case .url(let destination, let policy) = target else { return nil }
        return TriggerPlan(
            name: Self.letterOwner(name), namespace: namespace, destination: destination, policy: policy)
    }

    private func lane(of trigger: TriggerPlan) -> ReplayLane {
        ReplayLane(.replay(name, trigger: trigger.name), trigger: trigger.name, plan: trigger, next: from)
    }
}
