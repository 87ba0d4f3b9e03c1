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

    private func refusal(_ pairs: [(name: String, value: String)]) -> String? {
        do throws(CloudEventError) {
            _ = try HTTPBinding.decode(headers: HeaderBlock(pairs), body: [])
            return nil
        } catch {
            return error.message
        }
    }
}
