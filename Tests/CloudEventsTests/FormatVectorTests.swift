import Specs
import Testing

@testable import CloudEvents

private func attributes(_ pairs: [[String]]) -> Attributes {
    var attributes = Attributes()
    for pair in pairs { attributes.append(pair[0], .string(pair[1])) }
    return attributes
}

private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

@Suite struct `What is written` {
    private struct Headers: Decodable, Sendable {
        var name: String
        var attributes: [[String]]
        var lines: [String]
    }

    private struct Encoding: Decodable, Sendable {
        var name: String
        var attributes: [[String]]
        var data: String?
        var json: String
    }

    private struct Splice: Decodable, Sendable {
        var name: String
        var object: String
        var add: [[String]]
        var json: String
    }

    private struct Leaving: Decodable, Sendable {
        var name: String
        var members: String
        var data: String?
        var noData: Bool?
        var impliedJSON: Bool
    }

    @Test func `are header lines as the vectors say`() {
        for vector in Specs.vectors("cloudevents/binary-headers.yaml", as: Headers.self) {
            var bytes: [UInt8] = []
            HTTPBinding.appendBinaryHeaders(of: attributes(vector.attributes), to: &bytes)
            #expect(text(bytes) == vector.lines.map { $0 + "\r\n" }.joined(), "\(vector.name)")
            let event = CloudEvent(attributes: attributes(vector.attributes))
            let pairs = HTTPBinding.encode(event, mode: .binary).headers.map { "\($0.name): \($0.value)" }
            #expect(pairs == vector.lines, "\(vector.name)")
        }
    }

    @Test func `is JSON as the vectors say`() {
        for vector in Specs.vectors("cloudevents/json-encode.yaml", as: Encoding.self) {
            let event = CloudEvent(attributes: attributes(vector.attributes), data: vector.data.map { Array($0.utf8) })
            #expect(text(JSONFormat.encode(event)) == vector.json, "\(vector.name)")
            #expect(text(JSONFormat.encodeBatch([event, event])) == "[\(vector.json),\(vector.json)]", "\(vector.name)")
        }
        #expect(text(JSONFormat.encodeBatch([])) == "[]")
    }

    @Test func `keeps its type in JSON`() {
        var attributes = Attributes()
        attributes.append("flag", .boolean(true))
        attributes.append("count", .integer(-5))
        attributes.append("blob", .binary([0xFB, 0xEF]))
        attributes.append("note", .string("a\n\u{1}"))
        let json = text(JSONFormat.encode(CloudEvent(attributes: attributes)))
        #expect(json == #"{"flag":true,"count":-5,"blob":"++8=","note":"a\u000a\u0001"}"#)
    }

    @Test func `is spliced as the vectors say`() {
        for vector in Specs.vectors("cloudevents/splice.yaml", as: Splice.self) {
            let added = vector.add.map { Attribute(name: $0[0], value: .string($0[1])) }
            #expect(text(JSONFormat.splice(added, into: Array(vector.object.utf8))) == vector.json, "\(vector.name)")
        }
    }

    @Test func `leaves JSON for binary mode as the vectors say`() throws {
        for vector in Specs.vectors("cloudevents/structured-to-binary.yaml", as: Leaving.self) {
            let object = Array("\(Message.minimalObject),\(vector.members)}".utf8)
            let (bytes, isImplied) = try JSONFormat.data(in: object)
            #expect(bytes.map(text) == vector.data, "\(vector.name)")
            #expect((bytes == nil) == (vector.noData == true), "\(vector.name)")
            #expect(isImplied == vector.impliedJSON, "\(vector.name)")
        }
    }
}

@Suite struct `A grammar` {
    private struct Moment: Decodable, Sendable {
        var text: String
        var nanoseconds: Int64?
        var utc: String?
        var valid: Bool?
    }

    private struct Texts: Decodable, Sendable {
        var valid: String
        var texts: [String]
    }

    private struct Base64Vector: Decodable, Sendable {
        var text: String
        var hex: String?
    }

    @Test func `of timestamps obeys the vectors`() throws {
        for vector in Specs.vectors("cloudevents/timestamps.yaml", as: Moment.self) {
            let isValid = vector.utc != nil || vector.valid == true
            #expect((RFC3339(Array(vector.text.utf8).span) != nil) == isValid, "\(vector.text)")
            let moment = Timestamp(rfc3339: vector.text)
            #expect(moment?.rfc3339 == vector.utc, "\(vector.text)")
            if let nanoseconds = vector.nanoseconds { #expect(moment?.nanoseconds == nanoseconds, "\(vector.text)") }
        }
    }

    @Test func `of URIs obeys the vectors`() {
        for vector in Specs.vectors("cloudevents/uris.yaml", as: Texts.self) {
            for text in vector.texts {
                let bytes = Array(text.utf8)
                #expect(URIGrammar.isReference(bytes.span) == (vector.valid != "none"), "\(text)")
                #expect(URIGrammar.isURI(bytes.span) == (vector.valid == "uri"), "\(text)")
            }
        }
    }

    @Test func `of media types obeys the vectors`() {
        for vector in Specs.vectors("cloudevents/media-types.yaml", as: Texts.self) {
            for text in vector.texts {
                let type = MediaType(Array(text.utf8).span)
                #expect(type.map { $0.isJSON ? "json" : "other" } ?? "none" == vector.valid, "\(text)")
            }
        }
    }

    @Test func `of media types reads the charset`() {
        func charset(_ text: String) -> String? { MediaType(Array(text.utf8).span)?.charset }
        #expect(charset("a/b;CharSet=UTF-8") == "utf-8")
        #expect(charset(#"a/b; x="charset=z"; charset="iso-8859-1""#) == "iso-8859-1")
        #expect(charset(#"a/b; charset="u\tf-8""#) == "utf-8")
        #expect(charset("a/b; xcharset=utf-8") == nil)
    }

    @Test func `of Base64 obeys the vectors`() {
        for vector in Specs.vectors("cloudevents/base64.yaml", as: Base64Vector.self) {
            let bytes = Base64.decode(vector.text.utf8)
            let hex = bytes?.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            #expect(hex == vector.hex, "\(vector.text)")
            #expect(Base64.isValid(Array(vector.text.utf8).span) == (vector.hex != nil), "\(vector.text)")
            if let bytes { #expect(Base64.encode(bytes) == vector.text) }
        }
    }
}
