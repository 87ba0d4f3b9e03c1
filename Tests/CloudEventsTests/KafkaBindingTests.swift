import CloudEvents
import Foundation
import Specs
import Testing

/// The Kafka protocol binding: our vectors, those of the conformance features, and what the Python SDK writes.
@Suite struct `The Kafka binding` {
    struct Vector: Decodable, Sendable {
        var name: String
        var headers: [[String]]
        var value: String?
        var mode: String?
        var attributes: [String: String]?
        var code: String?
    }

    @Test func `obeys its vectors`() {
        for vector in Specs.vectors("cloudevents/kafka.yaml", as: Vector.self) {
            let headers = vector.headers.map { (name: $0[0], value: Array($0[1].utf8) as [UInt8]?) }
            do throws(CloudEventError) {
                let message = try KafkaBinding.decode(headers: headers, value: vector.value.map { Array($0.utf8) })
                #expect("\(message.mode)" == vector.mode, "\(vector.name)")
                let attributes = message.events[0].attributes.map { ($0.name, $0.value.text) }
                #expect(Dictionary(attributes) { $1 } == vector.attributes, "\(vector.name)")
                #expect(message.events[0].range == 0..<(vector.value?.utf8.count ?? 0), "\(vector.name)")
            } catch {
                #expect(error.code.rawValue == vector.code, "\(vector.name): \(error.message)")
            }
        }
    }

    @Test func `refuses bytes that are no text, and takes a header without bytes for an empty one`() {
        let required = [("ce_specversion", "1.0"), ("ce_id", "1"), ("ce_source", "/s"), ("ce_type", "t")]
            .map { (name: $0.0, value: Array($0.1.utf8) as [UInt8]?) }
        #expect(throws: CloudEventError.self) {
            try KafkaBinding.decode(headers: required + [(name: "ce_x", value: [0xFF])], value: nil)
        }
        let empty = try? KafkaBinding.decode(headers: required + [(name: "ce_x", value: nil)], value: nil)
        #expect(empty?.events.first?.attributes.text(of: "x") == "")
    }

    @Test func `writes records as the binding says: text as it is, the partition key as the key, no data as no value`() throws {
        var event = try JSONFormat.decode(
            Array(
                #"{"specversion":"1.0","id":"100%","source":"/s","type":"ü","partitionkey":"k","datacontenttype":"text/plain"}"#
                    .utf8))
        let tombstone = KafkaBinding.encode(event, mode: .binary)
        let headers = Dictionary(tombstone.headers.map { ($0.name, String(decoding: $0.value, as: UTF8.self)) }) { $1 }
        #expect(
            headers == [
                "ce_specversion": "1.0", "ce_id": "100%", "ce_source": "/s", "ce_type": "ü", "ce_partitionkey": "k",
                "content-type": "text/plain",
            ])
        #expect(tombstone.key == Array("k".utf8))
        #expect(tombstone.value == nil)
        event.data = Array("hi".utf8)
        #expect(KafkaBinding.encode(event, mode: .binary).value == event.data)
        let structured = KafkaBinding.encode(event, mode: .structured)
        #expect(structured.headers.map(\.name) == ["content-type"])
        #expect(
            structured.headers.first.map { String(decoding: $0.value, as: UTF8.self) }
                == "application/cloudevents+json; charset=UTF-8")
        #expect(try JSONFormat.decode(structured.value ?? []) == event)
    }

    @Test(.enabled(if: Specs.sharedVectors != nil)) func `reads the records of the conformance features as they say`() throws {
        let url = try #require(Specs.sharedVectors).appendingPathComponent("features/kafka-protocol-binding.feature")
        var count = 0
        for scenario in try String(contentsOf: url, encoding: .utf8).components(separatedBy: "Scenario").dropFirst() {
            let blocks = scenario.components(separatedBy: "\"\"\"")
            let examples = rows(scenario.components(separatedBy: "Examples:").dropFirst().last ?? "").compactMap(\.first)
            for contentType in examples.isEmpty ? [""] : examples {
                count += 1
                let tables = blocks[2].components(separatedBy: "When parsed")
                let headers = rows(tables[0]).map { row in
                    (name: row[0], value: Array((row[1] == "<contentType>" ? contentType : row[1]).utf8) as [UInt8]?)
                }
                let value = Array(blocks[1].utf8)
                let message = try KafkaBinding.decode(headers: headers, value: value)
                let wanted = Dictionary(rows(tables[1]).map { ($0[0], $0[1]) }) { $1 }
                #expect(Dictionary(message.events[0].attributes.map { ($0.name, $0.value.text) }) { $1 } == wanted)
                let data = message.mode == .binary ? value : try JSONFormat.decode(value).data ?? []
                #expect(try JSONSerialization.jsonObject(with: Data(data)) as? [String: String] == ["message": "Hello World!"])
            }
        }
        #expect(count == 3)
        Specs.count(count, in: "shared/vectors/features/kafka")
    }

    /// The cells of a table, without its first row.
    private func rows(_ text: String) -> [[String]] {
        let lines = text.components(separatedBy: "\n").filter { $0.contains("|") }.dropFirst()
        return lines.map { line in
            line.components(separatedBy: "|").dropFirst().dropLast().map { $0.trimmingCharacters(in: .whitespaces) }
        }
    }

    private struct File: Decodable {
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

    @Test(.enabled(if: Specs.sharedVectors != nil)) func `reads what the Python SDK writes`() throws {
        let url = try #require(Specs.sharedVectors).appendingPathComponent("python_sdk/kafka.json")
        let fixtures = try JSONDecoder().decode(File.self, from: Data(contentsOf: url)).fixtures
        var count = 0
        for fixture in fixtures where fixture.error == nil {
            let headers = try (fixture.headers ?? []).map { header in
                (name: header[0], value: [UInt8](try #require(Data(base64Encoded: header[1]))) as [UInt8]?)
            }
            let value = fixture.value_base64.flatMap { Data(base64Encoded: $0) }.map { [UInt8]($0) }
            let key = "\(fixture.name) \(fixture.api) \(fixture.mode)"
            // Its first version writes the data's media type, or none, over a structured event: nobody can know it for one.
            let isHidden = fixture.api == "v1" && fixture.mode == "structured"
            count += 1
            do throws(CloudEventError) {
                let message = try KafkaBinding.decode(headers: headers, value: value)
                #expect("\(message.mode)" == fixture.mode && !isHidden, "\(key)")
            } catch {
                #expect(isHidden && error.code == .notACloudEvent, "\(key): \(error.message)")
            }
        }
        #expect(count > 100)
        Specs.count(count, in: "shared/vectors/python_sdk/kafka")
    }
}
