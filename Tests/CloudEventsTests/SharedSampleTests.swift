import CloudEvents
import Foundation
import Specs
import Testing

@Suite(.enabled(if: Specs.sharedVectors != nil)) struct `The samples of the Java SDK` {
    @Test(arguments: ["v1", "v03"])
    func `are accepted and refused as their names say`(version: String) throws {
        let folder = try #require(sharedFile("sdk_java_formats/json-jackson/\(version)"))
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        Specs.count(names.count, in: "shared/vectors/sdk_java_formats/json-jackson/\(version)")
        for name in names {
            let bytes = Array(try Data(contentsOf: folder.appendingPathComponent(name)))
            // Capitals in a name are refused by the specification; the Java SDK lower-cases them.
            let isRefused = name.hasPrefix("fail_") || name.contains("_invalid") || name.contains("upper_case")
            if isRefused {
                #expect(throws: CloudEventError.self, "\(name)") { try JSONFormat.decode(bytes) }
                continue
            }
            let event = try JSONFormat.decode(bytes)
            #expect(try JSONFormat.decode(JSONFormat.encode(event)).data == event.data, "\(name)")
            if name.contains("json_data") { #expect(event.data == Array("{}".utf8), "\(name)") }
            if name.contains("text_data") { #expect(event.data == Array("Hello World Lorena!".utf8), "\(name)") }
            if name.contains("xml_data") { #expect(event.data == Array("<stuff></stuff>".utf8), "\(name)") }
            if name.contains("with_ext") { #expect(event.attributes["anumber"] == .integer(10), "\(name)") }
        }
    }
}

@Suite(.enabled(if: Specs.sharedVectors != nil)) struct `The examples of the specification` {
    private struct Entry: Decodable {
        var file: String
    }

    /// Examples that the rules refuse.
    private static let refused: [String: CloudEventError.Code] = [
        // The text "... base64 encoded string ..." stands where Base64 would.
        "json-format_L0220.json": .invalidData,
        "json-format_L0444.json": .invalidData,
        // An empty subject, which core 3.1 forbids.
        "verifiability_L0809.json": .invalidAttribute,
        "verifiability_L0838.json": .invalidAttribute,
        "verifiability_L0863.json": .invalidAttribute,
    ]

    @Test func `in JSON are accepted`() throws {
        let index = try #require(sharedFile("spec_examples/INDEX.json"))
        var count = 0
        for entry in try decodeJSON(index, as: [Entry].self) where entry.file.hasSuffix(".json") {
            let bytes = Array(try Data(contentsOf: index.deletingLastPathComponent().appendingPathComponent(entry.file)))
            let value = try JSONSerialization.jsonObject(with: Data(bytes))
            let isBatch = entry.file == "json-format_L0444.json" || entry.file == "json-format_L0478.json"
            // Everything else is no event: DSSE envelopes, lists of names, subscriptions, schemas.
            guard isBatch || (value as? [String: Any])?["specversion"] != nil else { continue }
            count += 1
            do throws(CloudEventError) {
                let events = try isBatch ? JSONFormat.decodeBatch(bytes) : [JSONFormat.decode(bytes)]
                #expect(Self.refused[entry.file] == nil, "\(entry.file)")
                let again = try JSONFormat.decodeBatch(JSONFormat.encodeBatch(events))
                #expect(again.map(\.data) == events.map(\.data), "\(entry.file)")
            } catch {
                #expect(error.code == Self.refused[entry.file], "\(entry.file): \(error.message)")
            }
        }
        #expect(count >= 30)
        Specs.count(count, in: "shared/vectors/spec_examples")
    }
}

@Suite(.enabled(if: Specs.sharedVectors != nil)) struct `What the Python SDK sends` {
    private struct File: Decodable {
        var fixtures: [Fixture]
    }

    private struct Fixture: Decodable {
        var name: String
        var api: String
        var mode: String
        var raw_base64: String?
        var error: String?
        var send_error: String?
        var members: [String]?
    }

    /// The SDK's bugs that the rules refuse, by name, API and mode, and why.
    private static let refused: [String: CloudEventError.Code] = [
        // A 0.3 event with data_base64, which only 1.0 has.
        "specversion_03_bytes v1 structured": .invalidAttributeName
    ]

    @Test func `comes in, except where the SDK breaks the rules`() throws {
        let file = try #require(sharedFile("python_sdk/http.json"))
        let fixtures = try decodeJSON(file, as: File.self).fixtures
        var count = 0
        for fixture in fixtures {
            let key = "\(fixture.name) \(fixture.api) \(fixture.mode)"
            // The SDK itself could not send these five: nothing came over the wire.
            guard let raw = fixture.raw_base64 else {
                #expect(fixture.error != nil || fixture.send_error != nil, "\(key)")
                continue
            }
            count += 1
            let bytes = try #require(Data(base64Encoded: raw))
            let request = try #require(RawRequest(Array(bytes)))
            do throws(CloudEventError) {
                let events = try HTTPBinding.events(headers: request.headers, body: request.body)
                #expect(Self.refused[key] == nil, "\(key) was accepted")
                #expect(events.count == fixture.members?.count ?? 1, "\(key)")
                if fixture.mode == "binary" { #expect(events[0].data ?? [] == request.body, "\(key)") }
            } catch {
                #expect(error.code == Self.refused[key], "\(key): \(error.message)")
            }
        }
        Specs.count(count, in: "shared/vectors/python_sdk/http")
    }
}
