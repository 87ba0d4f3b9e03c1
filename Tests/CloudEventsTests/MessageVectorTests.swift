import CloudEvents
import Specs
import Testing

@Suite struct `A message` {
    @Test(arguments: ["modes", "required", "names", "header-values", "types", "data", "v03"])
    func `gives what the vectors say`(file: String) {
        for vector in Specs.vectors("cloudevents/\(file).yaml", as: MessageVector.self) {
            let found = mismatches(vector.message.block, vector.message.bytes, vector.expect)
            #expect(found.isEmpty, "\(vector): \(found)")
        }
    }

    @Test func `is read within its limits`() {
        var limits = FormatLimits()
        limits.attributes = 8
        limits.nesting = 5
        limits.batchEvents = 2
        for vector in Specs.vectors("cloudevents/limits.yaml", as: MessageVector.self) {
            let found = mismatches(vector.message.block, vector.message.bytes, vector.expect, limits: limits)
            #expect(found.isEmpty, "\(vector): \(found)")
        }
    }

    @Test func `is quoted in an error only in part, and safely`() {
        let long = String(repeating: "é", count: 100)
        let message = refusal([("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-type", "t"), ("ce-source", "\(long) \n")])
        #expect(message?.contains("\"" + String(repeating: "é", count: 64) + "…\"") == true)
        let odd = refusal([("ce-specversion", "1\u{7}\"\u{202E}0"), ("ce-id", "1"), ("ce-type", "t"), ("ce-source", "/s")])
        #expect(odd?.contains(#""1\u{7}\"\u{202E}0""#) == true)
    }

    @Test func `keeps the order in which its attributes came`() throws {
        let headers = HeaderBlock([
            ("ce-zulu", "1"), ("Ce-Type", "t"), ("Content-Type", "text/plain"), ("ce-id", "1"), ("host", "h"), ("ce-alpha", "2"),
            ("ce-source", "/s"), ("ce-specversion", "1.0"),
        ])
        let message = try HTTPBinding.decode(headers: headers, body: [1])
        let event = try #require(message.events.first)
        #expect(event.attributes.map(\.name) == ["zulu", "type", "datacontenttype", "id", "alpha", "source", "specversion"])
        #expect(event.range == 0..<1)
    }

    @Test func `of a batch tells where each object stands`() throws {
        let first = #"{"specversion":"1.0","type":"t","source":"/s","id":"1"}"#
        let second = #"{ "specversion":"1.0","type":"t","source":"/s","id":"2","data":[] }"#
        let body = Array(" [ \(first) ,\n\(second)] ".utf8)
        let headers = HeaderBlock([("content-type", JSONFormat.batchMediaType)])
        let message = try HTTPBinding.decode(headers: headers, body: body)
        #expect(message.events.map { String(decoding: body[$0.range], as: UTF8.self) } == [first, second])
        #expect(message.contentType == JSONFormat.batchMediaType)
    }

    /// A case that a promise decides otherwise says why, and the wire vectors expect what the promise says.
    @Test func `on the wire follows the promises where a case is overridden`() {
        struct Override: Decodable, Sendable {
            var number: Int
            var status: Int
            var reason: String
            enum CodingKeys: String, CodingKey {
                case number = "case"
                case status, reason
            }
        }
        struct Wire: Decodable, Sendable {
            struct Expect: Decodable, Sendable { var status: Int }
            var number: Int?
            var request: String
            var expect: Expect
            enum CodingKeys: String, CodingKey {
                case number = "case"
                case request, expect
            }
        }
        let wire = Specs.vectors("cloudevents/http-wire.yaml", as: Wire.self)
        #expect(wire.allSatisfy { $0.request.contains("\r\n\r\n") })
        for override in Specs.vectors("cloudevents/overrides.yaml", as: Override.self) {
            #expect(override.reason.hasPrefix("promise "))
            #expect(wire.filter { $0.number == override.number }.map(\.expect.status) == [override.status])
            Specs.overridden("edge_cases \(override.number)", override.reason)
        }
    }

    private func refusal(_ pairs: [(name: String, value: String)]) -> String? {
        do throws(CloudEventError) {
            _ = try HTTPBinding.decode(headers: HeaderBlock(pairs), body: [])
            return nil
        } catch {
            return error.message
        }
    }
}
