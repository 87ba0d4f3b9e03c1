import ApusHTTP
import NIOCore
import Testing

@Suite struct `An answer` {
    /// Reads `text` in pieces of `size` bytes, then lets the connection end.
    private func read(
        _ text: String, pieces size: Int = .max, _ bounds: AnswerBounds = AnswerBounds(), isHead: Bool = false
    ) throws -> (answer: HTTPAnswer?, rest: String) {
        var reader = AnswerReader(bounds, isHead: isHead)
        var buffer = ByteBuffer()
        var left = ByteBuffer(string: text)
        var answer: HTTPAnswer?
        while answer == nil, let piece = left.readSlice(length: min(size, left.readableBytes)), piece.readableBytes > 0 {
            buffer.writeImmutableBuffer(piece)
            answer = try reader.read(&buffer)
        }
        return (answer ?? reader.ended(), String(buffer: buffer) + String(buffer: left))
    }

    @Test(arguments: [1, 2, 7, Int.max]) func `is read whole in pieces of any size`(size: Int) throws {
        for (text, body) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nT: 1\r\n\r\n", "hello"),
            ("HTTP/1.1 204 No Content\r\n\r\n", ""),
            ("HTTP/1.1 202 \r\nContent-Length: 0\r\n\r\n", ""),
        ] {
            let (answer, rest) = try read(text, pieces: size)
            #expect(answer?.body == Array(body.utf8))
            #expect(answer?.keepsConnection == true)
            #expect(answer?.isTruncated == false)
            #expect(rest == "")
        }
    }

    @Test(arguments: [1, Int.max]) func `is the final one, whatever came before it`(size: Int) throws {
        let text =
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
            + "HTTP/1.1 503 No\r\nContent-Length: 1\r\n\r\nx"
        let answer = try #require(try read(text, pieces: size).answer)
        #expect(answer.status == 503)
        #expect(answer.headers.text(of: "link") == nil)
        #expect(answer.body == Array("x".utf8))
    }

    @Test func `that never comes behind interim ones is given up`() {
        let flood = String(repeating: "HTTP/1.1 100 Continue\r\n\r\n", count: 33)
        #expect(throws: HTTPError.self) { try self.read(flood) }
    }

    @Test func `101 is final, and the connection is not used again`() throws {
        let answer = try #require(try read("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n").answer)
        #expect(answer.status == 101)
        #expect(!answer.keepsConnection)
    }

    @Test(arguments: [1, Int.max]) func `ends with the connection where nothing else says where it ends`(size: Int) throws {
        let answer = try #require(try read("HTTP/1.1 200 OK\r\n\r\nall of it", pieces: size).answer)
        #expect(answer.body == Array("all of it".utf8))
        #expect(!answer.keepsConnection)
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\n", "",
    ]) func `that is cut off is none`(text: String) throws {
        #expect(try read(text).answer == nil)
    }

    @Test(arguments: [
        ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false),
        ("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", true),
        ("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", false),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true),
    ]) func `says whether the connection is kept`(text: String, isKept: Bool) throws {
        #expect(try read(text).answer?.keepsConnection == isKept)
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nF4240\r\n",
        "HTTP/1.1 200 OK\r\n\r\n",
    ]) func `that is larger than the bound counts with what was read`(head: String) throws {
        var bounds = AnswerBounds()
        bounds.readBytesMax = 1000
        bounds.keptBytesMax = 900
        let answer = try #require(try read(head + String(repeating: "x", count: 5000), pieces: 100, bounds).answer)
        #expect(answer.status == 200)
        #expect(answer.body == Array(repeating: UInt8(ascii: "x"), count: 900))
        #expect(answer.isTruncated)
        #expect(!answer.keepsConnection)
    }

    @Test func `exactly as large as the bound is whole`() throws {
        var bounds = AnswerBounds()
        bounds.readBytesMax = 1000
        let text = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + String(repeating: "x", count: 1000)
        let answer = try #require(try read(text, pieces: 100, bounds).answer)
        #expect(!answer.isTruncated)
        #expect(answer.keepsConnection)
    }

    @Test func `with an error keeps the first bytes of its body and reads the rest`() throws {
        var bounds = AnswerBounds()
        bounds.otherKeptBytesMax = 4
        let (answer, rest) = try read("HTTP/1.1 500 No\r\nContent-Length: 10\r\n\r\n0123456789", pieces: 3, bounds)
        #expect(answer?.body == Array("0123".utf8))
        #expect(answer?.keepsConnection == true)
        #expect(rest == "")
    }

    @Test func `to HEAD has no body, whatever its fields say`() throws {
        let answer = try #require(try read("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", isHead: true).answer)
        #expect(answer.body == [])
        #expect(answer.keepsConnection)
    }

    @Test func `leaves what comes behind it where it is`() throws {
        #expect(try read("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200").rest == "HTTP/1.1 200")
    }
}
