internal import CRDKafka
internal import Synchronization

/// Messages that were sent together, and what became of each.
final class DeliveryBatch: Sendable {
    private struct State {
        var results: [Result<KafkaDelivery, KafkaError>?]
        var open: Int
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state: Mutex<State>

    init(count: Int) { state = Mutex(State(results: Array(repeating: nil, count: count), open: count)) }

    /// Each index once.
    func fill(_ index: Int, _ result: Result<KafkaDelivery, KafkaError>) {
        let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
            state.results[index] = result
            state.open -= 1
            guard state.open == 0 else { return nil }
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    /// Waits until all are filled.
    func results() async -> [Result<KafkaDelivery, KafkaError>] {
        await withCheckedContinuation { continuation in
            let isDone = state.withLock { state in
                if state.open > 0 { state.waiter = continuation }
                return state.open == 0
            }
            if isDone { continuation.resume() }
        }
        return state.withLock { $0.results.compactMap { $0 } }
    }
}

/// The place of one message in its batch. librdkafka carries a reference with the message and gives it back with the report.
final class DeliverySlot: Sendable {
    private let batch: DeliveryBatch
    private let index: Int

    init(_ batch: DeliveryBatch, _ index: Int) {
        self.batch = batch
        self.index = index
    }

    /// Takes the reference back from a delivery report, of which there is one a message.
    static func fill(from message: UnsafePointer<rd_kafka_message_t>) {
        guard let opaque = message.pointee._private else { return }
        let slot = Unmanaged<DeliverySlot>.fromOpaque(opaque).takeRetainedValue()
        let code = message.pointee.err
        slot.batch.fill(
            slot.index,
            code.isError
                ? .failure(KafkaError(code))
                : .success(KafkaDelivery(partition: message.pointee.partition, offset: message.pointee.offset)))
    }
}
