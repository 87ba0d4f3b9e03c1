import ApusHTTP
import ApusPorts
import CloudEvents

/// What an answer says to the dispatcher: `Retry-After`, the first bytes of its body, a reply (promises 10, 13 and 17).
///
/// Whether a status means delivered is not judged here.
enum AnswerRecord {
    static func read(_ answer: HTTPAnswer, wantsReply: Bool, trace: SentTrace?, now: @autoclosure () -> Timestamp) -> Answer {
        let retryAfter = answer.headers.value(of: "retry-after").flatMap { RetryAfter.duration($0, now: now()) }
        let body = answer.body.count > Limits.errorBodyBytesMax ? Array(answer.body[..<Limits.errorBodyBytesMax]) : answer.body
        return Answer(
            status: answer.status, body: body, retryAfter: retryAfter, reply: wantsReply ? reply(answer, trace) : .none)
    }

    /// A reply stands in a 200 only. Another 2xx that claims to be an event is held to its claim, except a 202, which never
    /// carries one (knative.md items 17 and 18).
    private static func reply(_ answer: HTTPAnswer, _ trace: SentTrace?) -> Answer.Reply {
        guard (200..<300).contains(answer.status), answer.status != 202 else { return .none }
        let mediaType = answer.headers.value(of: "content-type") ?? []
        let isClaimed = begins(mediaType, with: JSONFormat.mediaTypePrefix)
        guard isClaimed || (answer.status == 200 && answer.headers.first(named: "ce-specversion") != nil) else { return .none }
        if answer.status != 200, answer.body.isEmpty { return .none }
        guard !begins(mediaType, with: JSONFormat.batchPrefix) else {
            return answer.status == 200 ? .invalid("a batch cannot be a reply: answer with one event") : .none
        }
        guard !answer.isTruncated else {
            return .invalid("the reply is larger than \(Limits.responseBytesMax) bytes")
        }
        do {
            let message = try HTTPBinding.decode(headers: answer.headers, body: answer.body)
            guard answer.status == 200, let event = message.events.first else { return .none }
            return .event(record(event, of: message, answer, trace))
        } catch {
            return isClaimed ? .invalid("the reply is no valid CloudEvent: \(error.message)") : .none
        }
    }

    private static func record(
        _ event: DecodedMessage.Event, of message: DecodedMessage, _ answer: HTTPAnswer, _ trace: SentTrace?
    ) -> EventRecord {
        var attributes = event.attributes
        // Promise 7: a reply inherits its hops, whatever it says itself.
        attributes.remove(HopCount.attribute)
        var headers = ForwardedHeader.travelling(in: answer.headers)
        if let trace {
            var parent: [UInt8] = []
            trace.appendParent(to: &parent)
            headers.append(ForwardedHeader(name: "traceparent", value: String(decoding: parent, as: UTF8.self)))
            if let state = trace.state { headers.append(ForwardedHeader(name: "tracestate", value: state)) }
        }
        let body = event.range == answer.body.indices ? answer.body : Array(answer.body[event.range])
        return EventRecord(
            attributes: attributes, mode: message.mode, contentType: message.contentType, body: body, headers: headers)
    }

    private static func begins(_ bytes: ArraySlice<UInt8>, with prefix: StaticString) -> Bool {
        prefix.withUTF8Buffer { prefix in
            bytes.count >= prefix.count
                && zip(bytes, prefix).allSatisfy { byte, letter in
                    ((UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte) == letter
                }
        }
    }
}

extension JSONFormat {
    /// What every CloudEvents media type begins with (HTTP protocol binding, section 3).
    fileprivate static let mediaTypePrefix: StaticString = "application/cloudevents"
    fileprivate static let batchPrefix: StaticString = "application/cloudevents-batch"
}

extension ForwardedHeader {
    /// The fields of a message that travel with its event (knative.md, item 31). A value that is no UTF-8 stays behind.
    static func travelling(in headers: HeaderBlock) -> [ForwardedHeader] {
        var travelling: [ForwardedHeader] = []
        for field in headers.fields {
            let name = String(decoding: headers.bytes[field.name], as: UTF8.self).lowercased()
            guard name == "x-request-id" || name == "retry-after" || name.hasPrefix("knative-") || name.hasPrefix("x-b3-"),
                let value = String(validating: headers.bytes[field.value], as: UTF8.self)
            else { continue }
            travelling.append(ForwardedHeader(name: name, value: value))
        }
        return travelling
    }
}
