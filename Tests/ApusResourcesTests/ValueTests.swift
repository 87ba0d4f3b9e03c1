import ApusResources
import CloudEvents
import Specs
import Testing

private struct DurationVector: Decodable, Sendable {
    let text: String
    let milliseconds: Int64?
}

private struct URIVector: Decodable, Sendable {
    let base: String
    let reference: String
    let result: String?
}

private struct AgeVector: Decodable, Sendable {
    let seconds: Int64
    let text: String
}

private struct MomentVector: Decodable, Sendable {
    let text: String
    let nanoseconds: Int64?
}

@Suite struct `A value` {
    @Test func `that is a duration is read to the millisecond, or refused`() {
        for vector in Specs.vectors("resources/durations.yaml", as: DurationVector.self) {
            let duration = ISODuration(validating: vector.text)?.duration
            if let milliseconds = vector.milliseconds {
                let whole = duration.map { $0.components.seconds * 1000 + $0.components.attoseconds / 1_000_000_000_000_000 }
                #expect(whole == milliseconds, "\(vector.text)")
            } else {
                #expect(duration == nil, "\(vector.text)")
            }
        }
    }

    @Test func `that is a reference is resolved as RFC 3986 says`() throws {
        for vector in Specs.vectors("resources/uris.yaml", as: URIVector.self) {
            let base = try #require(URIReference(vector.base))
            let result = URIReference(vector.reference)?.resolved(against: base).description
            #expect(result == vector.result, "\(vector.reference) against \(vector.base)")
        }
    }

    @Test func `that is an age is printed as kubectl prints it`() {
        let now = Timestamp(nanoseconds: 1_795_257_000_000_000_000)
        for vector in Specs.vectors("resources/ages.yaml", as: AgeVector.self) {
            let then = Timestamp(nanoseconds: now.nanoseconds - vector.seconds * 1_000_000_000)
            #expect(AgeText.since(then, now: now) == vector.text)
        }
    }

    @Test func `that is a moment is read to the nanosecond, or refused`() {
        for vector in Specs.vectors("resources/moments.yaml", as: MomentVector.self) {
            #expect(MomentText.moment(vector.text)?.nanoseconds == vector.nanoseconds, "\(vector.text)")
        }
    }

    @Test func `that is a moment is written in UTC and read back`() {
        for days in stride(from: Int64(-100_000), through: 100_000, by: 37) {
            let moment = Timestamp(nanoseconds: (days * 86_400 + 3661) * 1_000_000_000)
            #expect(MomentText.moment(MomentText.seconds(moment)) == moment)
        }
        #expect(MomentText.seconds(Timestamp(nanoseconds: -1)) == "1969-12-31T23:59:59Z")
        #expect(MomentText.seconds(Timestamp(nanoseconds: 1_795_257_000_999_999_999)) == "2026-11-21T10:30:00Z")
    }

    @Test func `of JSON is read strictly`() throws {
        let bad = [
            "", "{", "[1,]", "{\"a\":1,}", "{\"a\":1,\"a\":2}", "01", "1.", "+1", ".5", "1e", "nul", "\"a", "\"\\x\"",
            "\"\\ud800\"",
            "\"\n\"", "[1] 2", "{a: 1}", "'a'", "NaN", "\u{FEFF}1", String(repeating: "[", count: 100_000),
        ]
        for text in bad {
            #expect(throws: FieldError.self, "\(text.prefix(20))") { _ = try JSONReader.document(Array(text.utf8)) }
        }
        #expect(throws: FieldError.self) { _ = try JSONReader.document([0x22, 0xFF, 0x22]) }
        let document = try JSONReader.document(Array(" {\"a\":\n [\"\\ud83d\\ude0a\\n\", -0.5e+3, true, null]}\n".utf8))
        #expect(document.json() == "{\"a\":[\"😊\\n\",-0.5e+3,true,null]}")
        #expect(document.line(ofPath: "a[1]") == 2)
    }
}
