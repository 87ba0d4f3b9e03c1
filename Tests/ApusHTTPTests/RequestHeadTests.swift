import CloudEvents
import NIOCore
import Specs
import Testing

@testable import ApusHTTP

struct RequestVector: Decodable, Sendable, CustomTestStringConvertible {
    var title: String
    var bytes: String
    var status: Int?
    var method: String?
    var path: String?
    var framing: String?
    var keeps: Bool?
    var expects: Bool?
    var body: String?
    var rest: String?

    var testDescription: String { title }

    static let all = Specs.vectors("http/requests.yaml", as: RequestVector.self)
}

/// What a whole request came to: read in pieces as long as `step` says.
struct ReadRequest {
    var head: RequestHead
    var body: [UInt8]
    var rest: [UInt8]

    init?(_ bytes: [UInt8], step: (Int) -> Int) throws(HTTPError) {
        var scanner = RequestHeadScanner()
        var buffer = ByteBuffer()
        var position = 0
        var head: RequestHead?
        var reader: BodyReader?
        var body: [UInt8] = []
        var isWhole = false
        repeat {
            let length = min(max(1, step(position)), bytes.count - position)
            buffer.writeBytes(bytes[position..<(position + length)])
            position += length
            if head == nil, let found = try scanner.scan(&buffer) {
                head = found
                reader = try BodyReader(found.framing)
            }
            if var current = reader {
                isWhole = try current.read(&buffer, into: &body)
                reader = current
            }
        } while position < bytes.count && !isWhole
        guard let head, isWhole else { return nil }
        self.head = head
        self.body = body
        rest = Array(buffer.readableBytesView) + bytes[position...]
    }
}

@Suite struct `A request` {
    @Test(arguments: RequestVector.all)
    func `is read or refused as its vector says`(_ vector: RequestVector) throws {
        let bytes = Array(vector.bytes.utf8)
        guard let status = vector.status else {
            let request = try #require(try ReadRequest(bytes) { _ in bytes.count })
            expect(request, vector)
            return
        }
        let error = #expect(throws: HTTPError.self) { _ = try ReadRequest(bytes) { _ in bytes.count } }
        #expect(error?.status == status, "\(error?.message ?? "")")
    }

    @Test func `is read the same byte by byte`() throws {
        for vector in RequestVector.all {
            let bytes = Array(vector.bytes.utf8)
            let whole = Result { () throws(HTTPError) in try ReadRequest(bytes) { _ in bytes.count } }
            let pieces = Result { () throws(HTTPError) in try ReadRequest(bytes) { _ in 1 } }
            switch (whole, pieces) {
            case (.success(let left), .success(let right)):
                #expect(left?.body == right?.body, "\(vector.title)")
                #expect(left?.rest == right?.rest, "\(vector.title)")
                #expect(left?.head.headers.fields == right?.head.headers.fields, "\(vector.title)")
            case (.failure(let left), .failure(let right)):
                #expect(left.status == right.status, "\(vector.title)")
            default: Issue.record("\(vector.title): pieces and the whole disagree")
            }
        }
    }

    private func expect(_ request: ReadRequest, _ vector: RequestVector) {
        let head = request.head
        if let method = vector.method { #expect("\(head.method)" == method) }
        if let path = vector.path { #expect(text(head, head.path) == path) }
        if let keeps = vector.keeps { #expect(head.keepsConnection == keeps) }
        if let expects = vector.expects { #expect(head.expectsContinue == expects) }
        if let framing = vector.framing { #expect(name(head.framing) == framing) }
        #expect(String(decoding: request.body, as: UTF8.self) == vector.body ?? "")
        #expect(String(decoding: request.rest, as: UTF8.self) == vector.rest ?? "")
    }

    private func text(_ head: RequestHead, _ range: Range<Int>) -> String {
        String(decoding: head.headers.bytes[range], as: UTF8.self)
    }
}

/// A framing as the vectors write it.
func name(_ framing: BodyFraming) -> String {
    switch framing {
    case .none: "none"
    case .length(let length): "\(length)"
    case .chunked: "chunked"
    case .untilClose: "close"
    }
}

@Suite struct `A head` {
    private func scan(_ text: String, _ limits: HTTPLimits = HTTPLimits()) throws(HTTPError) -> RequestHead? {
        var scanner = RequestHeadScanner(limits: limits)
        var buffer = ByteBuffer(string: text)
        return try scanner.scan(&buffer)
    }

    @Test func `finds its fields in any case of letters`() throws {
        let head = try #require(try scan("POST / HTTP/1.1\r\nHOST: h\r\nCe-Id: A b\r\nce-id: 2\r\n\r\n"))
        #expect(head.headers.text(of: "host") == "h")
        #expect(head.headers.text(of: "ce-id") == "A b")
        #expect(head.headers.first(named: "ce-i") == nil)
        #expect(head.headers.has("ce-id", "a b"))
        #expect(!head.headers.has("ce-id", "a"))
    }

    @Test func `leaves what follows it in the buffer`() throws {
        var scanner = RequestHeadScanner()
        var buffer = ByteBuffer(string: "GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\nGE")
        for path in ["/a", "/b"] {
            let head = try #require(try scanner.scan(&buffer))
            #expect(String(decoding: head.headers.bytes[head.path], as: UTF8.self) == path)
        }
        #expect(try scanner.scan(&buffer) == nil)
        #expect(buffer.readableBytes == 2)
    }

    @Test func `of too many bytes is refused before it is whole`() throws {
        var limits = HTTPLimits()
        limits.headBytesMax = 64
        let whole = "GET / HTTP/1.1\r\nHost: h\r\nX: " + String(repeating: "x", count: 32) + "\r\n\r\n"
        #expect(whole.utf8.count == 64)
        #expect(try scan(whole, limits) != nil)
        #expect(throws: HTTPError.self) {
            try scan("GET / HTTP/1.1\r\nHost: h\r\nX: " + String(repeating: "x", count: 37), limits)
        }
        let error = #expect(throws: HTTPError.self) {
            try scan("GET / HTTP/1.1\r\nHost: h\r\nX: " + String(repeating: "x", count: 33) + "\r\n\r\n", limits)
        }
        #expect(error?.code == .headTooLarge)
        #expect(error?.status == 431)
    }

    @Test func `of too many fields is refused`() throws {
        var limits = HTTPLimits()
        limits.headFieldsMax = 3
        #expect(try scan("GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 2\r\n\r\n", limits) != nil)
        let error = #expect(throws: HTTPError.self) {
            try scan("GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n", limits)
        }
        #expect(error?.status == 431)
    }

    @Test func `with a target that is too long is refused`() throws {
        var limits = HTTPLimits()
        limits.targetBytesMax = 4
        #expect(try scan("GET /abc HTTP/1.1\r\nHost: h\r\n\r\n", limits) != nil)
        let error = #expect(throws: HTTPError.self) { try scan("GET /abcd HTTP/1.1\r\nHost: h\r\n\r\n", limits) }
        #expect(error?.status == 414)
    }
}
