import ApusPorts
import ApusResources
import KafkaClient
import Testing

@testable import SourceKafka

@Suite struct `The ledger of offsets` {
    private let one = KafkaPartition("t", 1), two = KafkaPartition("t", 2)

    private func ledger() -> OffsetLedger {
        var ledger = OffsetLedger()
        ledger.assign([one, two])
        return ledger
    }

    @Test func `has nothing due before something is done`() throws {
        var ledger = ledger()
        let begun = ledger.begin(one, before: 10)
        let ticket = try #require(begun)
        #expect(ledger.due().isEmpty && !ledger.isIdle([one]) && ledger.isIdle([two]))
        ledger.finish(ticket)
        #expect(ledger.due() == [KafkaPosition(one, offset: 10)] && ledger.isIdle([one]))
        ledger.committed(ledger.due())
        #expect(ledger.due().isEmpty)
    }

    @Test func `passes nothing that is not done, however out of order the batches end`() throws {
        var ledger = ledger()
        let tickets = [10, 20, 30].compactMap { ledger.begin(one, before: $0) }
        try #require(tickets.count == 3)
        ledger.finish(tickets[2])
        ledger.finish(tickets[1])
        #expect(ledger.due().isEmpty)
        ledger.finish(tickets[0])
        #expect(ledger.due() == [KafkaPosition(one, offset: 30)])
    }

    @Test func `stops for good at what was given up`() throws {
        var ledger = ledger()
        let tickets = [10, 20, 30].compactMap { ledger.begin(one, before: $0) }
        try #require(tickets.count == 3)
        ledger.finish(tickets[0])
        ledger.abandon(tickets[1])
        ledger.finish(tickets[2])
        #expect(ledger.due() == [KafkaPosition(one, offset: 10)])
        #expect(ledger.isIdle([one]))
    }

    @Test func `follows a topic that was made anew`() throws {
        var ledger = ledger()
        for next in [100, 5] as [Int64] {
            let begun = ledger.begin(one, before: next)
            ledger.finish(try #require(begun))
        }
        #expect(ledger.due() == [KafkaPosition(one, offset: 5)])
    }

    @Test func `knows no ticket of a partition that went, even where it came back`() throws {
        var ledger = ledger()
        let begun = ledger.begin(one, before: 10)
        let ticket = try #require(begun)
        ledger.drop([one])
        let again = ledger.begin(one, before: 20)
        #expect(!ledger.isValid(ticket) && again == nil)
        ledger.assign([one])
        ledger.finish(ticket)
        #expect(!ledger.isValid(ticket) && ledger.due().isEmpty)
    }
}

@Suite struct `The health of a Kafka source` {
    private func error(_ reason: KafkaError.Reason, _ name: String, _ message: String, isFatal: Bool = false) -> KafkaError {
        KafkaError(reason: reason, name: name, message: message, isRetriable: true, isFatal: isFatal)
    }

    private func reason(_ health: SourceHealth) -> String {
        switch health.readiness {
        case .ready: "Ready"
        case .notReady(let reason, _), .unknown(let reason, _): reason
        }
    }

    @Test func `is known once its group gave it a part`() {
        var health = SourceHealth()
        #expect(reason(health) == "JoiningGroup")
        health.probed(nil)
        #expect(reason(health) == "JoiningGroup")
        health.joined()
        #expect(health.readiness == .ready)
    }

    @Test func `is not that of one broker, and says why all are down`() {
        var health = SourceHealth()
        health.joined()
        health.heard(error(.unreachable, "_TRANSPORT", "a:1: Connection refused"))
        #expect(health.readiness == .ready)
        health.heard(error(.unreachable, "_ALL_BROKERS_DOWN", "1/1 brokers are down"))
        #expect(
            health.readiness
                == .notReady(reason: "BrokersUnreachable", message: "a:1: Connection refused; 1/1 brokers are down"))
        health.probed(error(.unreachable, "_TRANSPORT", "Local: Broker transport failure"))
        #expect(
            health.readiness
                == .notReady(
                    reason: "BrokersUnreachable", message: "a:1: Connection refused; Local: Broker transport failure"))
        health.probed(nil)
        #expect(health.readiness == .ready)
    }

    @Test func `keeps refused credentials in sight behind the silence that follows`() {
        var health = SourceHealth()
        health.heard(error(.authentication, "_AUTHENTICATION", "wrong password"))
        health.heard(error(.unreachable, "_ALL_BROKERS_DOWN", "1/1 brokers are down"))
        health.probed(error(.timedOut, "_TIMED_OUT", "timed out"))
        #expect(reason(health) == "AuthenticationFailed")
        health.probed(nil)
        #expect(reason(health) == "JoiningGroup")
    }

    @Test func `is not mended by topics where the group is refused`() {
        var health = SourceHealth()
        health.heard(error(.authorization, "GROUP_AUTHORIZATION_FAILED", "no"))
        health.probed(nil)
        #expect(reason(health) == "AuthorizationFailed")
        health.joined()
        #expect(health.readiness == .ready)
    }

    @Test func `is not mended by records of one topic where another is missing`() {
        var health = SourceHealth()
        health.joined()
        health.heard(error(.unknownTopic, "UNKNOWN_TOPIC_OR_PART", "no"))
        health.joined()
        #expect(reason(health) == "TopicMissing")
        health.probed(nil)
        #expect(health.readiness == .ready)
    }

    @Test func `says why its group does not take it`() {
        var health = SourceHealth()
        health.heard(error(.other, "INVALID_SESSION_TIMEOUT", "too short"))
        health.probed(nil)
        #expect(reason(health) == "ConnectionFailed")
        health.joined()
        health.heard(error(.other, "_FAIL", "once"))
        #expect(health.readiness == .ready)
    }

    @Test func `says what the sink and the commits say`() {
        var health = SourceHealth()
        health.joined()
        health.commitFailed("no coordinator")
        #expect(reason(health) == "CommitFailed")
        health.emitFailed("The broker is away.")
        #expect(reason(health) == "SinkUnavailable")
        health.emitted()
        health.committed()
        #expect(health.readiness == .ready)
    }
}
