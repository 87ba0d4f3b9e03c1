import Synchronization
import TestSupport

@testable import KafkaClient

/// What came, and a way to wait for more of it.
final class Journal<Entry: Sendable>: Sendable {
    private let entries = Mutex<[Entry]>([])
    private let noted = Signal()

    var all: [Entry] { entries.withLock { $0 } }

    func note(_ entry: Entry) {
        entries.withLock { $0.append(entry) }
        noted.raise()
    }

    /// Waits until what came so far fulfils `condition`; throws when the test's time is over.
    @discardableResult
    func wait(until condition: ([Entry]) -> Bool) async throws -> [Entry] {
        while true {
            let mark = noted.mark
            let now = all
            if condition(now) { return now }
            if await noted.wait(after: mark) == .cancelled { throw CancellationError() }
        }
    }

    /// Waits for the first entry that `pick` makes something of.
    func first<Value>(_ pick: (Entry) -> Value?) async throws -> Value {
        let entries = try await wait { $0.contains { pick($0) != nil } }
        guard let value = entries.lazy.compactMap(pick).first else { throw CancellationError() }
        return value
    }
}

typealias Events = Journal<KafkaEvent>

extension Journal where Entry == KafkaEvent {
    /// The first error of this reason.
    func error(_ reason: KafkaError.Reason) async throws -> KafkaError {
        try await first { if case .error(let error, _) = $0, error.reason == reason { error } else { nil } }
    }
}

extension KafkaCluster {
    /// For clients that are fast to notice and fast to join.
    func configuration(_ properties: [String: String] = [:]) -> KafkaConfiguration {
        KafkaConfiguration(bootstrapServers: bootstrapServers, properties: properties)
    }

    func producer(_ properties: [String: String] = [:], events: Events = Events()) throws -> KafkaProducer {
        let quick = ["linger.ms": "1", "reconnect.backoff.ms": "20", "reconnect.backoff.max.ms": "100", "retry.backoff.ms": "20"]
        return try KafkaProducer(configuration(quick.merging(properties) { $1 })) { events.note($0) }
    }

    /// A session is longer than the three seconds that the mock lets the first member wait: else it forgets it meanwhile, and
    /// never answers.
    func consumer(
        _ group: String = "g", _ properties: [String: String] = [:], events: Events = Events(),
        rebalanced: @escaping @Sendable (KafkaRebalance) async -> Void = { _ in }
    ) throws -> KafkaConsumer {
        let quick = [
            "session.timeout.ms": "4500", "heartbeat.interval.ms": "200", "auto.offset.reset": "earliest",
            "reconnect.backoff.ms": "20", "reconnect.backoff.max.ms": "100", "fetch.wait.max.ms": "20",
            "fetch.error.backoff.ms": "50",
        ]
        return try KafkaConsumer(
            configuration(quick.merging(properties) { $1 }), group: group, observe: { events.note($0) }, rebalanced: rebalanced)
    }
}

extension KafkaConsumer {
    /// The next `count` records, in the order in which they came.
    func records(_ count: Int, atOnce: Int = 500) async throws -> [KafkaRecord] {
        var records: [KafkaRecord] = []
        while records.count < count {
            let more = try await next(max: min(atOnce, count - records.count))
            if more.isEmpty { throw CancellationError() }
            records += more
        }
        return records
    }

    /// Reads one partition from its begin.
    func read(_ topic: String, _ partition: Int32 = 0, from offset: Int64 = KafkaPosition.beginning) async throws {
        try await assign([KafkaPosition(KafkaPartition(topic, partition), offset: offset)])
    }
}

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// `count` messages of one partition, with their number as their value.
func numbered(_ count: Int, _ topic: String, partition: Int32 = 0, from first: Int = 0) -> [KafkaMessage] {
    (first..<first + count).map { KafkaMessage(topic: topic, partition: partition, value: bytes("\($0)")) }
}

/// What the values of records say, without spaces at their end.
func values(_ records: [KafkaRecord]) -> [String] {
    records.map { String(decoding: ($0.value ?? []).prefix { $0 != UInt8(ascii: " ") }, as: UTF8.self) }
}

func numbers(_ range: Range<Int>) -> [String] { range.map { "\($0)" } }
