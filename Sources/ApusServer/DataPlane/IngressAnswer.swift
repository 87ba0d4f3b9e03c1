import ApusHTTP
import ApusIntake
import ApusPorts
import NIOCore

/// An answer of the data plane, and how it stands on the wire.
enum IngressAnswer: Sendable {
    case accepted(Accepted)
    case options
    case healthy
    case ready(Bool)
    case refused(IntakeRefusal)
}

/// What of its request an answer has to know.
struct AnswerForm: Sendable {
    /// Says so, and the connection closes behind it.
    var closes = false
    /// HTTP/1.0 has to be told that the connection stays.
    var saysKeepAlive = false
    /// An answer to HEAD has the head alone.
    var omitsBody = false
}

extension IngressAnswer {
    /// Writes the answer whole.
    func write(_ form: AnswerForm, into buffer: inout ByteBuffer) {
        switch self {
        case .accepted(let accepted):
            buffer.writeStaticString("HTTP/1.1 202 Accepted\r\n")
            if let position = accepted.position {
                buffer.writeStaticString("Apus-Position: ")
                HTTPEncoder.writeDecimal(Int(position.lane), into: &buffer)
                buffer.writeStaticString(":")
                HTTPEncoder.writeDecimal(Int(position.offset), into: &buffer)
                buffer.writeStaticString("\r\n")
            }
            HTTPEncoder.writeField("Apus-Matched: ", accepted.matched, into: &buffer)
            Self.writeEnd(form, body: [], into: &buffer)
        case .options:
            buffer.writeStaticString(
                """
                HTTP/1.1 200 OK\r\nAllow: POST, OPTIONS\r\nWebHook-Allowed-Origin: *\r\nWebHook-Allowed-Rate: *\r\n
                """)
            Self.writeEnd(form, body: [], into: &buffer)
        case .healthy: Self.writeText(200, "ok\n", form, into: &buffer)
        case .ready(true): Self.writeText(200, "ready\n", form, into: &buffer)
        case .ready(false): Self.writeText(503, "not ready\n", form, into: &buffer)
        case .refused(let refusal): Self.write(refusal, form, into: &buffer)
        }
    }

    private static func write(_ refusal: IntakeRefusal, _ form: AnswerForm, into buffer: inout ByteBuffer) {
        HTTPEncoder.writeStatusLine(refusal.code.status, into: &buffer)
        if refusal.code == .methodNotAllowed { buffer.writeStaticString("Allow: POST, OPTIONS\r\n") }
        if let seconds = refusal.retryAfterSeconds { HTTPEncoder.writeField("Retry-After: ", seconds, into: &buffer) }
        buffer.writeStaticString("Content-Type: application/json\r\n")
        writeEnd(form, body: RefusalBody.json(refusal), into: &buffer)
    }

    private static func writeText(_ status: Int, _ text: String, _ form: AnswerForm, into buffer: inout ByteBuffer) {
        HTTPEncoder.writeStatusLine(status, into: &buffer)
        buffer.writeStaticString("Content-Type: text/plain; charset=utf-8\r\n")
        writeEnd(form, body: Array(text.utf8), into: &buffer)
    }

    private static func writeEnd(_ form: AnswerForm, body: [UInt8], into buffer: inout ByteBuffer) {
        if form.closes {
            buffer.writeStaticString("Connection: close\r\n")
        } else if form.saysKeepAlive {
            buffer.writeStaticString("Connection: keep-alive\r\n")
        }
        HTTPEncoder.writeContentLength(body.count, into: &buffer)
        HTTPEncoder.writeEnd(into: &buffer)
        if !form.omitsBody { buffer.writeBytes(body) }
    }
}

/// The body of a refusal: `{"error": CODE, "message": SENTENCE, "field": PATH?, "index": N?}` (promise 5).
enum RefusalBody {
    static func json(_ refusal: IntakeRefusal) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(160)
        bytes += #"{"error":"#.utf8
        append(refusal.code.rawValue, to: &bytes)
        bytes += #","message":"#.utf8
        append(refusal.message, to: &bytes)
        if let field = refusal.field {
            bytes += #","field":"#.utf8
            append(field, to: &bytes)
        }
        if let index = refusal.index { bytes += ",\"index\":\(index)".utf8 }
        bytes += "}\n".utf8
        return bytes
    }

    /// A JSON string (RFC 8259, section 7).
    private static func append(_ text: String, to bytes: inout [UInt8]) {
        let digits = Array("0123456789abcdef".utf8)
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            case 0..<32: bytes += Array("\\u00".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
