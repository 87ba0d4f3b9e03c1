public import ApusResources
public import CloudEvents

/// What a folder under `sources/` exports: the resource that asks for such a source, and how one is made of it.
public protocol SourceKind: Sendable {
    /// The resource: its names, fields, checks, columns. `apus check`, `explain`, `get` and the resource API read it.
    static var schema: SourceSchema { get }

    /// Clauses of the contract suite that this kind cannot meet, by their sentence, each with its reason.
    static var waivers: [String: String] { get }

    /// Makes a source of a resource that passed the checks of ``schema``. Does nothing yet: no socket, no thread.
    static func make(_ resource: SourceResource) throws(SourceFailure) -> any EventSource

    /// A manifest in JSON whose source brings events by itself, without anything of outside: what the contract suite runs, with
    /// its own sink in the place of the manifest's. nil where the kind needs a server; its own tests run the suite then.
    static var specimen: String? { get }
}

extension SourceKind {
    public static var waivers: [String: String] { [:] }
    public static var specimen: String? { nil }
}

/// One source that brings events in: a schedule, a consumer of a topic, a subscription.
///
/// Made anew each time that it is started: after a change of its spec, after a pause, after a failure. What has to outlive that
/// is kept in ``SourceContext/progress``.
public protocol EventSource: Sendable {
    /// Brings events until its task is cancelled, and then lets go of all that it holds before it returns (within
    /// ``Limits/sourceStopSeconds``). Throwing, or returning without having been cancelled, means that it cannot go on: the
    /// control plane writes the failure's words into the condition and starts a new one after a backoff (1 s, 2 s … 30 s).
    ///
    /// What can be waited out inside (a server that reconnects by itself) need not be thrown: tell ``SourceReporter`` that the
    /// source is not ready, and that it is again.
    func run(_ context: SourceContext) async throws(SourceFailure)
}

/// Why a source cannot go on now: what its condition says.
public struct SourceFailure: Error, Sendable, Equatable {
    /// In PascalCase: `ConnectionFailed`, `TopicMissing`.
    public var reason: String
    /// A sentence, with the server's own words.
    public var message: String

    public init(reason: String, message: String) {
        self.reason = reason
        self.message = message
    }
}

/// What a source is handed when it is started.
public struct SourceContext: Sendable {
    /// Kind, namespace and name of its resource.
    public var identity: ResourceIdentity
    /// The resource's UID: what names this source on other systems (a consumer group, a durable) for as long as it is applied.
    public var uid: String
    /// Where its events go. The sink and its retries, `ceOverrides`, and the broker's door are behind it.
    public var emitter: any EventEmitter
    /// What it keeps between starts, durably.
    public var progress: any SourceProgress
    /// Where it says how it is.
    public var reporter: any SourceReporter
    public var clock: SourceClock
    /// A new UUID.
    public var makeID: @Sendable () -> String
    /// A generator's seed, for jitter.
    public var seed: UInt64

    public init(
        identity: ResourceIdentity, uid: String, emitter: any EventEmitter, progress: any SourceProgress,
        reporter: any SourceReporter, clock: SourceClock, makeID: @escaping @Sendable () -> String, seed: UInt64
    ) {
        self.identity = identity
        self.uid = uid
        self.emitter = emitter
        self.progress = progress
        self.reporter = reporter
        self.clock = clock
        self.makeID = makeID
        self.seed = seed
    }
}

/// Time, as an input.
public struct SourceClock: Sendable {
    /// Wall clock, UTC.
    public var now: @Sendable () -> Timestamp
    /// Returns once the duration has passed, or at once where the task is cancelled.
    public var sleep: @Sendable (Duration) async -> Void

    public init(now: @escaping @Sendable () -> Timestamp, sleep: @escaping @Sendable (Duration) async -> Void) {
        self.now = now
        self.sleep = sleep
    }

    /// Returns once the wall clock shows `moment`, or where the task is cancelled. Looks at the clock at least every 30 s: it may
    /// be set, and a machine may sleep.
    public func sleep(until moment: Timestamp) async {
        while !Task.isCancelled {
            let left = moment - now()
            guard left > .zero else { return }
            await sleep(min(left, .seconds(30)))
        }
    }
}

/// Where a source says how it is. Cheap, from any thread; what was said last stands in the resource's status.
public protocol SourceReporter: AnyObject, Sendable {
    /// Whether events come in: the condition that ``SourceSchema/condition`` names. A source that was started is Unknown until it
    /// says otherwise for the first time.
    func report(_ readiness: Readiness)
    /// A line of progress for people, in the annotation `apus.dev/NAME` of the status (`next-tick`, `lag`); nil takes it away.
    func note(_ name: String, _ value: String?)
    /// Counts events that fell due, or were there to be had, and were not emitted: a metric, and a line of the status.
    func missed(_ events: Int)
}
