internal import CRDKafka
internal import Synchronization

/// What a consumer keeps between its events: commits that wait for an answer, and how far it is with leaving.
final class ConsumerGroup: Sendable {
    private struct State {
        var core: ClientCore?
        var isEnding = false
        /// What the owner was told that it has.
        var told: Set<KafkaPartition> = []
        /// The rebalance that the owner is told of, or was told of last.
        var following: Task<Void, Never>?
        var number: UInt = 0
        var commits: [UInt: CheckedContinuation<Result<Void, KafkaError>, Never>] = [:]
    }

    /// Raised when there may be records.
    let records = Signal()
    private let left = Gate()
    private let state = Mutex(State())
    private let observe: @Sendable (KafkaEvent) -> Void
    private let rebalanced: @Sendable (KafkaRebalance) async -> Void

    init(
        observe: @escaping @Sendable (KafkaEvent) -> Void, rebalanced: @escaping @Sendable (KafkaRebalance) async -> Void
    ) {
        self.observe = observe
        self.rebalanced = rebalanced
    }

    var isEnding: Bool { state.withLock { $0.isEnding } }

    /// Before anything is subscribed to, hence before the first rebalance. The circle is opened by ``end(_:)``.
    func attach(_ core: ClientCore) { state.withLock { $0.core = core } }

    func receive(_ event: ClientEvent) {
        switch event {
        case .assign(let partitions): rebalance(.assigned(partitions), partitions)
        case .revoke(let partitions): revoke(partitions)
        case .committed(let number, let result): answer(number, result.map { _ in })
        default:
            if let event = KafkaEvent(event) { observe(event) }
        }
    }

    /// librdkafka wakes the queue when the group was left, with an event that it keeps to itself.
    func drained(_ handle: ClientHandle) {
        if isEnding, handle.hasLeftGroup { left.open() }
    }

    private func revoke(_ partitions: [KafkaPartition]) {
        let isLost = (try? state.withLock { $0.core }?.handle())?.hasLostAssignment ?? true
        rebalance(isLost ? .lost(partitions) : .revoked(partitions), partitions)
    }

    /// librdkafka has paused everything and waits for the assign call; it answers heartbeats meanwhile.
    private func rebalance(_ rebalance: KafkaRebalance, _ partitions: [KafkaPartition]) {
        state.withLock { state in
            guard let core = state.core else { return }
            if rebalance.isAssignment {
                state.told.formUnion(partitions)
            } else {
                state.told.subtract(partitions)
            }
            state.following = Task { [rebalanced, observe, before = state.following] in
                await before?.value
                await rebalanced(rebalance)
                do throws(KafkaError) {
                    try await core.onLine { handle throws(KafkaError) in try handle.follow(rebalance, partitions) }
                } catch {
                    if error.reason != .closed { observe(.error(error, nil)) }
                }
            }
        }
    }

    // MARK: Commits

    func commit(_ positions: [KafkaPosition], _ core: ClientCore) async throws(KafkaError) {
        let handle = try core.handle()
        let result = await withCheckedContinuation { continuation in
            let number: UInt? = state.withLock { state in
                if state.isEnding && state.core == nil { return nil }
                state.number += 1
                state.commits[state.number] = continuation
                return state.number
            }
            guard let number else { return continuation.resume(returning: .failure(.closed)) }
            let code = handle.commit(positions, number: number)
            if code.isError { answer(number, .failure(KafkaError(code))) }
        }
        try result.get()
    }

    private func answer(_ number: UInt, _ result: Result<Void, KafkaError>) {
        state.withLock { $0.commits.removeValue(forKey: number) }?.resume(returning: result)
    }

    // MARK: The end

    func leave(_ core: ClientCore, within limit: Duration) async {
        let isFirst = state.withLock { state in
            defer { state.isEnding = true }
            return !state.isEnding
        }
        guard isFirst else { return }
        records.end()
        // One that leaves between a rebalance and its assign call hears no more of it.
        await waitUntilFollowed(core, within: limit)
        if let handle = try? core.handle(), handle.startLeaving() {
            core.open(left, after: limit)
            await left.wait()
        }
        await waitUntilFollowed(core, within: limit)
        end(core)
        let told = state.withLock { state in
            defer { state.told = [] }
            return state.told
        }
        if !told.isEmpty { await rebalanced(.lost(told.sorted { ($0.topic, $0.partition) < ($1.topic, $1.partition) })) }
    }

    private func waitUntilFollowed(_ core: ClientCore, within limit: Duration) async {
        guard let following = state.withLock({ $0.following }) else { return }
        let followed = Gate()
        Task {
            await following.value
            followed.open()
        }
        core.open(followed, after: limit)
        await followed.wait()
    }

    func end(_ core: ClientCore) {
        let commits = state.withLock { state in
            state.isEnding = true
            state.core = nil
            defer { state.commits = [:] }
            return state.commits
        }
        for commit in commits.values { commit.resume(returning: .failure(.closed)) }
        records.end()
        core.release()
    }
}

extension ClientHandle {
    /// Whether the group took the partitions away without asking.
    fileprivate var hasLostAssignment: Bool { use { client, _, _ in rd_kafka_assignment_lost(client) != 0 } }

    fileprivate var hasLeftGroup: Bool { use { client, _, _ in rd_kafka_consumer_closed(client) != 0 } }

    /// Begins to leave the group; the rebalance that this brings comes on the queue of events. False where it cannot.
    fileprivate func startLeaving() -> Bool {
        use { client, events, _ in KafkaError(owned: rd_kafka_consumer_close_queue(client, events)) == nil }
    }

    /// Does what the group said, by its protocol: all at once, or only what changes.
    fileprivate func follow(_ rebalance: KafkaRebalance, _ partitions: [KafkaPartition]) throws(KafkaError) {
        let isAssign = rebalance.isAssignment
        if isAssign { gatherRecords(of: partitions) }
        let list = PartitionList(partitions)
        let error: KafkaError? = use { client, _, _ in
            // None when the group was left meanwhile.
            guard let name = rd_kafka_rebalance_protocol(client) else { return nil }
            let isCooperative = String(cString: name) == "COOPERATIVE"
            switch (isCooperative, isAssign) {
            case (true, true): return KafkaError(owned: list.withPointer { rd_kafka_incremental_assign(client, $0) })
            case (true, false): return KafkaError(owned: list.withPointer { rd_kafka_incremental_unassign(client, $0) })
            case (false, true): return list.withPointer { KafkaError(failed: rd_kafka_assign(client, $0)) }
            case (false, false): return KafkaError(failed: rd_kafka_assign(client, nil))
            }
        }
        if let error { throw error }
    }

    func assign(_ positions: [KafkaPosition]) throws(KafkaError) {
        gatherRecords(of: positions.map(\.partition))
        let list = PartitionList(positions)
        let error = use { client, _, _ in list.withPointer { KafkaError(failed: rd_kafka_assign(client, $0)) } }
        if let error { throw error }
    }

    func assignment() throws(KafkaError) -> [KafkaPartition] {
        try use { client, _, _ throws(KafkaError) in
            var list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?
            let code = rd_kafka_assignment(client, &list)
            guard !code.isError, let list else { throw KafkaError(code) }
            defer { rd_kafka_topic_partition_list_destroy(list) }
            return PartitionList.partitions(list)
        }
    }

    /// Lets the records of partitions come on our queue of records, apart from the events, which so never wait behind them.
    private func gatherRecords(of partitions: [KafkaPartition]) {
        use { client, _, records in
            for partition in partitions {
                guard let queue = rd_kafka_queue_get_partition(client, partition.topic, partition.partition) else { continue }
                rd_kafka_queue_forward(queue, records)
                rd_kafka_queue_destroy(queue)
            }
        }
    }

    fileprivate func commit(_ positions: [KafkaPosition], number: UInt) -> rd_kafka_resp_err_t {
        let list = PartitionList(positions)
        return use { client, events, _ in
            list.withPointer { rd_kafka_commit_queue(client, $0, events, nil, UnsafeMutableRawPointer(bitPattern: number)) }
        }
    }

    /// Pauses or resumes.
    func change(
        _ partitions: [KafkaPartition],
        _ function: (OpaquePointer?, UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?) -> rd_kafka_resp_err_t
    ) throws(KafkaError) {
        let list = PartitionList(partitions)
        let code = use { client, _, _ in list.withPointer { function(client, $0) } }
        if code.isError { throw KafkaError(code) }
        _ = try list.positions()
    }
}

extension KafkaRebalance {
    fileprivate var isAssignment: Bool { if case .assigned = self { true } else { false } }
}

extension KafkaError {
    /// nil where the call succeeded.
    fileprivate init?(failed code: rd_kafka_resp_err_t) {
        guard code.isError else { return nil }
        self.init(code)
    }
}
