import ApusPorts
import ApusTesting
import BrokerMemory
import CloudEvents
import Testing

@Suite struct `A scan of a log` {
    @Test func `hands out the range in order, in pages of any size, and says where it ended`() async throws {
        let log = HeldLog()
        let records = (0..<10).map { index in
            var attributes = Attributes()
            attributes.append("id", .string("e\(index)"))
            return EventRecord(attributes: attributes, mode: .binary)
        }
        log.append(AppendBatch(records: records, receiver: Nobody()))
        log.commit()
        for pageRecords in [1, 3, 100] {
            var seen: [Int64] = []
            let end = try await log.scan(.events, 2..<7, pageRecords: pageRecords) { record in
                seen.append(record.position.offset)
                return true
            }
            #expect(seen == [2, 3, 4, 5, 6])
            #expect(end.next == 7)
            #expect(end.scanned == 5)
        }
        #expect(try await log.positions(ofID: "e4", limit: 10) == [Position(offset: 4)])
    }

    private final class Nobody: AppendReceiver {
        func appended(_ outcomes: [AppendOutcome]) {}
    }
}
