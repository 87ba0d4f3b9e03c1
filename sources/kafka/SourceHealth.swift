import ApusPorts
import ApusResources
import KafkaClient
import Synchronization

/// Whether records come in, by what the brokers and the sink have said. Pure.
struct SourceHealth: Sendable {
    /// What ends a problem.
    private enum Sign: Sendable { case topicsAnswered, joined }

    private struct Problem: Sendable {
        var reason: String
        var message: String
        var endsBy: Set<Sign>
    }

    private var problem: Problem?
    private var commitProblem: String?
    private var sinkProblem: String?
    private var isMember = false
    /// What was said of the last broker that could not be reached: what follows ("all brokers are down", a question that got no
    /// answer) says nothing of why.
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
            set(error)
        case .authorization: set(error, endsBy: error.name.hasPrefix("GROUP_") ? [.joined] : [.topicsAnswered])
        case .authentication, .unknownTopic: set(error)
        case .rebalanced, .timedOut, .closed, .cancelled: break
        // Such as a session's length that the group does not take. What a member hears is mended by librdkafka itself.
        default: if error.isFatal || !isMember { set(error, endsBy: [.joined]) }
        }
    }

    /// The brokers were asked for the topics; nil where they answered.
    mutating func probed(_ error: KafkaError?) {
        if let error { return set(error) }
        lastWords = nil
        end(by: .topicsAnswered)
    }

    /// The group gave it a part, or records came: which says nothing of a topic that is missing beside others.
    mutating func joined() {
        isMember = true
        end(by: .joined)
    }

    private mutating func end(by sign: Sign) {
        if problem?.endsBy.contains(sign) == true { problem = nil }
    }

    mutating func left() { isMember = false }

    mutating func emitted() { sinkProblem = nil }
    mutating func emitFailed(_ message: String) { sinkProblem = message }

    mutating func committed() { commitProblem = nil }
    mutating func commitFailed(_ message: String) { commitProblem = message }

    /// Refused credentials say more than the silence that follows them.
    private mutating func set(_ error: KafkaError, endsBy signs: Set<Sign>? = nil) {
        let isSilence = error.reason == .unreachable || error.reason == .timedOut
        if isSilence, let problem, problem.reason != Self.reason(error) { return }
        let cause = isSilence ? lastWords : nil
        let isOfConnection = isSilence || error.reason == .authentication
        problem = Problem(
            reason: Self.reason(error), message: cause.map { "\($0); \(error.message)" } ?? error.description,
            endsBy: signs ?? (isOfConnection ? [.topicsAnswered, .joined] : [.topicsAnswered]))
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
        var partitions: [Int: Int] = [:]
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

    /// How many partitions one consumer has.
    func partitions(of consumer: Int, _ count: Int) {
        state.withLock { state in
            state.partitions[consumer] = count
            reporter.note("partitions", String(state.partitions.values.reduce(0, +)))
        }
    }
}
