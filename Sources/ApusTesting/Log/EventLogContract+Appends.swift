internal import ApusPorts
internal import CloudEvents
internal import Synchronization
internal import Testing

extension EventLogContract {
    static let appends: [Clause] = [
        Clause("begins empty, at offset 0, in both streams") { harness in
            let log = try await harness.open().log
            for stream in Stream.allCases {
                #expect(log.bounds(of: stream) == StreamBounds(oldest: Position(offset: 0), next: Position(offset: 0)))
            }
            await log.close()
        },
        Clause("gives offsets in the order of the appends, without a gap") { harness in
            let log = try await harness.open().log
            let recorder = OutcomeRecorder()
            for token in 0..<300 {
                let records = SampleRecords.numbered(token * 2..<token * 2 + 2)
                log.append(AppendBatch(records: records, receiver: recorder, token: UInt64(token)))
            }
            let outcomes = await recorder.calls(outcomes: 300).flatMap { $0 }
            #expect(outcomes.map(\.token) == (0..<300).map { UInt64($0) })
            #expect(try outcomes.map { try $0.result.get().offset } == (0..<300).map { Int64($0 * 2) })
            let records = try await log.all()
            #expect(records.offsets == (0..<600).map { Int64($0) })
            #expect(records.ids == (0..<600).map { String($0) })
            await log.close()
        },
        Clause("gives 8 threads that append at once offsets of their own, each batch in one piece") { harness in
            let log = try await harness.open().log
            let batches = 50
            try await withThrowingTaskGroup(of: Void.self) { group in
                for thread in 0..<8 {
                    group.addTask {
                        let recorder = OutcomeRecorder()
                        for batch in 0..<batches {
                            let first = (thread * batches + batch) * 3
                            log.append(
                                AppendBatch(
                                    records: SampleRecords.numbered(first..<first + 3), receiver: recorder, token: UInt64(first)))
                        }
                        let outcomes = await recorder.calls(outcomes: batches).flatMap { $0 }
                        let offsets = try outcomes.map { try $0.result.get().offset }
                        #expect(offsets == offsets.sorted(), "one thread's batches stand in its order")
                        for (outcome, offset) in zip(outcomes, offsets) {
                            let ids = try await log.read(.events, from: offset, limit: ReadLimit(records: 3)).ids
                            #expect(ids == (0..<3).map { String(Int(outcome.token) + $0) })
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await log.all().offsets == (0..<Int64(8 * batches * 3)).map { $0 })
            await log.close()
        },
        Clause("keeps the two streams apart") { harness in
            let log = try await harness.open().log
            #expect(try await log.append(SampleRecords.numbered(0..<3)).offset == 0)
            #expect(try await log.append(SampleRecords.numbered(10..<12), to: .dead).offset == 0)
            #expect(try await log.append(SampleRecords.numbered(3..<4)).offset == 3)
            #expect(try await log.all(.events).ids == ["0", "1", "2", "3"])
            #expect(try await log.all(.dead).ids == ["10", "11"])
            await log.close()
        },
        Clause("takes an empty batch, which appends nothing") { harness in
            let log = try await harness.open().log
            try await log.append(SampleRecords.numbered(0..<2))
            #expect(try await log.append([]).offset == 2)
            #expect(log.bounds(of: .events).next.offset == 2)
            await log.close()
        },
        Clause("never calls the receiver before append returns, and counts what waits") { harness in
            let log = try await harness.open().log
            let recorder = HeldRecorder()
            recorder.hold.withLock { _ in
                log.append(AppendBatch(records: SampleRecords.numbered(0..<4), receiver: recorder))
            }
            await recorder.told.first { _ in true }
            #expect(log.queueDepth == QueueDepth(events: 0, bytes: 0))
            await log.close()
        },
        Clause("shows an append in its bounds before it calls receivers and observers") { harness in
            let log = try await harness.open().log
            let seen = Mutex<[Int64]>([])
            let (observed, signal) = AsyncStream.makeStream(of: Void.self)
            log.observe(.events) {
                let next = log.bounds(of: .events).next.offset
                seen.withLock { $0.append(next) }
                signal.yield()
            }
            var calls = observed.makeAsyncIterator()
            for number in 0..<20 {
                try await log.append([SampleRecords.numbered(number)])
                #expect(log.bounds(of: .events).next.offset == Int64(number + 1))
                await calls.next()
            }
            #expect(seen.withLock { $0 } == (1...20).map { Int64($0) })
            try await log.append([SampleRecords.numbered(0)], to: .dead)
            await log.close()
            #expect(seen.withLock { $0.count } == 20, "the other stream's appends are not told")
        },
        Clause("stamps records with the clock, which never goes backwards along a stream") { harness in
            let log = try await harness.open().log
            let start = harness.clock.now
            for seconds in [0, 5, -60, 58] as [Int64] {
                harness.clock.advance(seconds: seconds)
                try await log.append([SampleRecords.numbered(0)])
            }
            let times = try await log.all().map { ($0.appendedAt.nanoseconds - start.nanoseconds) / 1_000_000_000 }
            #expect(times == [0, 5, 5, 5])
            await log.close()
        },
        Clause("refuses appends and changes once it is closed") { harness in
            let open = try await harness.open()
            await open.log.close()
            await #expect(throws: LogError.closed) { try await open.log.append(SampleRecords.numbered(0..<1)) }
            var change = CursorChange(stream: .events)
            change.shared = 1
            let refused = change
            await #expect(throws: LogError.closed) { try await open.cursors.commit(refused) }
            await #expect(throws: LogError.closed) { try await open.log.read(.events, from: 0, limit: wholePage) }
            await #expect(throws: LogError.closed) { try await open.cursors.load(.events) }
            await open.log.close()
        },
        Clause("is healthy") { harness in
            let log = try await harness.open().log
            try await log.append(SampleRecords.numbered(0..<1))
            #expect(log.health == nil)
            await log.close()
        },
    ]
}

/// A receiver whose lock the test holds while it appends: a log that called back at once would never return.
private final class HeldRecorder: AppendReceiver {
    let hold = Mutex(())
    let told: AsyncStream<Void>
    private let signal: AsyncStream<Void>.Continuation

    init() { (told, signal) = AsyncStream.makeStream() }

    func appended(_ outcomes: [AppendOutcome]) {
        hold.withLock { _ in }
        signal.yield()
    }
}
