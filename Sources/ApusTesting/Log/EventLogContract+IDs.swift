internal import ApusPorts
internal import CloudEvents
internal import Testing

/// Finding events by their id.
extension EventLogContract {
    private static func named(_ id: String) -> EventRecord {
        var record = SampleRecords.numbered(0)
        record.attributes.set("id", to: .string(id))
        return record
    }

    static let ids: [Clause] = [
        Clause("finds events by their id, ascending, the newest where there are many") { harness in
            let log = try await harness.open().log
            for round in 0..<40 {
                let ids = ["often"] + (0..<50).map { "\(round)-\($0)" }
                try await log.append(ids.map(named))
            }
            try await log.append([named("often")], to: .dead)
            let places = (0..<40).map { Position(offset: $0 * 51) }
            #expect(try await log.positions(ofID: "often", limit: 100) == places)
            #expect(try await log.positions(ofID: "often", limit: 3) == Array(places.suffix(3)))
            #expect(try await log.positions(ofID: "often", limit: 0).isEmpty)
            #expect(try await log.positions(ofID: "39-49", limit: 5) == [Position(offset: 40 * 51 - 1)])
            #expect(try await log.positions(ofID: "0-0", limit: 5) == [Position(offset: 1)])
            #expect(try await log.positions(ofID: "40-0", limit: 5).isEmpty)
            await log.close()
        },
        Clause("takes no id for another that looks like it") { harness in
            let log = try await harness.open().log
            let ids = [
                "a", "aa", "a ", "A", "a\u{0}", "\u{E9}", "e\u{301}", "e", "", "a\r\n", "12345678", "123456789",
                String(repeating: "x", count: 3000), String(repeating: "x", count: 3001),
            ]
            try await log.append(ids.map(named))
            for (index, id) in ids.enumerated() {
                #expect(
                    try await log.positions(ofID: id, limit: 10) == [Position(offset: Int64(index))], "\(id.debugDescription)")
            }
            #expect(try await log.positions(ofID: "a\n", limit: 10).isEmpty)
            await log.close()
        },
        Clause("finds an event as soon as its append is told") { harness in
            let log = try await harness.open().log
            for number in 0..<50 {
                let position = try await log.append([named("\(number)")])
                #expect(try await log.positions(ofID: "\(number)", limit: 2) == [position])
            }
            await log.close()
        },
        Clause("finds no event that was trimmed, and those that were not") { harness in
            let log = try await harness.open().log
            for round in 0..<20 { try await log.append((0..<50).map { named("\(($0 + round * 50) % 300)") }) }
            _ = try await log.trim(.events, TrimPolicy(keepFrom: 333, recordsMax: 0))
            #expect(try await log.positions(ofID: "32", limit: 9) == [Position(offset: 632), Position(offset: 932)])
            #expect(
                try await log.positions(ofID: "33", limit: 9)
                    == [Position(offset: 333), Position(offset: 633), Position(offset: 933)])
            _ = try await log.trim(.events, TrimPolicy(keepFrom: .max, recordsMax: 0))
            #expect(try await log.positions(ofID: "33", limit: 9).isEmpty)
            try await log.append([named("33")])
            #expect(try await log.positions(ofID: "33", limit: 9) == [Position(offset: 1000)])
            await log.close()
        },
    ]

    static let reopenedIDs: [Clause] = [
        Clause("finds events by their id when it is closed and opened again") { harness in
            for round in 0..<3 {
                let log = try await harness.open().log
                try await log.append((0..<200).map { named("\($0)") })
                let places = (0...round).map { Position(offset: Int64($0 * 200 + 7)) }
                #expect(try await log.positions(ofID: "7", limit: 9) == places)
                await log.close()
            }
            let log = try await harness.open().log
            #expect(try await log.positions(ofID: "199", limit: 2) == [Position(offset: 399), Position(offset: 599)])
            await log.close()
        }
    ]
}
