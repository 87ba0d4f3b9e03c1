import CloudEvents
import Specs
import Testing

@testable import ApusIntake

struct CatalogueEntry: Decodable, Sendable {
    var code: String
    var status: Int
    var sentence: String
    var advice: String
}

@Suite struct `The catalogue of errors` {
    let entries = Specs.vectors("errors/errors.yaml", as: CatalogueEntry.self)

    @Test func `names every code once, and no other`() {
        let codes = entries.map(\.code)
        #expect(Set(codes).count == codes.count)
        #expect(Set(codes) == Set(ErrorCode.allCases.map(\.rawValue)))
    }

    @Test func `gives each code the status that it is answered with`() {
        for entry in entries { #expect(ErrorCode(rawValue: entry.code)?.status == entry.status, "\(entry.code)") }
    }

    @Test func `says in a sentence what is wrong and what to do`() {
        for entry in entries {
            #expect(entry.sentence.hasSuffix("."), "\(entry.code)")
            #expect(entry.advice.hasSuffix("."), "\(entry.code)")
        }
    }

    @Test func `has every code of a message that is no event`() {
        for code in CloudEventError.Code.allCases {
            let refusal = IntakeRefusal(CloudEventError(code, "wrong", field: "id", index: 3))
            #expect(refusal == IntakeRefusal(ErrorCode(rawValue: code.rawValue) ?? .queueFull, "wrong", field: "id", index: 3))
        }
    }
}
