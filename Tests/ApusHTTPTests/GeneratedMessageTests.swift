import CloudEvents
import NIOCore
import TestSupport
import Testing

@testable import ApusHTTP

@Suite struct `Generated messages` {
    @Test(arguments: [UInt64](1...40))
    func `come through whole, however they are cut`(_ seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        for _ in 0..<25 {
            let body = (0..<Int.random(in: 0...300, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
            let isChunked = Bool.random(using: &random)
            var bytes = head(isChunked ? nil : body.count, &random)
            bytes += isChunked ? chunks(body, &random) : body
            let rest = Array("GET /next".utf8.prefix(Int.random(in: 0...9, using: &random)))
            var cuts = random
            let read = try #require(try ReadRequest(bytes + rest) { _ in Int.random(in: 1...40, using: &cuts) })
            #expect(read.body == body, "seed \(seed)")
            #expect(read.rest == rest, "seed \(seed)")
        }
    }

    /// Damages messages at random places: whatever comes of it, nothing traps, and what is taken keeps to the rules.
    @Test(arguments: [UInt64](1...40))
    func `are refused or taken, and never worse, when bytes change`(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let suspicious = Array("\r\n\t :;,\0\u{7F}0fF+-xchunked".utf8)
        for _ in 0..<200 {
            let body = (0..<Int.random(in: 0...40, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
            let isChunked = Bool.random(using: &random)
            var bytes = head(isChunked ? nil : body.count, &random) + (isChunked ? chunks(body, &random) : body)
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[index] = suspicious[Int.random(in: 0..<suspicious.count, using: &random)]
                case 1: bytes.insert(suspicious[Int.random(in: 0..<suspicious.count, using: &random)], at: index)
                default: bytes.remove(at: index)
                }
            }
            var cuts = random
            let whole = Result { () throws(HTTPError) in try ReadRequest(bytes) { _ in bytes.count } }
            let pieces = Result { () throws(HTTPError) in
                try ReadRequest(bytes) { _ in Int.random(in: 1...9, using: &cuts) }
            }
            expectAgreement(whole, pieces, "seed \(seed)")
            if case .success(let request?) = whole { expectClean(request.head, "seed \(seed)") }
        }
    }

    private func expectAgreement(
        _ left: Result<ReadRequest?, HTTPError>, _ right: Result<ReadRequest?, HTTPError>, _ seed: Comment
    ) {
        switch (left, right) {
        case (.success(let left), .success(let right)):
            #expect(left?.body == right?.body, seed)
            #expect(left?.rest == right?.rest, seed)
        case (.failure, .failure): break
        default: Issue.record("pieces and the whole disagree: \(seed)")
        }
    }

    private func expectClean(_ head: RequestHead, _ seed: Comment) {
        for field in head.headers.fields {
            let name = head.headers.bytes[field.name]
            let value = head.headers.bytes[field.value]
            #expect(!name.isEmpty && name.allSatisfy(HTTPBytes.isToken), seed)
            #expect(value.allSatisfy(HTTPBytes.isFieldContent), seed)
        }
    }

    private func head(_ length: Int?, _ random: inout SeededRandom) -> [UInt8] {
        var lines = ["Host: h", length.map { "Content-Length: \($0)" } ?? "Transfer-Encoding: chunked"]
        for index in 0..<Int.random(in: 0...12, using: &random) {
            lines.append("X-\(index):" + String(repeating: " ", count: Int.random(in: 0...2, using: &random)) + "v\(index)")
        }
        lines.shuffle(using: &random)
        return Array(("POST /ns/name HTTP/1.1\r\n" + lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
    }

    private func chunks(_ body: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = body[...]
        while !rest.isEmpty {
            let chunk = rest.prefix(Int.random(in: 1...100, using: &random))
            rest = rest.dropFirst(chunk.count)
            let ending = Bool.random(using: &random) ? "\r\n" : ";name=\"value\"\r\n"
            bytes += Array((String(chunk.count, radix: 16) + ending).utf8) + chunk + [13, 10]
        }
        return bytes + Array((Bool.random(using: &random) ? "0\r\n\r\n" : "0\r\nTrailer: x\r\n\r\n").utf8)
    }
}

@Suite struct `A chunked body` {
    @Test func `cannot hide more in its extensions than the limit`() {
        var limits = HTTPLimits()
        limits.chunkOverheadBytesMax = 100
        var decoder = ChunkedDecoder(limits: limits)
        var body: [UInt8] = []
        var buffer = ByteBuffer(string: String(repeating: "1;xxxxxxxxx\r\na\r\n", count: 20))
        let error = #expect(throws: HTTPError.self) { try decoder.decode(&buffer, into: &body) }
        #expect(error?.code == .headTooLarge)
        #expect(body.count <= 12)
    }

    @Test func `cannot hide more in its trailers than the limit`() {
        var limits = HTTPLimits()
        limits.chunkOverheadBytesMax = 100
        var decoder = ChunkedDecoder(limits: limits)
        var body: [UInt8] = []
        var buffer = ByteBuffer(string: "0\r\n" + String(repeating: "X: y\r\n", count: 20))
        #expect(throws: HTTPError.self) { try decoder.decode(&buffer, into: &body) }
    }

    @Test func `is no larger than the limit, all chunks together`() throws {
        var limits = HTTPLimits()
        limits.bodyBytesMax = 6
        var decoder = ChunkedDecoder(limits: limits)
        var body: [UInt8] = []
        var buffer = ByteBuffer(string: "3\r\nabc\r\n3\r\ndef\r\n1\r\n")
        let error = #expect(throws: HTTPError.self) { try decoder.decode(&buffer, into: &body) }
        #expect(error?.status == 413)
        #expect(body == Array("abcdef".utf8))
    }

    @Test func `can be dropped as it comes`() throws {
        var reader = try BodyReader(.chunked)
        var body: [UInt8] = []
        var buffer = ByteBuffer(string: "3\r\nabc\r\n0\r\n\r\nrest")
        #expect(try reader.read(&buffer, into: &body, keeps: false))
        #expect(body.isEmpty)
        #expect(String(buffer: buffer) == "rest")
    }
}
