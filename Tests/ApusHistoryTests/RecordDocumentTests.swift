import ApusHistory
import ApusPorts
import ApusResources
import CloudEvents
import Foundation
import Specs
import Testing

@Suite struct `A record as a document` {
    struct Vector: Decodable, Sendable {
        let name: String
        let mode: String?
        let contentType: String?
        let body: String?
        let bodyBase64: String?
        let attributes: [[String]]?
        let event: String
        let data: String?
        let type: String?

        var record: LogRecord {
            var attributes = Attributes()
            attributes.append("specversion", .string("1.0"))
            attributes.append("id", .string("1"))
            attributes.append("source", .uriReference("/s"))
            attributes.append("type", .string("t"))
            for pair in self.attributes ?? [] { attributes.append(pair[0], Self.value(pair[1])) }
            let bytes = bodyBase64.flatMap { Data(base64Encoded: $0) }.map { [UInt8]($0) } ?? Array((body ?? "").utf8)
            let event = EventRecord(
                attributes: attributes, mode: mode == "structured" ? .structured : .binary, contentType: contentType, body: bytes)
            return LogRecord(
                position: Position(offset: 12), appendedAt: Timestamp(nanoseconds: 1_767_225_600_500_000_000), event: event)
        }

        private static func value(_ text: String) -> AttributeValue {
            if text.hasPrefix("int:") { return .integer(Int32(text.dropFirst(4)) ?? 0) }
            return text.hasPrefix("bool:") ? .boolean(text == "bool:true") : .string(text)
        }
    }

    private static let four = #""specversion":"1.0","id":"1","source":"/s","type":"t""#

    @Test(arguments: Specs.vectors("history/records.yaml", as: Vector.self))
    func `holds the event and its data`(vector: Vector) throws {
        let record = vector.record
        let rest = vector.event.dropFirst()
        let expected = "{" + Self.four + (rest == "}" ? "" : ",") + rest
        #expect(RecordDocument.event(record.event).json() == expected)
        let data = RecordDocument.data(of: record.event)
        if let text = vector.data { #expect(data.map { String(decoding: $0.bytes, as: UTF8.self) } == text) }
        #expect((data == nil) == (vector.data == nil && vector.bodyBase64 == nil))
        #expect(data?.type == vector.type)
        // Whoever reads the document gets the event's data back, byte for byte or value for value.
        let read = try JSONFormat.decode(Array(RecordDocument.event(record.event).json().utf8))
        #expect((read.data == nil) == (data == nil))
    }

    @Test func `has what the log keeps beside the event`() {
        var record = Vector(
            name: "", mode: nil, contentType: "text/plain", body: "abc", bodyBase64: nil, attributes: nil, event: "", data: nil,
            type: nil
        ).record
        record.event.hops = 3
        record.event.headers = [ForwardedHeader(name: "traceparent", value: "00-1"), ForwardedHeader(name: "x-b3-a", value: "")]
        record.event.cause = Cause(trigger: "orders", position: Position(offset: 4))
        record.event.deadLetter = DeadLetter(
            trigger: "orders", position: Position(offset: 5), reason: .rejected, attempts: 2, destination: "http://a/",
            status: 422,
            body: Array("no".utf8), firstAttemptAt: Timestamp(nanoseconds: 0),
            lastAttemptAt: Timestamp(nanoseconds: 1_000_000_000))
        let expected =
            #"{"position":"0:12","time":"2026-01-01T00:00:00.5Z","mode":"binary","contentType":"text/plain","event":{"#
            + Self.four + #","datacontenttype":"text/plain"},"dataBytes":3,"hops":3,"headers":[{"name":"traceparent","#
            + #""value":"00-1"},{"name":"x-b3-a","value":""}],"cause":{"trigger":"orders","position":"0:4"},"#
            + #""deadLetter":{"trigger":"orders","position":"0:5","reason":"rejected","attempts":2,"destination":"http://a/","#
            + #""status":422,"body":"no","firstAttemptAt":"1970-01-01T00:00:00Z","lastAttemptAt":"1970-01-01T00:00:01Z"}}"#
        #expect(RecordDocument.node(record, withData: false).json() == expected)
        record.event.deadLetter?.body = [0xFF]
        #expect(RecordDocument.node(record)["deadLetter"]?["bodyBase64"]?.text == "/w==")
        #expect(RecordDocument.node(record)["event"]?["data"]?.text == "abc")
    }
}
