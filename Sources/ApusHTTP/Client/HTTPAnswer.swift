package import CloudEvents
package import NIOCore

/// What is asked of a peer: the head whole, with the empty line that ends it, and the body.
package struct HTTPRequest: Sendable {
    package var head: [UInt8]
    package var body: [UInt8]
    /// Whether the method is HEAD, whose answer has no body whatever its fields say.
    package var isHead: Bool
    /// How much of the answer's body is read and kept.
    package var reading: AnswerBounds

    package init(head: [UInt8], body: [UInt8] = [], isHead: Bool = false, reading: AnswerBounds = AnswerBounds()) {
        self.head = head
        self.body = body
        self.isHead = isHead
        self.reading = reading
    }
}

/// How much of an answer's body is read, and how much of it is kept.
package struct AnswerBounds: Sendable {
    /// Bytes of a body that are read; the answer counts with what was read until then, and its connection is closed.
    package var readBytesMax = 1_048_576
    /// Bytes that are kept of the body of an answer with a status of 2xx.
    package var keptBytesMax = 1_048_576
    /// Bytes that are kept of the body of any other answer.
    package var otherKeptBytesMax = 1_048_576

    package init() {}
}

/// The final answer of an exchange.
package struct HTTPAnswer: Sendable {
    package var status: Int
    package var headers: HeaderBlock
    /// What was kept of the body (``AnswerBounds``).
    package var body: [UInt8]
    /// Whether the body went on beyond what was read.
    package var isTruncated: Bool
    /// Whether another exchange may follow on the connection.
    package var keepsConnection: Bool
}

/// Why no whole answer came, as a sentence.
package struct HTTPFailure: Error, Sendable, Equatable, CustomStringConvertible {
    package var message: String
    package var description: String { message }

    package init(_ message: String) { self.message = message }
}

/// Reads the answer to one request from a stream of bytes: interim answers are skipped, the body is read by its framing and its
/// bounds (RFC 9110, section 15; RFC 9112, section 6.3).
package struct AnswerReader: Sendable {
    private enum State: Sendable {
        case head
        case body(ResponseHead, BodyReader)
        case done
    }

    /// A peer may send interim answers (1xx) before the final one; this many at most.
    static let interimAnswersMax = 32

    private let bounds: AnswerBounds
    private let isHead: Bool
    private var scanner = ResponseHeadScanner()
    private var state = State.head
    private var interimAnswers = 0
    private var body: [UInt8] = []
    private var bodyBytesRead = 0

    package init(_ bounds: AnswerBounds, isHead: Bool = false) {
        self.bounds = bounds
        self.isHead = isHead
    }

    /// Takes what is there from `buffer`. Gives the answer once it is whole; bytes behind it stay in `buffer`.
    package mutating func read(_ buffer: inout ByteBuffer) throws(HTTPError) -> HTTPAnswer? {
        while true {
            switch state {
            case .head:
                guard let head = try scanner.scan(&buffer, answersHead: isHead) else { return nil }
                // 101 was not asked for and ends what is HTTP here: it is the final answer, and the connection goes.
                if head.status < 200, head.status != 101 {
                    interimAnswers += 1
                    guard interimAnswers <= Self.interimAnswersMax else {
                        throw HTTPError(.headTooLarge, "More than \(Self.interimAnswersMax) interim answers came.")
                    }
                    continue
                }
                // The reader of bodies refuses what is too large; here it is cut off, so the bound is kept by `readBody`.
                var limits = HTTPLimits()
                limits.bodyBytesMax = .max
                state = .body(head, try BodyReader(head.framing, limits: limits))
            case .body(let head, var reader):
                state = .done
                let isWhole = try readBody(&buffer, &reader, kept: kept(head))
                if isWhole { return answer(head) }
                guard bodyBytesRead < bounds.readBytesMax else { return answer(head, isTruncated: true) }
                state = .body(head, reader)
                return nil
            case .done: return nil
            }
        }
    }

    /// The connection has ended. Gives the answer where its body ends so.
    package mutating func ended() -> HTTPAnswer? {
        guard case .body(let head, _) = state, head.framing == .untilClose else { return nil }
        state = .done
        return answer(head)
    }

    private func kept(_ head: ResponseHead) -> Int {
        (200..<300).contains(head.status) ? bounds.keptBytesMax : bounds.otherKeptBytesMax
    }

    private mutating func readBody(
        _ buffer: inout ByteBuffer, _ reader: inout BodyReader, kept: Int
    ) throws(HTTPError) -> Bool {
        let before = buffer.readableBytes
        let isWhole = try reader.read(&buffer, into: &body, keeps: body.count < kept)
        bodyBytesRead += before - buffer.readableBytes
        if body.count > kept { body.removeLast(body.count - kept) }
        return isWhole
    }

    private mutating func answer(_ head: ResponseHead, isTruncated: Bool = false) -> HTTPAnswer {
        defer { body = [] }
        return HTTPAnswer(
            status: head.status, headers: head.headers, body: body, isTruncated: isTruncated,
            keepsConnection: head.keepsConnection && !isTruncated && head.status != 101)
    }
}
