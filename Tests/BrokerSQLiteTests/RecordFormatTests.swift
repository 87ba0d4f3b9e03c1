import ApusPorts
import ApusTesting
import BrokerSQLite
import CloudEvents
import Specs
import TestSupport
import Testing

/// A record and its bytes, as `specs/log/records.yaml` has them.
struct RecordVector: Decodable, Sendable, CustomTestStringConvertible {
    struct Value: Decodable, Sendable {
        var name: String
        var kind: String
        var value: String
    }

    struct Header: Decodable, Sendable {
        var name: String
        var value: String
    }

    struct Origin: Decodable, Sendable {
        var trigger: String
        var lane: Int32
        var offset: Int64
    }

    struct Letter: Decodable, Sendable {
        var trigger: String
        var lane: Int32
        var offset: Int64
        var reason: String
        var attempts: Int
        var destination: String
        var status: Int
        var body: String
        var firstAttemptAt: Int64
        var lastAttemptAt: Int64
    }

    var name: String
    var hex: String
    var offset: Int64
    var appendedAt: Int64
    var mode: String
    var contentType: String?
    var hops: UInt8
    var body: String
    var attributes: [Value]
    var headers: [Header]
    var cause: Origin?
    var deadLetter: Letter?

    var testDescription: String { name }

    var event: EventRecord {
        get throws {
            var attributes = Attributes()
            for attribute in self.attributes {
                let value: AttributeValue =
                    switch attribute.kind {
                    case "boolean": .boolean(attribute.value == "true")
                    case "integer": .integer(try #require(Int32(attribute.value)))
                    case "string": .string(attribute.value)
                    case "binary": .binary(bytes(attribute.value))
                    case "uri": .uri(attribute.value)
                    case "uri-reference": .uriReference(attribute.value)
                    default: .timestamp(attribute.value)
                    }
                attributes.append(attribute.name, value)
            }
            return EventRecord(
                attributes: attributes, mode: mode == "structured" ? .structured : .binary, contentType: contentType,
                body: bytes(body), headers: headers.map { ForwardedHeader(name: $0.name, value: $0.value) }, hops: hops,
                cause: cause.map { Cause(trigger: $0.trigger, position: Position(lane: $0.lane, offset: $0.offset)) },
                deadLetter: try letter())
        }
    }

    private func letter() throws -> DeadLetter? {
        guard let dead = deadLetter else { return nil }
        return DeadLetter(
            trigger: dead.trigger, position: Position(lane: dead.lane, offset: dead.offset),
            reason: try #require(DeadLetter.Reason(rawValue: dead.reason)), attempts: dead.attempts,
            destination: dead.destination,
            status: dead.status, body: bytes(dead.body), firstAttemptAt: Timestamp(nanoseconds: dead.firstAttemptAt),
            lastAttemptAt: Timestamp(nanoseconds: dead.lastAttemptAt))
    }
}

struct DamageVector: Decodable, Sendable, CustomTestStringConvertible {
    var name: String
    var hex: String
    var offset: Int64
    var detail: String

    var testDescription: String { name }
}

/// Pairs of hexadecimal digits as bytes.
func bytes(_ hex: String) -> [UInt8] {
    stride(from: 0, to: hex.utf8.count, by: 2).map { start in
        UInt8(hex.dropFirst(start).prefix(2), radix: 16) ?? 0
    }
}

func sealed(_ record: EventRecord, offset: Int64, appendedAt: Int64) -> [UInt8] {
    var bytes = RecordEncoder.encode([record]).bytes
    EncodedRecords.seal(&bytes, length: bytes.count, appendedAt: appendedAt, offset: offset)
    return bytes
}

@Suite struct `A record on disk` {
    @Test(arguments: Specs.vectors("log/records.yaml", as: RecordVector.self))
    func `is read as it was written, for ever`(vector: RecordVector) throws {
        let record = try RecordDecoder.decode(bytes(vector.hex).span.bytes, offset: vector.offset)
        #expect(record.position == Position(offset: vector.offset))
        #expect(record.appendedAt.nanoseconds == vector.appendedAt)
        #expect(record.event.fingerprint == (try vector.event).fingerprint)
    }

    @Test(arguments: Specs.vectors("log/records.yaml", as: RecordVector.self))
    func `is written as the format says`(vector: RecordVector) throws {
        #expect(sealed(try vector.event, offset: vector.offset, appendedAt: vector.appendedAt) == bytes(vector.hex))
    }

    @Test(arguments: Specs.vectors("log/damaged.yaml", as: DamageVector.self))
    func `says what is wrong with it`(vector: DamageVector) {
        #expect(throws: RecordFault(vector.detail)) {
            try RecordDecoder.decode(bytes(vector.hex).span.bytes, offset: vector.offset)
        }
    }

    @Test func `shows each bit that is not as it was`() throws {
        let good = sealed(SampleRecords.numbered(3), offset: 9, appendedAt: 1)
        var undetected: [Int] = []
        for bit in 0..<good.count * 8 {
            var bad = good
            bad[bit / 8] ^= 1 << UInt8(bit % 8)
            if (try? RecordDecoder.decode(bad.span.bytes, offset: 9)) != nil { undetected.append(bit) }
        }
        #expect(undetected == [])
    }

    @Test func `is refused and never a crash, whatever bytes with a right checksum say`() {
        var random = SeededRandom(seed: 2026)
        let good = RecordEncoder.encode([SampleRecords.everyShape[0]]).bytes
        for _ in 0..<20_000 {
            var bad = good
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bad[Int.random(in: 5..<bad.count - 12, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            let state = bad.withUnsafeBytes {
                CRC32C.update(CRC32C.start, UnsafeRawBufferPointer(rebasing: $0[..<($0.count - 12)]))
            }
            withUnsafeBytes(of: state.littleEndian) { bad.replaceSubrange(bad.count - 4..<bad.count, with: $0) }
            EncodedRecords.seal(&bad, length: bad.count, appendedAt: 0, offset: 0)
            _ = try? RecordDecoder.decode(bad.span.bytes, offset: 0)
        }
    }
}

@Suite struct `CRC-32C` {
    @Test func `gives the check value of its catalogue entry`() {
        let text = [UInt8]("123456789".utf8)
        #expect(text.withUnsafeBytes { CRC32C.finish(CRC32C.update(CRC32C.start, $0)) } == 0xE306_9283)
        #expect(text.withUnsafeBytes { CRC32C.finish(CRC32C.updateByTables(CRC32C.start, $0)) } == 0xE306_9283)
    }

    @Test func `is the same by tables as by the processor, at every length and place`() {
        let all = (0..<100).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 11) }
        all.withUnsafeBytes { all in
            for start in 0..<9 {
                for end in start..<all.count {
                    let part = UnsafeRawBufferPointer(rebasing: all[start..<end])
                    #expect(CRC32C.update(77, part) == CRC32C.updateByTables(77, part))
                }
            }
        }
    }
}
