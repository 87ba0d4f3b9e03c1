import ApusPorts
import KafkaClient
import Synchronization

/// One consumer of a source's group: reads, emits, and commits what the sink has, never before.
final class GroupMember: Sendable {
    private struct State {
        var ledger = OffsetLedger()
        var consumer: KafkaConsumer?
        /// Those who wait until nothing of some partitions is under way.
        var idleWaits: [(partitions: [KafkaPartition], end: AsyncStream<Void>.Continuation)] = []
    }

    /// Records that are emitted together, with the tickets of their partitions.
    private struct Batch: Sendable {
        var items: [(item: SourceItem, ticket: OffsetLedger.Ticket)]
        var tickets: [OffsetLedger.Ticket]
    }

    private let number: Int
    private let spec: KafkaSpec
    private let mapping: RecordMapping
    private let configuration: KafkaConfiguration
    private let group: String
    private let context: SourceContext
    private let health: HealthBoard
    private let state = Mutex(State())
    /// Why this member cannot go on.
    private let failures = AsyncStream.makeStream(of: SourceFailure.self)
    /// Something is due to be committed.
    private let due = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    init(
        number: Int, spec: KafkaSpec, mapping: RecordMapping, configuration: KafkaConfiguration, group: String,
        context: SourceContext, health: HealthBoard
    ) {
        self.number = number
        self.spec = spec
        self.mapping = mapping
        self.configuration = configuration
        self.group = group
        self.context = context
        self.health = health
    }

    /// Until it is cancelled, which gives nil, or cannot go on.
    func run() async -> SourceFailure? {
        let consumer: KafkaConsumer
        do throws(KafkaError) {
            consumer = try KafkaConsumer(
                configuration, group: group, observe: { [self] in observe($0) },
                rebalanced: { [self] in await rebalanced($0) })
        } catch {
            return SourceFailure(reason: SourceHealth.reason(error), message: error.description)
        }
        state.withLock { $0.consumer = consumer }
        let failure = await withTaskGroup(of: SourceFailure?.self) { [self] tasks in
            tasks.addTask { [self] in await read(consumer) }
            tasks.addTask { [failures] in
                for await failure in failures.stream { return failure }
                return nil
            }
            let helpers = Task { await help(consumer) }
            let first = await tasks.next() ?? nil
            tasks.cancelAll()
            await tasks.waitForAll()
            helpers.cancel()
            // Not in this task, which may be cancelled: leaving a group takes an answer of its coordinator.
            await Task { await consumer.close(within: .seconds(Limits.sourceStopSeconds - 2)) }.value
            await helpers.value
            return first
        }
        // The consumer's closures hold this object: the circle ends here.
        state.withLock { $0.consumer = nil }
        health.lag(of: number, nil)
        return Task.isCancelled ? nil : failure
    }

    /// What goes on beside the reading. A commit may wait for a coordinator that is away: the close of the consumer ends it.
    private func help(_ consumer: KafkaConsumer) async {
        await withDiscardingTaskGroup { tasks in
            tasks.addTask { [self] in await commitWhatIsDue(consumer) }
            if number == 0 { tasks.addTask { [self] in await watch(consumer) } }
        }
    }

    private func fail(_ failure: SourceFailure) { failures.continuation.yield(failure) }

    // MARK: What comes in

    private func read(_ consumer: KafkaConsumer) async -> SourceFailure? {
        do throws(KafkaError) {
            try await consumer.subscribe(to: spec.topics)
        } catch {
            return SourceFailure(reason: SourceHealth.reason(error), message: error.description)
        }
        return await withTaskGroup(of: Void.self) { tasks in
            var open = 0
            // In order, the next batch waits for the one before it.
            let openMax = spec.ordering == .ordered ? 1 : Limits.sourceBatchesMax
            while !Task.isCancelled {
                if open == openMax {
                    await tasks.next()
                    open -= 1
                }
                guard let records = try? await consumer.next(max: Limits.batchEventsMax) else { break }
                if records.isEmpty { return SourceFailure(reason: "ConsumerEnded", message: "The consumer has ended by itself.") }
                health.change { $0.joined() }
                guard let batch = begin(records) else { continue }
                open += 1
                tasks.addTask { [self] in await emit(batch) }
            }
            return nil
        }
    }

    /// nil where the partitions of all records have gone meanwhile.
    private func begin(_ records: [KafkaRecord]) -> Batch? {
        var next: [KafkaPartition: Int64] = [:]
        for record in records { next[record.partition] = record.next.offset }
        let tickets = state.withLock { state in
            next.reduce(into: [KafkaPartition: OffsetLedger.Ticket]()) { tickets, entry in
                tickets[entry.key] = state.ledger.begin(entry.key, before: entry.value)
            }
        }
        let items = records.compactMap { record in tickets[record.partition].map { (mapping.item(record), $0) } }
        return items.isEmpty ? nil : Batch(items: items, tickets: Array(tickets.values))
    }

    /// Emits until the sink has all, this is cancelled, or the partitions have gone.
    private func emit(_ batch: Batch) async {
        var rest = batch.items[...]
        var wait = Duration.seconds(1)
        while true {
            do throws(EmitFailure) {
                try await context.emitter.bring(rest.map(\.item))
                return emitted(batch)
            } catch {
                rest = rest.dropFirst(error.kept)
                health.change { [message = error.message] in $0.emitFailed(message) }
            }
            if !Task.isCancelled { await context.clock.sleep(wait) }
            wait = min(wait * 2, .seconds(30))
            // What went to another consumer is that one's to emit.
            rest = state.withLock { state in rest.filter { state.ledger.isValid($0.ticket) }[...] }
            if Task.isCancelled || rest.isEmpty { return settle { ledger in batch.tickets.forEach { ledger.abandon($0) } } }
        }
    }

    private func emitted(_ batch: Batch) {
        health.change { $0.emitted() }
        settle { ledger in batch.tickets.forEach { ledger.finish($0) } }
        due.continuation.yield()
    }

    /// Changes the ledger, and wakes those who wait for partitions that are idle by that.
    private func settle(_ change: (inout OffsetLedger) -> Void) {
        state.withLock { state in
            change(&state.ledger)
            let ledger = state.ledger
            state.idleWaits.removeAll { wait in
                guard ledger.isIdle(wait.partitions) else { return false }
                wait.end.finish()
                return true
            }
        }
    }

    // MARK: What is done

    /// Commits beside the reading: many batches become one commit where the coordinator is slow.
    private func commitWhatIsDue(_ consumer: KafkaConsumer) async {
        for await _ in due.stream {
            let positions = state.withLock { $0.ledger.due() }
            guard await !commit(positions, consumer), !Task.isCancelled else { continue }
            await context.clock.sleep(.seconds(1))
            due.continuation.yield()
        }
    }

    /// False where the same is to be tried again.
    private func commit(_ positions: [KafkaPosition], _ consumer: KafkaConsumer) async -> Bool {
        do throws(KafkaError) {
            try await consumer.commit(positions)
            state.withLock { $0.ledger.committed(positions) }
            health.change { $0.committed() }
            return true
        } catch {
            // The group says what comes next, or the consumer has ended.
            if error.reason == .rebalanced || error.reason == .closed { return true }
            health.change { [message = error.description] in $0.commitFailed(message) }
            return false
        }
    }

    // MARK: The group

    private func rebalanced(_ change: KafkaRebalance) async {
        guard let consumer = state.withLock({ $0.consumer }) else { return }
        switch change {
        case .assigned(let partitions):
            // What is not in the ledger is not emitted: the group, or a new start, will say again whose it is.
            guard await settleBeginnings(partitions, consumer) else { return }
            state.withLock { $0.ledger.assign(partitions) }
            health.change { $0.joined() }
        case .revoked(let partitions):
            await within(.seconds(Limits.sourceRevokedSeconds)) { [self] in
                await waitUntilIdle(partitions)
                let positions = state.withLock { $0.ledger.due(in: partitions) }
                if !positions.isEmpty { _ = await commit(positions, consumer) }
            }
            settle { $0.drop(partitions) }
        case .lost(let partitions):
            settle { $0.drop(partitions) }
            health.change { $0.left() }
        }
        health.partitions(of: number, state.withLock { $0.ledger.count })
    }

    private func waitUntilIdle(_ partitions: [KafkaPartition]) async {
        let (stream, end) = AsyncStream.makeStream(of: Void.self)
        state.withLock { state in
            if state.ledger.isIdle(partitions) { return end.finish() }
            state.idleWaits.append((partitions, end))
        }
        for await _ in stream {}
    }

    /// Lets `body` go on alone after the limit.
    private func within(_ limit: Duration, _ body: @escaping @Sendable () async -> Void) async {
        let (ended, end) = AsyncStream.makeStream(of: Void.self)
        Task {
            await body()
            end.finish()
        }
        await withTaskGroup { [clock = context.clock] tasks in
            tasks.addTask { for await _ in ended {} }
            tasks.addTask { await clock.sleep(limit) }
            await tasks.next()
            tasks.cancelAll()
        }
    }

    /// Where a partition without a commit begins is committed before it is read: else a source that stops before its first
    /// commit would begin at a later end, and what came meanwhile would be passed.
    ///
    /// False where that could not be.
    private func settleBeginnings(_ partitions: [KafkaPartition], _ consumer: KafkaConsumer) async -> Bool {
        guard spec.initialOffset == .latest, !partitions.isEmpty else { return true }
        do throws(KafkaError) {
            let committed = try await consumer.committed(partitions)
            var positions: [KafkaPosition] = []
            for partition in partitions where committed[partition] == nil {
                positions.append(KafkaPosition(partition, offset: try await consumer.watermarks(of: partition).high))
            }
            try await consumer.commit(positions)
            return true
        } catch {
            if error.reason == .closed || error.reason == .rebalanced { return false }
            fail(
                SourceFailure(
                    reason: SourceHealth.reason(error), message: "The initial offsets cannot be committed: \(error.description)"))
            return false
        }
    }

    // MARK: How it is

    private func observe(_ event: KafkaEvent) {
        switch event {
        case .error(let error, _):
            health.change { $0.heard(error) }
            // Secrets are read when a source starts: one that was mended counts from the next start on.
            guard error.isFatal || error.reason == .authentication else { return }
            fail(SourceFailure(reason: SourceHealth.reason(error), message: error.description))
        case .statistics(let statistics):
            let lags = statistics.partitions.values.compactMap(\.lag)
            health.lag(of: number, lags.isEmpty ? nil : lags.reduce(0, +))
        case .log, .endOfPartition: break
        }
    }

    /// Asks the brokers for the topics: often while there is a problem, now and then while there is none.
    private func watch(_ consumer: KafkaConsumer) async {
        var round = 0
        while !Task.isCancelled {
            if round % 15 == 0 || health.hasProblem { await probe(consumer) }
            round += 1
            await context.clock.sleep(.seconds(2))
        }
    }

    private func probe(_ consumer: KafkaConsumer) async {
        for topic in spec.topics {
            do throws(KafkaError) {
                _ = try await consumer.metadata(of: topic, timeout: .seconds(3))
            } catch {
                if error.reason == .closed || error.reason == .cancelled { return }
                return health.change { $0.probed(error) }
            }
        }
        health.change { $0.probed(nil) }
    }
}
