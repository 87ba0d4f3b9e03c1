import ApusPorts
import ApusResources
import KafkaClient
import Synchronization

/// Whether records come in, by what the brokers and the sink have said. Pure.
struct SourceHealth: Sendable {
    private struct Problem: Sendable {
        var reason: String
        var message: String
        /// Of the group, which a topic's metadata say nothing of.
        var isOfGroup = false
    }

    private var problem: Problem?
    private var commitProblem: String?
    private var sinkProblem: String?
    private var isMember = false
    /// What the last broker that could not be reached said: "all brokers are down" says nothing of why.
    private var lastWords: String?

    /// Whether the brokers are worth a question now.
    var hasProblem: Bool { problem != nil }

    var readiness: Readiness {
        if let problem { return .notReady(reason: problem.reason, message: problem.message) }
        if let sinkProblem { return .notReady(reason: "SinkUnavailable", message: sinkProblem) }
        if let commitProblem { return .notReady(reason: "CommitFailed", message: commitProblem) }
        return isMember
            ? .ready : .unknown(reason: "JoiningGroup", message: "The source waits for its part in the consumer group.")
    }

    /// librdkafka said it by itself.
    mutating func heard(_ error: KafkaError) {
        switch error.reason {
        case .unreachable:
            guard error.name == "_ALL_BROKERS_DOWN" else { return lastWords = error.message }
            set(error, message: lastWords.map { "\($0); \(error.message)" })
        case .authorization: set(error, isOfGroup: error.name.hasPrefix("GROUP_"))
        case .authentication, .unknownTopic: set(error)
        default: if error.isFatal { set(error) }
        }
    }

    /// The brokers were asked for the topics; nil where they answered.
    mutating func probed(_ error: KafkaError?) {
        if let error {
            set(error)
        } else if problem?.isOfGroup != true {
            problem = nil
        }
    }

    mutating func joined() {
        isMember = true
        problem = nil
    }

    mutating func left() { isMember = false }

    mutating func emitted() { sinkProblem = nil }
    mutating func emitFailed(_ message: String) { sinkProblem = message }

    mutating func committed() { commitProblem = nil }
    mutating func commitFailed(_ message: String) { commitProblem = message }

    /// Refused credentials say more than the silence that follows them.
    private mutating func set(_ error: KafkaError, message: String? = nil, isOfGroup: Bool = false) {
        let isSilence = error.reason == .unreachable || error.reason == .timedOut
        if isSilence, let problem, problem.reason != Self.reason(error) { return }
        problem = Problem(reason: Self.reason(error), message: message ?? error.description, isOfGroup: isOfGroup)
    }

    static func reason(_ error: KafkaError) -> String {
        switch error.reason {
        case .unreachable, .timedOut: "BrokersUnreachable"
        case .authentication: "AuthenticationFailed"
        case .authorization: "AuthorizationFailed"
        case .unknownTopic: "TopicMissing"
        case .configuration: "ConfigurationInvalid"
        default: "ConnectionFailed"
        }
    }
}

/// The health of a source, told by its consumers from any thread, and reported where it changes.
final class HealthBoard: Sendable {
    private struct State {
        var health = SourceHealth()
        var reported: Readiness?
        var lags: [Int: Int64] = [:]
    }

    private let state = Mutex(State())
    private let reporter: any SourceReporter

    init(_ reporter: any SourceReporter) { self.reporter = reporter }

    var hasProblem: Bool { state.withLock { $0.health.hasProblem } }

    func change(_ body: @Sendable (inout SourceHealth) -> Void) {
        state.withLock { state in
            body(&state.health)
            let readiness = state.health.readiness
            guard readiness != state.reported else { return }
            state.reported = readiness
            // Under the lock, so that what was said last is what stands.
            reporter.report(readiness)
        }
    }

    /// Records behind the commits, of one consumer; nil while none of its partitions' is known.
    func lag(of consumer: Int, _ records: Int64?) {
        state.withLock { state in
            state.lags[consumer] = records
            reporter.note("lag", state.lags.isEmpty ? nil : String(state.lags.values.reduce(0, +)))
        }
    }
}
