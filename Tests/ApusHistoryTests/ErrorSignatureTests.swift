import ApusHistory
import CloudEvents
import Specs
import TestSupport
import Testing

@Suite struct `An error's signature` {
    private struct Vector: Decodable, Sendable {
        let name: String
        let status: Int
        let body: String?
        let bodyBase64: String?
        let signature: String
    }

    @Test func `is what its vectors say`() throws {
        let vectors = Specs.vectors("history/signatures.yaml", as: Vector.self)
        #expect(vectors.count > 20)
        for vector in vectors {
            let bytes = try vector.bodyBase64.map { try #require(Base64.decode($0.utf8)) } ?? Array((vector.body ?? "").utf8)
            let signature = ErrorSignature(status: vector.status, body: bytes)
            #expect(signature.description == vector.signature, "\(vector.name)")
            #expect(signature.text.unicodeScalars.count <= ErrorSignature.scalarsMax, "\(vector.name)")
        }
    }

    @Test func `of any bytes is short, one line, and the same again`() {
        var generator = SeededRandom(seed: 7)
        for _ in 0..<2_000 {
            let count = Int(generator.next() % 80)
            let alphabet = Array("\"'`0123456789abcdefXYZ:.-_/ \t\r\n{}<>\u{E9}".utf8) + [0xFF, 0x00]
            let bytes = (0..<count).map { _ in alphabet[Int(generator.next() % UInt64(alphabet.count))] }
            let text = ErrorSignature(status: 500, body: bytes).text
            #expect(text.unicodeScalars.count <= ErrorSignature.scalarsMax)
            #expect(!text.unicodeScalars.contains { $0 == "\n" || $0 == "\r" || $0 == "\t" })
            #expect(!text.hasPrefix(" ") && !text.hasSuffix(" ") && !text.contains("  "))
            #expect(ErrorSignature(status: 500, body: bytes).text == text)
        }
    }
}
