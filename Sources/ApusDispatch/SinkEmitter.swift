package import ApusPorts
import CloudEvents
import Synchronization

/// A source's way to a sink by `uri`: each event is delivered, and tried again as a trigger's subscriber is (promises 9, 10).
package final class SinkEmitter: EventEmitter {
    private let destination: Destination
    private let namespace: String
    private let policy: DeliveryPolicy
    private let executor: any ApusPorts.Executor
    private let sink: any EventSink
    private let clock: SourceClock
    private let retrying: @Sendable (String?) -> Void
    private let random: Mutex<SeededGenerator>

    /// - Parameter retrying: Told what went wrong with an attempt that is followed by another: all of them together may take
    ///   minutes. nil once there is nothing more of it.
    package init(
        destination: Destination, namespace: String, policy: DeliveryPolicy, sinks: any EventSinkFactory, clock: SourceClock,
        seed: UInt64, retrying: @escaping @Sendable (String?) -> Void
    ) {
        self.destination = destination
        self.namespace = namespace
        self.policy = policy
        executor = sinks.makeExecutor()
        sink = sinks.makeSink(on: executor)
        self.clock = clock
        self.retrying = retrying
        random = Mutex(SeededGenerator(seed: seed))
    }

    package func emit(_ events: [SourceEvent]) async throws(EmitFailure) {
        for (index, event) in events.enumerated() { try await deliver(event, index: index) }
    }

    /// There is no dead stream beside a `uri`: who wraps this counts the record, and says it in the log.
    package func bury(_ record: RawRecord) async throws(EmitFailure) {}

    private func deliver(_ event: SourceEvent, index: Int) async throws(EmitFailure) {
        let record = LogRecord(
            position: Position(offset: 0), appendedAt: clock.now(),
            event: EventRecord(
                attributes: event.attributes, mode: event.mode, contentType: event.contentType, body: event.body,
                headers: event.headers))
        let delivery = Delivery(
            record: record, destination: destination, timeout: policy.timeout, namespace: namespace, format: policy.format,
            wantsReply: false)
        var attempt = 1
        defer { if attempt > 1 { retrying(nil) } }
        while true {
            let outcome = await attemptOnce(delivery)
            switch Verdict(outcome) {
            case .delivered: return
            case .dead: throw EmitFailure(.refused(index: index), kept: index, message: outcome.sentence(destination.url))
            case .retry(let after):
                guard attempt <= policy.retry.retries, !Task.isCancelled else {
                    throw EmitFailure(.unavailable, kept: index, message: outcome.sentence(destination.url))
                }
                retrying("attempt \(attempt): \(outcome.sentence(destination.url))")
                await clock.sleep(
                    random.withLock { policy.retry.wait(beforeRetry: attempt, retryAfter: after, using: &$0) })
                attempt += 1
            }
        }
    }

    private func attemptOnce(_ delivery: Delivery) async -> Outcome {
        await withCheckedContinuation { continuation in
            executor.execute { [sink] in sink.deliver(delivery) { continuation.resume(returning: $0) } }
        }
    }
}

extension Outcome {
    /// What a sink said, for a condition: its status and the beginning of its answer, or why there was none.
    fileprivate func sentence(_ url: String) -> String {
        switch self {
        case .failed(let text): return "\(url): \(text)"
        case .answered(let answer):
            let text = String(decoding: answer.body.prefix(200), as: UTF8.self)
            return "\(url) answered \(answer.status)\(text.isEmpty ? "" : ": \(text)")"
        }
    }
}
