internal import ApusPorts
internal import CloudEvents
internal import Testing

extension EventLogContract {
    static let reads: [Clause] = [
        Clause("keeps every field of a record to the byte, read from memory and from the store") { harness in
            let log = try await harness.open().log
            let records = SampleRecords.everyShape
            for stream in Stream.allCases {
                try await log.append(records, to: stream)
                let stored = try await log.read(stream, from: 0, limit: wholePage)
                #expect(stored.fingerprints == records.map(\.fingerprint))
                guard case .records(let cached) = log.cached(stream, from: 0, limit: wholePage) else {
                    Issue.record("what was just appended is in memory")
                    continue
                }
                #expect(cached.fingerprints == stored.fingerprints)
                #expect(cached.map(\.position) == stored.map(\.position) && cached.map(\.appendedAt) == stored.map(\.appendedAt))
            }
            await log.close()
        },
        Clause("reads in pages that keep to their limits, and at least one record however large") { harness in
            let log = try await harness.open().log
            for first in stride(from: 0, to: 500, by: 50) { try await log.append(SampleRecords.numbered(first..<first + 50)) }
            for from in [0, 1, 49, 50, 51, 127, 128, 129, 498, 499] as [Int64] {
                for count in [1, 2, 49, 50, 51, 300] {
                    let page = try await log.read(.events, from: from, limit: ReadLimit(records: count))
                    #expect(page.offsets == (from..<min(500, from + Int64(count))).map { $0 })
                    guard case .records(let cached) = log.cached(.events, from: from, limit: ReadLimit(records: count)) else {
                        Issue.record("what was just appended is in memory")
                        continue
                    }
                    #expect(cached.count <= count && cached.offsets == page.offsets.prefix(cached.count).map { $0 })
                    #expect(!cached.isEmpty)
                }
            }
            let small = ReadLimit(records: 10, bytes: 1)
            #expect(try await log.read(.events, from: 7, limit: small).offsets == [7])
            guard case .records(let one) = log.cached(.events, from: 7, limit: small) else {
                Issue.record("what was just appended is in memory")
                return
            }
            #expect(one.offsets == [7])
            await log.close()
        },
        Clause("answers at the end with nothing, and with what comes next once it came") { harness in
            let log = try await harness.open().log
            for number in 0..<3 {
                let end = Int64(number)
                #expect(try await log.read(.events, from: end, limit: wholePage).isEmpty)
                guard case .end = log.cached(.events, from: end, limit: wholePage) else {
                    Issue.record("the end is the end")
                    return
                }
                try await log.append([SampleRecords.numbered(number)])
                guard case .records(let records) = log.cached(.events, from: end, limit: wholePage) else {
                    Issue.record("what was just appended is in memory")
                    return
                }
                #expect(records.ids == [String(number)])
            }
            await log.close()
        },
        Clause("follows with cached reads alone what others append meanwhile") { harness in
            let log = try await harness.open().log
            let count = 2000
            let appending = Task {
                for first in stride(from: 0, to: count, by: 4) {
                    try await log.append(SampleRecords.numbered(first..<first + 4))
                }
            }
            var next: Int64 = 0
            while next < count {
                switch log.cached(.events, from: next, limit: ReadLimit(records: 64)) {
                case .records(let records):
                    #expect(records.offsets == (next..<next + Int64(records.count)).map { $0 })
                    next += Int64(records.count)
                case .end: await Task.yield()
                case .absent:
                    Issue.record("so little stays in memory")
                    return
                }
            }
            try await appending.value
            await log.close()
        },
        Clause("reads the records at given offsets, and leaves out what is not there") { harness in
            let log = try await harness.open().log
            for first in stride(from: 0, to: 400, by: 40) { try await log.append(SampleRecords.numbered(first..<first + 40)) }
            let offsets: [Int64] = [0, 1, 39, 40, 41, 130, 131, 250, 399]
            let found = try await log.read(.events, at: offsets + [400, 9999])
            #expect(found.offsets == offsets)
            #expect(found.ids == offsets.map { String($0) })
            _ = try await log.trim(.events, TrimPolicy(keepFrom: 41, recordsMax: 0))
            #expect(try await log.read(.events, at: offsets).offsets == [41, 130, 131, 250, 399])
            #expect(try await log.read(.events, at: []).isEmpty)
            await log.close()
        },
        Clause("finds the position at a time: the first that was appended then or later") { harness in
            let log = try await harness.open().log
            let start = harness.clock.now
            #expect(try await log.position(in: .events, at: start) == Position(offset: 0))
            for minute in 0..<30 {
                try await log.append(SampleRecords.numbered(0..<(minute % 5 + 1)))
                harness.clock.advance(seconds: 60)
            }
            let records = try await log.all()
            for seconds in stride(from: Int64(-30), through: 1830, by: 30) {
                let time = Timestamp(nanoseconds: start.nanoseconds + seconds * 1_000_000_000)
                let expected = records.first { $0.appendedAt >= time }?.position ?? log.bounds(of: .events).next
                #expect(try await log.position(in: .events, at: time) == expected, "at \(seconds) s")
            }
            await log.close()
        },
    ]
}
