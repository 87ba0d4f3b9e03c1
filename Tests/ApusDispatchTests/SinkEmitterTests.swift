import ApusPorts
import ApusResources
import ApusTesting
import CloudEvents
import Synchronization
import Testing

@testable import ApusDispatch

@Suite struct `A source's events to a uri` {
    private let executor = SimExecutor()

    /// Emits three events, and gives what came of it and what the sink saw.
    private func emit(
        retries: Int = 3, retrying: @escaping @Sendable (String?) -> Void = { _ in }, script: @escaping ScriptedSink.Script
    ) throws -> (failure: EmitFailure?, attempts: [ScriptedSink.Attempt]) {
        let executor = executor
        let sink = ScriptedSink(on: executor, script: script)
        let emitter = SinkEmitter(
            destination: Destination(url: "http://sink/"), namespace: "shop",
            policy: DeliveryPolicy(
                retry: RetryPolicy(retries: retries, backoff: .linear, delay: .seconds(1), jitter: 0), timeout: .seconds(30)),
            sinks: sink, clock: SourceClock(now: { executor.now }, sleep: { await executor.pause(for: $0) }), seed: 1,
            retrying: retrying)
        let events = try ["1", "2", "3"].map { SourceEvent(try CloudEvent(id: $0, source: "/s", type: "t")) }
        let failure = executor.run { () -> EmitFailure? in
            do throws(EmitFailure) {
                try await emitter.emit(events)
                return nil
            } catch {
                return error
            }
        }
        return (failure, sink.attempts)
    }

    private func answer(_ status: Int) -> (outcome: Outcome, after: Duration) {
        (.answered(Answer(status: status, body: Array("because".utf8))), .milliseconds(5))
    }

    private func ids(_ attempts: [ScriptedSink.Attempt]) -> [String?] {
        attempts.map { $0.delivery.record.event.attributes.text(of: "id") }
    }

    @Test func `are delivered one after another, without asking for a reply`() throws {
        let (failure, attempts) = try emit { _ in answer(202) }
        #expect(failure == nil)
        #expect(ids(attempts) == ["1", "2", "3"])
        #expect(attempts.allSatisfy { !$0.delivery.wantsReply && $0.delivery.namespace == "shop" })
        for (one, next) in zip(attempts, attempts.dropFirst()) { #expect(try #require(one.finishedAt) <= next.startedAt) }
    }

    @Test func `are tried again by the policy`() throws {
        let (failure, attempts) = try emit { attempt in
            attempt.number < 3 && attempt.record.event.attributes.text(of: "id") == "2" ? answer(503) : answer(200)
        }
        #expect(failure == nil)
        #expect(ids(attempts) == ["1", "2", "2", "2", "3"])
        let waits = [attempts[2].startedAt - attempts[1].startedAt, attempts[3].startedAt - attempts[2].startedAt]
        #expect(waits == [.seconds(1) + .milliseconds(5), .seconds(2) + .milliseconds(5)])
    }

    @Test func `say what is wrong while they are tried again, and no longer`() throws {
        let told = Mutex<[String?]>([])
        _ = try emit(retrying: { line in told.withLock { $0.append(line) } }) { attempt in
            attempt.number < 3 && attempt.record.event.attributes.text(of: "id") == "2" ? answer(503) : answer(200)
        }
        #expect(
            told.withLock { $0 } == [
                "attempt 1: http://sink/ answered 503: because", "attempt 2: http://sink/ answered 503: because", nil,
            ])
    }

    @Test func `that fail all their retries may come again later, and say with which words`() throws {
        let (failure, attempts) = try emit(retries: 2) { attempt in
            attempt.record.event.attributes.text(of: "id") == "2" ? answer(500) : answer(200)
        }
        #expect(failure == EmitFailure(.unavailable, kept: 1, message: "http://sink/ answered 500: because"))
        #expect(ids(attempts) == ["1", "2", "2", "2"])
    }

    @Test func `that cannot be sent may come again later`() throws {
        let (failure, _) = try emit(retries: 0) { _ in (.failed("connection refused"), .milliseconds(1)) }
        #expect(failure == EmitFailure(.unavailable, kept: 0, message: "http://sink/: connection refused"))
    }

    @Test func `that are rejected are refused for good, by their place`() throws {
        let (failure, attempts) = try emit { attempt in
            attempt.record.event.attributes.text(of: "id") == "3" ? answer(400) : answer(200)
        }
        #expect(failure?.kind == .refused(index: 2))
        #expect(failure?.kept == 2)
        #expect(attempts.count == 3)
    }
}
