package import ApusPorts
package import CloudEvents
import Synchronization

/// A log in memory that does nothing by itself: a test says when what was appended becomes durable, or that it fails.
package final class HeldLog: EventLog {
    private struct State {
        var held: [AppendBatch] = []
        var streams: [Stream: [LogRecord]] = [:]
        var observers: [Stream: [@Sendable () -> Void]] = [:]
        var depth: QueueDepth?
        var now: Timestamp
    }

    private let state: Mutex<State>

    package init(now: Timestamp = Timestamp(nanoseconds: 0)) { state = Mutex(State(now: now)) }

    /// Batches that wait for ``commit(_:)`` or ``fail(_:_:)``, in order.
    package var held: [AppendBatch] { state.withLock { $0.held } }

    /// What is durable.
    package func records(_ stream: Stream = .events) -> [LogRecord] { state.withLock { $0.streams[stream] ?? [] } }

    /// What ``queueDepth`` says; nil: what is held.
    package func setDepth(_ depth: QueueDepth?) { state.withLock { $0.depth = depth } }

    package func setNow(_ now: Timestamp) { state.withLock { $0.now = now } }

    /// Makes the oldest batches durable, all where nil, and tells receivers: one call for each.
    package func commit(_ count: Int? = nil) {
        let batches = take(count)
        let outcomes = state.withLock { state in
            batches.map { batch in
                var records = state.streams[batch.stream] ?? []
                let first = Position(offset: Int64(records.count))
                for (index, event) in batch.records.enumerated() {
                    let position = Position(offset: first.offset + Int64(index))
                    records.append(LogRecord(position: position, appendedAt: state.now, event: event))
                }
                state.streams[batch.stream] = records
                return AppendOutcome(token: batch.token, result: .success(first))
            }
        }
        tell(batches, outcomes)
        let streams = Set(batches.map(\.stream))
        let observers = state.withLock { state in streams.flatMap { state.observers[$0] ?? [] } }
        for observer in observers { observer() }
    }

    /// Drops the oldest batches, all where nil, with an error.
    package func fail(_ error: LogError, _ count: Int? = nil) {
        let batches = take(count)
        tell(batches, batches.map { AppendOutcome(token: $0.token, result: .failure(error)) })
    }

    private func take(_ count: Int?) -> [AppendBatch] {
        state.withLock { state in
            let taken = Array(state.held.prefix(count ?? state.held.count))
            state.held.removeFirst(taken.count)
            return taken
        }
    }

    private func tell(_ batches: [AppendBatch], _ outcomes: [AppendOutcome]) {
        var groups: [(receiver: any AppendReceiver, outcomes: [AppendOutcome])] = []
        for (batch, outcome) in zip(batches, outcomes) {
            if let index = groups.firstIndex(where: { $0.receiver === batch.receiver }) {
                groups[index].outcomes.append(outcome)
            } else {
                groups.append((batch.receiver, [outcome]))
            }
        }
        for group in groups { group.receiver.appended(group.outcomes) }
    }
}

extension HeldLog {
    package func append(_ batch: AppendBatch) { state.withLock { $0.held.append(batch) } }

    package var appendsWithChanges: Bool { true }

    package var queueDepth: QueueDepth {
        state.withLock { state in
            if let depth = state.depth { return depth }
            return QueueDepth(
                events: state.held.reduce(0) { $0 + $1.records.count },
                bytes: state.held.reduce(0) { $0 + $1.records.reduce(0) { $0 + $1.sizeBytes } })
        }
    }

    package var health: LogError? { nil }

    package func cached(_ stream: Stream, from offset: Int64, limit: ReadLimit) -> CachedRead {
        let page = records(stream).dropFirst(Int(offset)).prefix(limit.records)
        return page.isEmpty ? .end : .records(Array(page))
    }

    package func read(_ stream: Stream, from offset: Int64, limit: ReadLimit) async throws(LogError) -> [LogRecord] {
        Array(records(stream).dropFirst(Int(offset)).prefix(limit.records))
    }

    package func read(_ stream: Stream, at offsets: [Int64]) async throws(LogError) -> [LogRecord] {
        records(stream).filter { offsets.contains($0.position.offset) }
    }

    package func position(in stream: Stream, at time: Timestamp) async throws(LogError) -> Position {
        let records = records(stream)
        return Position(offset: Int64(records.firstIndex { $0.appendedAt >= time } ?? records.count))
    }

    package func bounds(of stream: Stream) -> StreamBounds {
        StreamBounds(oldest: Position(offset: 0), next: Position(offset: Int64(records(stream).count)))
    }

    package func observe(_ stream: Stream, _ observer: @escaping @Sendable () -> Void) {
        state.withLock { $0.observers[stream, default: []].append(observer) }
    }

    package func trim(_ stream: Stream, _ policy: TrimPolicy) async throws(LogError) -> TrimResult {
        TrimResult(removed: 0, oldest: Position(offset: 0))
    }

    package func close() async {}
}
