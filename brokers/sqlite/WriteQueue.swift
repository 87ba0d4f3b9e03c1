internal import ApusPorts
internal import Dispatch
internal import Synchronization

/// Something for the writer to do.
enum Write: Sendable {
    case append(Append)
    case change(CursorChange, receiver: any AppendReceiver, token: UInt64)
    case trim(Stream, to: Int64, @Sendable (Result<TrimStep, LogError>) -> Void)

    /// What one step of a trim came to.
    struct TrimStep: Sendable {
        var result: TrimResult
        /// Whether nothing is left to do.
        var isWhole: Bool
    }

    struct Append: Sendable {
        var batch: AppendBatch
        var encoded: EncodedRecords
    }
}

/// What waits for the writer. It takes the whole of it at once and is woken only where it sleeps.
final class WriteQueue: Sendable {
    private struct State {
        var writes: [Write] = []
        var isAsleep = false
        var isClosed = false
    }

    private let state = Mutex(State())
    private let wake = DispatchSemaphore(value: 0)
    private let events = Atomic(0)
    private let bytes = Atomic(0)

    var depth: QueueDepth { QueueDepth(events: events.load(ordering: .relaxed), bytes: bytes.load(ordering: .relaxed)) }

    /// False where the queue was closed.
    func put(_ write: Write) -> Bool {
        let (isTaken, mustWake) = state.withLock { state in
            guard !state.isClosed else { return (false, false) }
            state.writes.append(write)
            // Counted under the lock, so that the writer never takes away what is not counted yet.
            if case .append(let append) = write {
                events.add(append.encoded.ends.count, ordering: .relaxed)
                bytes.add(append.encoded.bytes.count, ordering: .relaxed)
            }
            defer { state.isAsleep = false }
            return (true, state.isAsleep)
        }
        if mustWake { wake.signal() }
        return isTaken
    }

    /// Nothing is taken after this.
    func close() {
        state.withLock { $0.isClosed = true }
        wake.signal()
    }

    /// All that waits; empty where the time passed first, nil where the queue is closed and empty.
    func take(waitingAtMost seconds: Int?) -> [Write]? {
        while true {
            let (writes, isClosed) = state.withLock { state in
                defer {
                    state.isAsleep = state.writes.isEmpty
                    state.writes = []
                }
                return (state.writes, state.isClosed)
            }
            if !writes.isEmpty { return writes }
            if isClosed { return nil }
            guard let seconds else {
                wake.wait()
                continue
            }
            if wake.wait(timeout: .now() + .seconds(seconds)) == .timedOut { return [] }
        }
    }

    /// Batches that were told what became of them wait no more.
    func forget(events: Int, bytes: Int) {
        self.events.subtract(events, ordering: .relaxed)
        self.bytes.subtract(bytes, ordering: .relaxed)
    }
}
