internal import ApusPorts
internal import CloudEvents
internal import Testing

extension EventLogContract {
    static let reopenings: [Clause] = [
        Clause("keeps records and bounds when it is closed and opened again") { harness in
            let log = try await harness.open().log
            let records = SampleRecords.everyShape
            try await log.append(records)
            try await log.append(SampleRecords.numbered(0..<300))
            try await log.append(records, to: .dead)
            _ = try await log.trim(.dead, TrimPolicy(keepFrom: 2, recordsMax: 0))
            let before = try await log.all()
            await log.close()
            let again = try await harness.open().log
            #expect(again.bounds(of: .events).next.offset == Int64(records.count + 300))
            #expect(again.bounds(of: .dead).oldest.offset == 2)
            let after = try await again.all(pages: 37)
            #expect(after.fingerprints == before.fingerprints)
            #expect(after.map(\.appendedAt) == before.map(\.appendedAt))
            #expect(try await again.all(.dead).fingerprints == records.dropFirst(2).map(\.fingerprint))
            guard case .absent = again.cached(.events, from: 0, limit: wholePage) else {
                Issue.record("memory is empty after an open")
                return
            }
            await again.close()
        },
        Clause("goes on with its offsets when it is opened again, even where all was trimmed") { harness in
            for round in 0..<3 {
                let log = try await harness.open().log
                #expect(try await log.append(SampleRecords.numbered(0..<10)).offset == Int64(round * 10))
                #expect(try await log.trim(.events, TrimPolicy(keepFrom: .max, recordsMax: 0)).removed == 10)
                await log.close()
            }
            let log = try await harness.open().log
            #expect(log.bounds(of: .events) == StreamBounds(oldest: Position(offset: 30), next: Position(offset: 30)))
            await log.close()
        },
        Clause("never goes back in time when it is opened again") { harness in
            for trims in [false, true] {
                let log = try await harness.open().log
                try await log.append(SampleRecords.numbered(0..<1))
                let latest = try #require(try await log.all().last).appendedAt
                if trims { _ = try await log.trim(.events, TrimPolicy(keepFrom: .max, recordsMax: 0)) }
                await log.close()
                harness.clock.advance(seconds: -60)
                let again = try await harness.open().log
                try await again.append(SampleRecords.numbered(1..<2))
                #expect(try await again.all().last?.appendedAt == latest)
                await again.close()
            }
        },
        Clause("keeps cursors when it is closed and opened again") { harness in
            let open = try await harness.open()
            var change = CursorChange(stream: .dead)
            change.shared = 4
            change.readers = [.init(name: "a", next: 9, open: [1, 2]), .init(name: "b", next: nil, open: [])]
            change.settle = [.init(name: "a", offset: 10)]
            change.park = [
                .init(
                    name: "b", event: ParkedEvent(offset: 3, attempts: 2, dueAt: harness.clock.now, firstAttemptAt: nil, key: "k")
                )
            ]
            change.retire = [.init(name: "a", at: harness.clock.now)]
            try await open.cursors.commit(change)
            let before = try await open.cursors.load(.dead)
            await open.log.close()
            let again = try await harness.open()
            #expect(try await again.cursors.load(.dead) == before)
            #expect(before.readers.count == 2)
            await again.log.close()
        },
        Clause("makes what is queued durable before it closes") { harness in
            let log = try await harness.open().log
            let recorder = OutcomeRecorder()
            for number in 0..<200 {
                log.append(AppendBatch(records: [SampleRecords.numbered(number)], receiver: recorder, token: UInt64(number)))
            }
            await log.close()
            #expect(recorder.count == 200)
            let again = try await harness.open().log
            #expect(try await again.all().ids == (0..<200).map { String($0) })
            await again.close()
        },
    ]
}
