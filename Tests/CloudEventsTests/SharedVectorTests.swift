import CloudEvents
import Foundation
import Specs
import Testing

/// Vectors that lie beside the checkout, never in it. Where they are not there, nothing runs and the count says so.
func sharedFile(_ path: String) -> URL? { Specs.sharedVectors?.appendingPathComponent(path) }

func decodeJSON<Value: Decodable>(_ url: URL, as type: Value.Type = Value.self) throws -> Value {
    try JSONDecoder().decode(Value.self, from: Data(contentsOf: url))
}

@Suite(.enabled(if: Specs.sharedVectors != nil)) struct `The shared edge cases` {
    private struct File: Decodable {
        var cases: [Case]
    }

    private struct Case: Decodable {
        struct Expect: Decodable {
            var result: String
            var status: Int
            var mode: String?
            var attributes: [String: String]?
            var absent_attributes: [String]?
            var data_base64: String?
            var event_count: Int?
        }

        var n: Int
        var title: String
        var raw_base64: String
        var expect: Expect
    }

    /// What is decided on the wire, before the binding sees a head: run by ApusServerTests with `http-wire.yaml`.
    private static let runByApusServerTests: Set<Int> = [70, 71, 145, 146, 148, 149, 151, 152]

    @Test func `are decided as they say`() throws {
        let file = try #require(sharedFile("edge_cases/cases.json"))
        let cases = try decodeJSON(file, as: File.self).cases
        #expect(cases.count == 104)
        var count = 0
        for entry in cases where !Self.runByApusServerTests.contains(entry.n) {
            count += 1
            let raw = try #require(Data(base64Encoded: entry.raw_base64))
            let request = try #require(RawRequest(Array(raw)))
            var expect = Expectation()
            expect.mode = entry.expect.mode == "batch" ? "batched" : entry.expect.mode
            expect.attributes = entry.expect.attributes
            expect.absent = entry.expect.absent_attributes
            expect.dataBase64 = entry.expect.data_base64
            expect.events = entry.expect.event_count
            #expect(status(request) == entry.expect.status, "\(entry.n) \(entry.title)")
            guard entry.expect.result == "accept" else { continue }
            let found = mismatches(request.headers, request.body, expect)
            #expect(found.isEmpty, "\(entry.n) \(entry.title): \(found)")
        }
        Specs.count(count, in: "shared/vectors/edge_cases")
    }

    /// Every case's number stands in our own vectors too, so that none is known from outside alone.
    @Test func `stand in our own vectors`() throws {
        struct Numbered: Decodable {
            var number: Int?
            enum CodingKeys: String, CodingKey { case number = "case" }
        }
        let file = try #require(sharedFile("edge_cases/cases.json"))
        var numbers: Set<Int> = []
        for url in Specs.files(below: "cloudevents") {
            let tests = try Specs.documents(at: url, as: Specs.File<Numbered>.self).flatMap(\.tests)
            numbers.formUnion(tests.compactMap(\.number))
        }
        #expect(Set(try decodeJSON(file, as: File.self).cases.map(\.n)).subtracting(numbers).isEmpty)
    }

    private func status(_ request: RawRequest) -> Int {
        do throws(CloudEventError) {
            _ = try HTTPBinding.decode(headers: request.headers, body: request.body)
            return 202
        } catch {
            return error.code == .unsupportedMediaType ? 415 : 400
        }
    }
}

@Suite(.enabled(if: Specs.sharedVectors != nil)) struct `The conformance tests of the JSON format` {
    private func tests(_ file: String) throws -> [(id: String, json: [UInt8])] {
        let url = try #require(sharedFile("conformance_format/json/\(file)"))
        let value = try JSONSerialization.jsonObject(with: Data(contentsOf: url))
        let root = try #require(value as? [String: Any])
        let entries = try #require(root["tests"] as? [[String: Any]])
        Specs.count(entries.count, in: "shared/vectors/conformance_format/json/\(file)")
        return try entries.map { entry in
            let value = try #require(entry["event"] ?? entry["batch"])
            let id = try #require(entry["id"] as? String)
            return (id, Array(try JSONSerialization.data(withJSONObject: value)))
        }
    }

    @Test func `refuse every invalid event`() throws {
        for test in try tests("invalid-events.json") {
            #expect(throws: CloudEventError.self, "\(test.id)") { try JSONFormat.decode(test.json) }
        }
    }

    @Test func `refuse every invalid batch`() throws {
        for test in try tests("invalid-batches.json") {
            #expect(throws: CloudEventError.self, "\(test.id)") { try JSONFormat.decodeBatch(test.json) }
        }
    }

    @Test func `accept every valid event`() throws {
        for test in try tests("valid-events.json") {
            let event = try JSONFormat.decode(test.json)
            #expect(try JSONFormat.decode(JSONFormat.encode(event)) == event, "\(test.id)")
            switch test.id {
            case "validMinimalWithNullForOptional": #expect(event.attributes.count == 4)
            case "validSimpleTextData": #expect(event.data == Array("Simple text".utf8))
            case "validAllExtensionTypes":
                #expect(event.attributes["extinteger"] == .integer(10))
                #expect(event.attributes["extboolean"] == .boolean(true))
                #expect(event.attributes["extbinary"] == .string("TWE="))
                #expect(event.attributes["exturiref"] == .string("//authority/path"))
            case let id where id.hasPrefix("validMinimalWithTime"):
                let time = Timestamp(rfc3339: event.attributes.text(of: "time") ?? "")
                #expect(time == Timestamp(nanoseconds: 1_522_949_460_000_000_000), "\(id)")
            default: #expect(event.attributes.text(of: "specversion") == "1.0")
            }
        }
    }

    @Test func `accept every valid batch`() throws {
        let counts = ["validBatchEmpty": 0, "validBatchMinimal": 1]
        for test in try tests("valid-batches.json") {
            #expect(try JSONFormat.decodeBatch(test.json).count == counts[test.id] ?? 2, "\(test.id)")
        }
    }
}

@Suite(.enabled(if: Specs.sharedVectors != nil)) struct `The conformance tool's events` {
    private struct Document: Decodable {
        struct Context: Decodable {
            var specversion, type, id, source: String
            var time, datacontenttype: String?
            var Extensions: [String: String]?
        }

        var ContextAttributes: Context
        var Data: String
    }

    @Test(arguments: ["v1.yaml", "v1.0/v1_minimum.yaml", "v03.yaml", "v0.3/v03_minimum.yaml"])
    func `come back from every mode`(file: String) throws {
        let url = try #require(sharedFile("conformance_events/\(file)"))
        let documents = try Specs.documents(at: url, as: Document.self)
        Specs.count(documents.count, in: "shared/vectors/conformance_events/\(file)")
        for document in documents {
            let context = document.ContextAttributes
            var attributes = Attributes()
            attributes.append("specversion", .string(context.specversion))
            attributes.append("id", .string(context.id))
            attributes.append("source", .uriReference(context.source))
            attributes.append("type", .string(context.type))
            if let time = context.time { attributes.append("time", .timestamp(time)) }
            if let type = context.datacontenttype { attributes.append("datacontenttype", .string(type)) }
            for (name, value) in (context.Extensions ?? [:]).sorted(by: { $0.key < $1.key }) {
                // One extension ends in a newline, which no String may hold: it is refused, and goes on without.
                if value.hasSuffix("\n") {
                    var broken = attributes
                    broken.append(name, .string(value))
                    #expect(throws: CloudEventError.self) { try CloudEvent(attributes: broken).validate() }
                }
                attributes.append(name, .string(value.trimmingCharacters(in: .newlines)))
            }
            let event = CloudEvent(attributes: attributes, data: Array(document.Data.utf8))
            try event.validate()
            for mode in [ContentMode.binary, .structured, .batched] {
                let message = HTTPBinding.encode(event, mode: mode)
                let events = try HTTPBinding.events(headers: HeaderBlock(message.headers), body: message.body)
                #expect(events.count == 1)
                for attribute in attributes { #expect(events[0].attributes.text(of: attribute.name) == attribute.value.text) }
                // White space after a JSON value is not part of it once it stands inside another.
                let data = String(decoding: events[0].data ?? [], as: UTF8.self)
                let isJSON = context.datacontenttype?.hasPrefix("application/json") == true && mode != .binary
                #expect(data == (isJSON ? document.Data.trimmingCharacters(in: .newlines) : document.Data))
            }
        }
    }
}

@Suite(.enabled(if: Specs.sharedVectors != nil)) struct `The feature files of HTTP` {
    @Test func `hold requests that give what they say`() throws {
        let url = try #require(sharedFile("features/http-protocol-binding.feature"))
        let scenarios = try String(contentsOf: url, encoding: .utf8).components(separatedBy: "Scenario Outline:").dropFirst()
        var count = 0
        for scenario in scenarios {
            let blocks = scenario.components(separatedBy: "\"\"\"")
            let examples = try #require(scenario.components(separatedBy: "Examples:").last).components(separatedBy: "\n")
                .map { $0.trimmingCharacters(in: CharacterSet(charactersIn: " |")) }.filter { $0.contains("/") }
            for contentType in examples {
                count += 1
                func fill(_ text: String) -> String { text.replacingOccurrences(of: "<contentType>", with: contentType) }
                let lines = fill(blocks[1]).components(separatedBy: "\n").dropFirst().map { String($0.dropFirst(8)) }
                let split = try #require(lines.firstIndex(of: ""))
                let headers = HeaderBlock(lines: lines[1..<split].map { Array($0.utf8) })
                let body = Array(lines[(split + 1)...].dropLast().joined(separator: "\n").utf8)
                let events = try HTTPBinding.events(headers: headers, body: body)
                let event = try #require(events.first)
                let rows = fill(blocks[2]).components(separatedBy: "\n").filter { $0.contains("|") }.dropFirst()
                for row in rows {
                    let cells = row.components(separatedBy: "|").map { $0.trimmingCharacters(in: .whitespaces) }
                    #expect(event.attributes.text(of: cells[1]) == cells[2])
                }
                let value = try JSONSerialization.jsonObject(with: Data(event.data ?? [])) as? [String: String]
                #expect(value == ["message": "Hello World!"])
            }
        }
        #expect(count == 4)
        Specs.count(count, in: "shared/vectors/features/http")
    }
}
