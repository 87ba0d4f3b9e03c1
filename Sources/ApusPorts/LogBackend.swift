public import CloudEvents

/// What a folder under `brokers/` exports: the classes that it serves, and how a broker's log is opened.
public protocol LogBackend: Sendable {
    /// The class as the annotation `eventing.knative.dev/broker.class` names it, e.g. `SQLite`.
    static var brokerClass: String { get }
    /// One sentence for `apus explain` and conditions: what a 202 means with this class.
    static var durability: String { get }

    /// Clauses of the contract suite that this class cannot meet, by their sentence, each with its reason.
    static var waivers: [String: String] { get }

    /// Opens the log of a broker, or creates it. Blocking work is done off the caller's executor.
    static func open(_ context: BackendContext) async throws(LogError) -> OpenLog
}

extension LogBackend {
    public static var waivers: [String: String] { [:] }
}

/// A log that is open, and its cursors.
public struct OpenLog: Sendable {
    public var log: any EventLog
    public var cursors: any CursorStore

    public init(log: any EventLog, cursors: any CursorStore) {
        self.log = log
        self.cursors = cursors
    }
}

/// What a backend is told of the broker whose log it opens.
public struct BackendContext: Sendable {
    public var namespace: String
    public var broker: String
    /// The broker's UID: what belongs to another UID of the same name is another log.
    public var uid: String
    /// The node's data directory; a backend keeps its files under `brokers/` there.
    public var dataDirectory: String
    /// Wall clock, as an input so that tests can set it.
    public var clock: @Sendable () -> Timestamp

    public init(
        namespace: String, broker: String, uid: String, dataDirectory: String, clock: @escaping @Sendable () -> Timestamp
    ) {
        self.namespace = namespace
        self.broker = broker
        self.uid = uid
        self.dataDirectory = dataDirectory
        self.clock = clock
    }
}
