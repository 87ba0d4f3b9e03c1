import CloudEvents
import NIOCore
import Specs
import Testing

@testable import ApusHTTP

struct ResponseVector: Decodable, Sendable, CustomTestStringConvertible {
    var title: String
    var bytes: String
    var head: Bool?
    var code: String?
    var status: Int?
    var framing: String?
    var keeps: Bool?
    var body: String?
    var rest: String?

    var testDescription: String { title }
}

@Suite struct `An answer` {
    @Test(arguments: Specs.vectors("http/responses.yaml", as: ResponseVector.self))
    func `is read or refused as its vector says`(_ vector: ResponseVector) throws {
        guard let code = vector.code else {
            try expectRead(vector)
            return
        }
        var scanner = ResponseHeadScanner()
        var buffer = ByteBuffer(string: vector.bytes)
        let error = #expect(throws: HTTPError.self) { _ = try scanner.scan(&buffer) }
        #expect(error?.code.rawValue == code, "\(error?.message ?? "")")
    }

    private func expectRead(_ vector: ResponseVector) throws {
        for step in [vector.bytes.utf8.count, 1] {
            var scanner = ResponseHeadScanner()
            var buffer = ByteBuffer()
            var head: ResponseHead?
            var bytes = vector.bytes.utf8[...]
            while head == nil, !bytes.isEmpty {
                buffer.writeBytes(bytes.prefix(step))
                bytes = bytes.dropFirst(step)
                head = try scanner.scan(&buffer, answersHead: vector.head ?? false)
            }
            buffer.writeBytes(bytes)
            let found = try #require(head)
            #expect(found.status == vector.status)
            #expect(name(found.framing) == vector.framing)
            #expect(found.keepsConnection == vector.keeps)
            var body: [UInt8] = []
            var reader = try BodyReader(found.framing)
            let isWhole = try reader.read(&buffer, into: &body)
            #expect(isWhole == (found.framing != .untilClose))
            #expect(String(decoding: body, as: UTF8.self) == vector.body ?? "")
            #expect(String(buffer: buffer) == vector.rest ?? "")
        }
    }
}
