package import ApusPorts
package import ApusResources
package import EventFilters

/// One trigger of the broker as it is now: what a passport has to know of it beside what the log tells.
package struct PassportTrigger: Sendable {
    package var trigger: Trigger
    package var filter: CompiledFilter
    /// The most attempts that its policy makes.
    package var attemptsMax: Int
    package var subscriber: Resolution
    package var deadLetterSink: Resolution
    /// The next offset that it reads; nil where it does not run.
    package var next: Int64?
    package var stopped: ReaderStop?
    /// Why it does not run, where it does not.
    package var problem: String?

    package init(
        trigger: Trigger, filter: CompiledFilter, attemptsMax: Int, subscriber: Resolution, deadLetterSink: Resolution,
        next: Int64? = nil, stopped: ReaderStop? = nil, problem: String? = nil
    ) {
        self.trigger = trigger
        self.filter = filter
        self.attemptsMax = attemptsMax
        self.subscriber = subscriber
        self.deadLetterSink = deadLetterSink
        self.next = next
        self.stopped = stopped
        self.problem = problem
    }

    var name: String { trigger.metadata.name }
}

/// What passports of one broker are made from beside its log: asked once, and then for each event where it stands.
package struct PassportFacts: Sendable {
    package var triggers: [PassportTrigger]
    /// nil where the trigger does not run.
    package var standing: @Sendable (_ offset: Int64, _ trigger: String) async -> DeliveryStanding?
    /// Traces that the dispatcher has and the log has not yet; one that it has by now may be among them.
    package var unstored: @Sendable (_ stream: Stream, _ offset: Int64) async -> [DeliveryTrace]

    package init(
        triggers: [PassportTrigger],
        unstored: @escaping @Sendable (_ stream: Stream, _ offset: Int64) async -> [DeliveryTrace] = { _, _ in [] },
        standing: @escaping @Sendable (_ offset: Int64, _ trigger: String) async -> DeliveryStanding?
    ) {
        self.triggers = triggers
        self.unstored = unstored
        self.standing = standing
    }
}
