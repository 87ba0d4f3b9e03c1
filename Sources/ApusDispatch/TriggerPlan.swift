package import ApusPorts
package import ApusResources
package import EventFilters

/// One trigger as the dispatcher runs it: everything resolved, nothing to look up.
package struct TriggerPlan: Sendable {
    package var name: String
    /// The trigger's namespace, sent as `Kn-Namespace`.
    package var namespace: String
    package var filter: CompiledFilter
    /// The subscriber; nil where it is not resolved: the trigger reads nothing and keeps its place.
    package var destination: Destination?
    package var policy: DeliveryPolicy
    package var order: TriggerOptions.Order
    /// Attempts at once; nil for ``Limits/windowEventsMax``. More than that widens the window.
    package var maxInFlight: Int?
    /// Events a second; nil for no pace.
    package var rate: Double?
    package var isPaused: Bool
    /// Where a trigger begins that has no cursor yet.
    package var startFrom: LogPoint
    /// Fed from the dead stream; nil where the trigger has none.
    package var deadLetterSink: Destination?
    package var deadLetterPolicy: DeliveryPolicy

    package init(
        name: String, namespace: String, filter: CompiledFilter = .everything, destination: Destination?,
        policy: DeliveryPolicy = DeliveryPolicy(), order: TriggerOptions.Order = .unordered, maxInFlight: Int? = nil,
        rate: Double? = nil, isPaused: Bool = false, startFrom: LogPoint = .latest,
        deadLetterSink: Destination? = nil, deadLetterPolicy: DeliveryPolicy? = nil
    ) {
        self.name = name
        self.namespace = namespace
        self.filter = filter
        self.destination = destination
        self.policy = policy
        self.order = order
        self.maxInFlight = maxInFlight
        self.rate = rate
        self.isPaused = isPaused
        self.startFrom = startFrom
        self.deadLetterSink = deadLetterSink
        self.deadLetterPolicy = deadLetterPolicy ?? policy
    }

    func hasFilter(of other: TriggerPlan) -> Bool { filter.expressions == other.filter.expressions }

    /// The reader of the dead stream that feeds the trigger's dead letter sink, or nil where it has none.
    ///
    /// Neither order, pace nor pause of the trigger hold there: they are about its subscriber.
    var ofDeadLetters: TriggerPlan? {
        guard let deadLetterSink else { return nil }
        return TriggerPlan(
            name: name, namespace: namespace, destination: deadLetterSink, policy: deadLetterPolicy, startFrom: .latest)
    }
}
