import ApusPorts
import ApusTesting
import BrokerSQLite
import CloudEvents
import Specs
import TestSupport
import Testing

/// A row of traces and its bytes, as `specs/log/traces.yaml` has them.
struct TraceVector: Decodable, Sendable, CustomTestStringConvertible {
    struct Trace: Decodable, Sendable {
        var reader: String
        var offset: Int64
        var attempt: Int
        var beganAt: Int64
        var microseconds: Int64
        var status: Int
        var text: String
        var ending: String
        var lane: Int32?
        var at: Int64?
    }

    var name: String
    var hex: String
    var bucket: Int64
    var traces: [Trace]

    var testDescription: String { name }

    var values: [DeliveryTrace] {
        get throws {
            try traces.map { trace in
                let ending: DeliveryTrace.Ending =
                    switch trace.ending {
                    case "delivered": .delivered
                    case "replied": .replied(Position(lane: try #require(trace.lane), offset: try #require(trace.at)))
                    case "retry": .retry(dueAt: Timestamp(nanoseconds: try #require(trace.at)))
                    case "dead": .dead(Position(lane: try #require(trace.lane), offset: try #require(trace.at)))
                    default: .abandoned
                    }
                return DeliveryTrace(
                    reader: trace.reader, offset: trace.offset, attempt: trace.attempt,
                    beganAt: Timestamp(nanoseconds: trace.beganAt), microseconds: trace.microseconds, status: trace.status,
                    text: bytes(trace.text), ending: ending)
            }
        }
    }
}

@Suite struct `A row of traces` {
    private func row(_ traces: [DeliveryTrace], bucket: Int64) -> [UInt8] {
        var row = TraceRow(bucket: bucket)
        for trace in traces { row.append(trace) }
        return row.finished()
    }

    private func first(_ offset: Int64) -> DeliveryTrace {
        DeliveryTrace(
            reader: "orders", offset: offset, attempt: 1, beganAt: Timestamp(nanoseconds: 5), microseconds: 900, status: 200,
            ending: .delivered)
    }

    @Test(arguments: Specs.vectors("log/traces.yaml", as: TraceVector.self))
    func `is read as it was written, for ever`(vector: TraceVector) throws {
        let found = try TraceDecoder.decode(bytes(vector.hex).span.bytes, bucket: vector.bucket)
        let expected = try vector.values
        #expect(found == expected)
        for (one, other) in zip(found, expected) { #expect(one.reader.utf8.elementsEqual(other.reader.utf8)) }
    }

    @Test(arguments: Specs.vectors("log/traces.yaml", as: TraceVector.self))
    func `is written as the format says`(vector: TraceVector) throws {
        #expect(row(try vector.values, bucket: vector.bucket) == bytes(vector.hex))
    }

    @Test func `shows each bit that is not as it was`() {
        let good = row([first(4096), first(4100)], bucket: 1)
        var undetected: [Int] = []
        for bit in 0..<good.count * 8 {
            var bad = good
            bad[bit / 8] ^= 1 << UInt8(bit % 8)
            if (try? TraceDecoder.decode(bad.span.bytes, bucket: 1)) != nil { undetected.append(bit) }
        }
        #expect(undetected == [])
        #expect((try? TraceDecoder.decode(good.span.bytes, bucket: 2)) == nil, "it is not of another bucket")
    }

    @Test func `is refused and never a crash, whatever bytes with a right checksum say`() {
        var random = SeededRandom(seed: 2026)
        var shapes = [first(4096), first(4100)]
        shapes[0].ending = .dead(Position(offset: 9))
        (shapes[1].text, shapes[1].attempt) = ([1, 2, 3], 7)
        let good = row(shapes, bucket: 1).dropLast(4)
        for _ in 0..<20_000 {
            var bad = Array(good)
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bad[Int.random(in: 0..<bad.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            let state = bad.withUnsafeBytes { CRC32C.update(CRC32C.start, $0) }
            let sum = CRC32C.finish(withUnsafeBytes(of: Int64(1).littleEndian) { CRC32C.update(state, $0) })
            withUnsafeBytes(of: sum.littleEndian) { bad.append(contentsOf: $0) }
            _ = try? TraceDecoder.decode(bad.span.bytes, bucket: 1)
        }
    }

    @Test func `takes little more than ten bytes an event that is delivered at the first attempt`() {
        let traces = (0..<4000).map { number in
            var trace = first(Int64(number))
            trace.beganAt = Timestamp(
                nanoseconds: 1_767_225_600_000_000_000 + Int64(number) * 25_000 + Int64(number % 97) * 100_000)
            trace.microseconds = Int64(400 + number % 3000)
            return trace
        }
        #expect(row(traces, bucket: 0).count < 4000 * 11)
    }
}

@Suite struct `A hash of ids` {
    /// The example of the paper on SipHash: key 00 01 … 0f, input 00 01 … 0e.
    @Test func `is SipHash`() {
        let hash = IDHash(key: (0..<16).map { UInt8($0) })
        let input = (0..<15).map { UInt8($0) }
        #expect(input.withUnsafeBytes { hash.hash($0) } == 0xA129_CA61_49BE_45E5)
    }

    @Test func `is of bytes, all of them, and of its key`() {
        let hash = IDHash(key: (0..<16).map { UInt8($0) })
        let texts = ["", "a", "a\u{0}", "\u{E9}", "e\u{301}", "1234567", "12345678", "123456789", "12345678\u{0}"]
        #expect(Set(texts.map { hash.hash($0) }).count == texts.count)
        #expect(IDHash(key: [1]).hash("a") != IDHash(key: [2]).hash("a"))
        #expect(IDHash(key: [1]).hash("a") != IDHash(key: [0, 0, 0, 0, 0, 0, 0, 0, 1]).hash("a"))
    }
}
