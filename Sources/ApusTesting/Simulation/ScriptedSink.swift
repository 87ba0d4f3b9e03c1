package import ApusPorts
package import CloudEvents
internal import Synchronization

/// A sink that answers as it is told, after the time that it is told, and remembers every attempt.
package final class ScriptedSink: EventSink, EventSinkFactory {
    /// One attempt as the subscriber saw it.
    package struct Attempt: Sendable {
        package var destination: String
        package var record: LogRecord
        package var startedAt: Timestamp
        /// Attempts of this record at this destination so far, this one included.
        package var number: Int
        package var delivery: Delivery
        package var finishedAt: Timestamp?
    }

    /// What comes of an attempt, and after how long; nil never answers.
    package typealias Script = @Sendable (Attempt) -> (outcome: Outcome, after: Duration)?

    private struct Key: Hashable {
        var destination: String
        var id: String
    }

    private struct State {
        var script: Script
        var attempts: [Attempt] = []
        var counts: [Key: Int] = [:]
        var inFlight: [String: Int] = [:]
        var inFlightMax: [String: Int] = [:]
    }

    private let executor: SimExecutor
    private let state: Mutex<State>

    /// Without a script every attempt is answered 200 after a millisecond.
    package init(on executor: SimExecutor, script: @escaping Script = { _ in (.answered(Answer(status: 200)), .milliseconds(1)) })
    {
        self.executor = executor
        state = Mutex(State(script: script))
    }

    package var attempts: [Attempt] { state.withLock { $0.attempts } }

    package func attempts(at destination: String) -> [Attempt] { attempts.filter { $0.destination == destination } }

    /// The most attempts that a destination has had open at once.
    package func inFlightMax(at destination: String) -> Int { state.withLock { $0.inFlightMax[destination] ?? 0 } }

    package func makeExecutor() -> any Executor { executor }
    package func makeSink(on executor: any Executor) -> any EventSink { self }

    package func deliver(_ delivery: Delivery, completion: @escaping @Sendable (Outcome) -> Void) {
        let now = executor.now
        let (index, attempt, script) = state.withLock { state in
            let destination = delivery.destination.url
            let key = Key(destination: destination, id: delivery.record.event.attributes.text(of: "id") ?? "")
            state.counts[key, default: 0] += 1
            state.inFlight[destination, default: 0] += 1
            state.inFlightMax[destination] = max(state.inFlightMax[destination] ?? 0, state.inFlight[destination] ?? 0)
            let attempt = Attempt(
                destination: destination, record: delivery.record, startedAt: now, number: state.counts[key] ?? 1,
                delivery: delivery, finishedAt: nil)
            state.attempts.append(attempt)
            return (state.attempts.count - 1, attempt, state.script)
        }
        guard let (outcome, delay) = script(attempt) else { return }
        executor.schedule(after: delay) { [self] in
            let now = executor.now
            state.withLock { state in
                state.attempts[index].finishedAt = now
                state.inFlight[attempt.destination, default: 0] -= 1
            }
            completion(outcome)
        }
    }
}
