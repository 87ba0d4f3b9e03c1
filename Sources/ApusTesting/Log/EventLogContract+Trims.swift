internal import ApusPorts
internal import CloudEvents
internal import Testing

extension EventLogContract {
    static let trims: [Clause] = [
        Clause("trims by count, exactly") { harness in
            let log = try await harness.open().log
            try await log.append(SampleRecords.numbered(0..<500))
            let result = try await log.trim(.events, TrimPolicy(keepFrom: .max, recordsMax: 123))
            #expect(result == TrimResult(removed: 377, oldest: Position(offset: 377)))
            #expect(log.bounds(of: .events).oldest.offset == 377)
            #expect(try await log.all().offsets == (377..<500).map { Int64($0) })
            let again = try await log.trim(.events, TrimPolicy(keepFrom: .max, recordsMax: 123))
            #expect(again == TrimResult(removed: 0, oldest: Position(offset: 377)))
            await log.close()
        },
        Clause("trims by age, exactly") { harness in
            let log = try await harness.open().log
            for _ in 0..<20 {
                try await log.append(SampleRecords.numbered(0..<7))
                harness.clock.advance(seconds: 60)
            }
            let moment = harness.clock.moment(-600)
            let result = try await log.trim(.events, TrimPolicy(keepFrom: .max, appendedBefore: moment))
            #expect(result == TrimResult(removed: 70, oldest: Position(offset: 70)))
            #expect(try await log.all().allSatisfy { $0.appendedAt >= moment })
            await log.close()
        },
        Clause("trims by size, to the fewest records that keep to it") { harness in
            let log = try await harness.open().log
            try await log.append((0..<400).map { SampleRecords.numbered($0, bytes: 1000) })
            var held: Int64 = 400
            for bytes in [300_000, 299_999, 100_000] as [Int64] {
                _ = try await log.trim(.events, TrimPolicy(keepFrom: .max, bytesMax: bytes))
                let left = try await log.all().count
                #expect(left < held && Int64(left) * 1000 <= bytes, "\(left) records of 1000 bytes and their heads in \(bytes)")
                #expect(
                    Int64(left + 1) * 1400 > bytes, "one more of 1400 bytes at most would not have fitted: \(left) in \(bytes)")
                held = Int64(left) + 1
            }
            #expect(try await log.trim(.events, TrimPolicy(keepFrom: .max, bytesMax: 0)).oldest.offset == 400)
            await log.close()
        },
        Clause("keeps what stands at or after keepFrom, whatever the bounds say") { harness in
            let log = try await harness.open().log
            try await log.append(SampleRecords.numbered(0..<300))
            harness.clock.advance(seconds: 60)
            let policy = TrimPolicy(keepFrom: 200, appendedBefore: harness.clock.now, bytesMax: 0, recordsMax: 0)
            #expect(try await log.trim(.events, policy) == TrimResult(removed: 200, oldest: Position(offset: 200)))
            #expect(try await log.all().offsets == (200..<300).map { Int64($0) })
            #expect(try await log.trim(.events, TrimPolicy(keepFrom: 10, recordsMax: 0)).removed == 0)
            await log.close()
        },
        Clause("keeps everything where no bound is set, and counts the bounds together") { harness in
            let log = try await harness.open().log
            try await log.append(SampleRecords.numbered(0..<50))
            #expect(try await log.trim(.events, TrimPolicy(keepFrom: .max)).removed == 0)
            harness.clock.advance(seconds: 60)
            try await log.append(SampleRecords.numbered(50..<100))
            let policy = TrimPolicy(keepFrom: .max, appendedBefore: harness.clock.now, recordsMax: 70)
            #expect(try await log.trim(.events, policy).oldest.offset == 50, "the bound that takes most counts")
            await log.close()
        },
        Clause("names the oldest record to one who asks for a trimmed one") { harness in
            let log = try await harness.open().log
            try await log.append(SampleRecords.numbered(0..<20))
            _ = try await log.trim(.events, TrimPolicy(keepFrom: .max, recordsMax: 5))
            for offset in [0, 14] as [Int64] {
                #expect(await log.failure(reading: .events, from: offset) == .trimmed(oldest: Position(offset: 15)))
                guard case .absent = log.cached(.events, from: offset, limit: wholePage) else {
                    Issue.record("what was trimmed is not in memory")
                    continue
                }
            }
            #expect(await log.failure(reading: .events, from: 15) == nil)
            await log.close()
        },
        Clause("goes on with its offsets where everything was trimmed") { harness in
            let log = try await harness.open().log
            try await log.append(SampleRecords.numbered(0..<20))
            #expect(try await log.trim(.events, TrimPolicy(keepFrom: .max, recordsMax: 0)).oldest.offset == 20)
            #expect(log.bounds(of: .events) == StreamBounds(oldest: Position(offset: 20), next: Position(offset: 20)))
            #expect(try await log.read(.events, from: 20, limit: wholePage).isEmpty)
            #expect(try await log.position(in: .events, at: harness.clock.moment(-1)) == Position(offset: 20))
            #expect(try await log.append(SampleRecords.numbered(20..<21)).offset == 20)
            #expect(try await log.all().ids == ["20"])
            await log.close()
        },
        Clause("takes appends while it trims, and leaves the other stream alone") { harness in
            let log = try await harness.open().log
            try await log.append(SampleRecords.numbered(0..<10), to: .dead)
            for first in stride(from: 0, to: 4000, by: 20) { try await log.append(SampleRecords.numbered(first..<first + 20)) }
            async let trimmed = log.trim(.events, TrimPolicy(keepFrom: .max, recordsMax: 100))
            for first in stride(from: 4000, to: 4400, by: 20) { try await log.append(SampleRecords.numbered(first..<first + 20)) }
            let oldest = try await trimmed.oldest.offset
            #expect(oldest >= 3900 && oldest <= 4300)
            #expect(try await log.all().offsets == (oldest..<4400).map { $0 })
            #expect(try await log.all(.dead).count == 10)
            await log.close()
        },
    ]
}
