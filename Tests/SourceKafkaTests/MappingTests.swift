import ApusPorts
import CloudEvents
import Foundation
import KafkaClient
import Specs
import Testing

@testable import SourceKafka

@Suite struct `A Kafka record` {
    private struct Vector: Decodable, Sendable {
        var name: String
        var key: String?
        var keyHex: String?
        var keyType: String?
        var headers: [[String?]]?
        var value: String?
        var valueBase64: String?
        var time: Int64?
        var isCloudEvent: Bool?
        var isStructured: Bool?
        var attributes: [String: String]?
        var contentType: String?
        var travelling: [String: String]?
        var body: String?
        var bodyBase64: String?
        var unreadable: String?

        var record: KafkaRecord {
            let headers = (headers ?? []).map { header -> KafkaHeader in
                let text = header[1]
                let isCoded = text?.hasPrefix("base64:") == true
                return KafkaHeader(
                    header[0] ?? "", isCoded ? decode(String(text?.dropFirst(7) ?? "")) : text.map { Array($0.utf8) })
            }
            let key = key.map { Array($0.utf8) } ?? keyHex.map(bytes)
            return KafkaRecord(
                partition: KafkaPartition("orders", 3), offset: 17,
                timestamp: time.map { .created(milliseconds: $0) } ?? .none, key: key,
                value: value.map { Array($0.utf8) } ?? valueBase64.map(decode), headers: headers)
        }

        private func decode(_ text: String) -> [UInt8] { Base64.decode(text.utf8) ?? [] }

        private func bytes(_ hex: String) -> [UInt8] {
            stride(from: 0, to: hex.utf8.count, by: 2).compactMap { UInt8(hex.dropFirst($0).prefix(2), radix: 16) }
        }

        var expectedBody: [UInt8]? { body.map { Array($0.utf8) } ?? bodyBase64.map(decode) }
    }

    private func mapping(_ keyType: KeyType = .string) -> RecordMapping {
        RecordMapping(sourcePrefix: "/apis/v1/namespaces/shop/kafkasources/intake#", keyType: keyType)
    }

    @Test func `becomes the event that the vectors say`() throws {
        let common = [
            "specversion": "1.0", "id": "partition:3/offset:17", "type": "dev.knative.kafka.event",
            "source": "/apis/v1/namespaces/shop/kafkasources/intake#orders", "subject": "partition:3#17",
        ]
        for vector in Specs.vectors("sources/kafka.yaml", as: Vector.self) {
            let item = mapping(try #require(KeyType(rawValue: vector.keyType ?? "string"))).item(vector.record)
            #expect(item.origin == "orders partition 3 offset 17")
            #expect(item.raw == vector.record.value ?? [])
            switch item.event {
            case .failure(let unreadable):
                #expect(
                    vector.unreadable.map { unreadable.sentence.contains($0) } == true, "\(vector.name): \(unreadable.sentence)")
            case .success(let event):
                #expect(vector.unreadable == nil, "\(vector.name)")
                let expected = (vector.attributes ?? [:]).merging(vector.isCloudEvent == true ? [:] : common) { $1 }
                let attributes = Dictionary(event.attributes.map { ($0.name, $0.value.text) }) { $1 }
                #expect(attributes == expected, "\(vector.name)")
                #expect(event.attributes.count == expected.count, "\(vector.name)")
                #expect(event.mode == (vector.isStructured == true ? .structured : .binary), "\(vector.name)")
                #expect(event.contentType == vector.contentType, "\(vector.name)")
                if let body = vector.expectedBody { #expect(event.body == body, "\(vector.name)") }
                let travelling = Dictionary(event.headers.map { ($0.name, $0.value) }) { $1 }
                #expect(travelling == vector.travelling ?? [:], "\(vector.name)")
                try CloudEvent(attributes: event.attributes, data: event.body).validate()
            }
        }
    }

    @Test func `with more headers than an event has attributes becomes none`() {
        let headers = (0..<Limits.attributesMax).map { KafkaHeader("h\($0)", [0x61]) }
        let record = KafkaRecord(
            partition: KafkaPartition("orders", 0), offset: 0, timestamp: .none, key: nil, value: [1], headers: headers)
        guard case .failure(let unreadable) = mapping().item(record).event else { return #expect(Bool(false), "it became one") }
        #expect(unreadable.sentence == "The record has 200 headers; an event has 200 attributes at most.")
    }

    private struct Fixtures: Decodable {
        struct Fixture: Decodable {
            var name: String
            var api: String
            var mode: String
            var error: String?
            var headers: [[String]]?
            var value_base64: String?
        }
        var fixtures: [Fixture]
    }

    /// What CloudEvents' Python SDK wrote: all of it comes in, and what it hid behind another media type comes in wrapped.
    @Test(.enabled(if: Specs.sharedVectors != nil)) func `of the Python SDK comes in`() throws {
        let url = try #require(Specs.sharedVectors).appendingPathComponent("python_sdk/kafka.json")
        let fixtures = try JSONDecoder().decode(Fixtures.self, from: Data(contentsOf: url)).fixtures.filter { $0.error == nil }
        for fixture in fixtures {
            let headers = try (fixture.headers ?? []).map {
                KafkaHeader($0[0], [UInt8](try #require(Data(base64Encoded: $0[1]))))
            }
            let value = fixture.value_base64.flatMap { Data(base64Encoded: $0) }.map { [UInt8]($0) }
            let record = KafkaRecord(
                partition: KafkaPartition("orders", 3), offset: 17, timestamp: .none, key: nil, value: value, headers: headers)
            let event = try mapping().item(record).event.get()
            let isHidden = fixture.api == "v1" && fixture.mode == "structured"
            #expect((event.attributes.text(of: "type") == KafkaSource.eventType) == isHidden, "\(fixture.name) \(fixture.api)")
            #expect(event.body == value ?? [], "\(fixture.name)")
        }
        Specs.count(fixtures.count, in: "shared/vectors/python_sdk/kafka through the source")
    }
}
