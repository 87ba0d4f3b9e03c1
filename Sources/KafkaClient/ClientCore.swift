internal import CRDKafka
internal import Dispatch
internal import Synchronization

/// What producer and consumer have in common: the handle while they are open, and the line that serves the queue of events.
///
/// Nothing polls: librdkafka says when its queue is no longer empty, and then the line empties it.
final class ClientCore: Sendable {
    /// A serial queue, hence never on the cooperative pool: assigning and pausing wait for librdkafka's main thread.
    private let line = DispatchQueue(label: "apus.kafka.events")
    private let held = Mutex<ClientHandle?>(nil)
    private let isCalled = Atomic<Bool>(false)
    private let receive: @Sendable (ClientEvent) -> Void
    private let drained: @Sendable (ClientHandle) -> Void
    private let gone = Gate()

    /// - Parameters:
    ///   - onRecords: called when the queue of records is no longer empty, by a thread that holds a lock.
    ///   - receive: gets what comes, one after another, on the line.
    ///   - drained: called on the line when there is no more for now.
    init(
        _ configuration: KafkaConfiguration, for role: KafkaRole, onRecords: @escaping @Sendable () -> Void,
        receive: @escaping @Sendable (ClientEvent) -> Void, drained: @escaping @Sendable (ClientHandle) -> Void
    ) throws(KafkaError) {
        self.receive = receive
        self.drained = drained
        let handle = try ClientHandle(
            configuration, for: role, onEvents: { self.call() }, onRecords: onRecords, gone: gone)
        held.withLock { $0 = handle }
        // What came before the handle stood here.
        call()
    }

    /// The client, as long as the reference is held; ``KafkaError/closed`` after ``release()``.
    func handle() throws(KafkaError) -> ClientHandle {
        guard let handle = held.withLock({ $0 }) else { throw .closed }
        return handle
    }

    /// Drops the handle. Calls that run go on; when the last has returned, the client ends on a thread of its own.
    func release() {
        let last = held.withLock { handle in
            defer { handle = nil }
            return handle
        }
        withExtendedLifetime(last) {}
    }

    /// Waits until librdkafka's threads have ended.
    func waitUntilGone() async { await gone.wait() }

    /// Runs a call that takes next to no time, in order with the events.
    func onLine<Value: Sendable>(
        _ body: @escaping @Sendable (ClientHandle) throws(KafkaError) -> Value
    ) async throws(KafkaError) -> Value {
        let result: Result<Value, KafkaError> = await withCheckedContinuation { continuation in
            line.async {
                continuation.resume(returning: Result { () throws(KafkaError) in try body(self.handle()) })
            }
        }
        return try result.get()
    }

    /// Runs a call that waits for a broker.
    func blocking<Value: Sendable>(
        _ name: String, _ body: @escaping @Sendable (ClientHandle) throws(KafkaError) -> Value
    ) async throws(KafkaError) -> Value {
        let handle = try handle()
        return try await BlockingCall.value(name) { () throws(KafkaError) in try body(handle) }
    }

    /// Opens a gate when a time has passed.
    func open(_ gate: Gate, after time: Duration) {
        line.asyncAfter(deadline: .now() + .milliseconds(Int(time.milliseconds))) { gate.open() }
    }

    private func call() {
        guard !isCalled.exchange(true, ordering: .acquiringAndReleasing) else { return }
        line.async {
            // Before the queue is read: what comes from now on calls again.
            self.isCalled.store(false, ordering: .sequentiallyConsistent)
            guard let handle = try? self.handle() else { return }
            while let event = handle.nextEvent() { self.receive(event) }
            self.drained(handle)
        }
    }
}
