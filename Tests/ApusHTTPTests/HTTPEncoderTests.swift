import CloudEvents
import NIOCore
import Testing

@testable import ApusHTTP

@Suite struct `A written head` {
    @Test func `is read back as it was written`() throws {
        var buffer = ByteBuffer()
        HTTPEncoder.writeRequestLine("POST", target: "/a?b", host: "h:80", into: &buffer)
        HTTPEncoder.writeField("ce-id", "1", into: &buffer)
        HTTPEncoder.writeContentLength(3, into: &buffer)
        HTTPEncoder.writeEnd(into: &buffer)
        #expect(String(buffer: buffer) == "POST /a?b HTTP/1.1\r\nHost: h:80\r\nce-id: 1\r\nContent-Length: 3\r\n\r\n")
        var scanner = RequestHeadScanner()
        let head = try #require(try scanner.scan(&buffer))
        #expect(head.framing == .length(3))
        #expect(head.headers.text(of: "ce-id") == "1")
    }

    @Test func `cannot be split by a value`() throws {
        var buffer = ByteBuffer(string: "HTTP/1.1 200 OK\r\n")
        HTTPEncoder.writeField("x", "a\r\nContent-Length: 9\r\n\r\n\0é", into: &buffer)
        HTTPEncoder.writeContentLength(0, into: &buffer)
        HTTPEncoder.writeEnd(into: &buffer)
        var scanner = ResponseHeadScanner()
        let head = try #require(try scanner.scan(&buffer))
        #expect(head.framing == .none)
        #expect(head.headers.text(of: "x") == "a  Content-Length: 9     é")
    }

    @Test(arguments: [0, 7, 10, 99, 100, 1_048_576, -1, Int.max, Int.min])
    func `writes numbers in decimal`(_ number: Int) {
        var buffer = ByteBuffer()
        HTTPEncoder.writeDecimal(number, into: &buffer)
        #expect(String(buffer: buffer) == String(number))
    }

    @Test func `has a status line that is read back for every status`() throws {
        for status in 100...999 {
            var buffer = ByteBuffer()
            HTTPEncoder.writeStatusLine(status, into: &buffer)
            HTTPEncoder.writeContentLength(0, into: &buffer)
            HTTPEncoder.writeEnd(into: &buffer)
            var scanner = ResponseHeadScanner()
            #expect(try scanner.scan(&buffer)?.status == status)
        }
    }
}
