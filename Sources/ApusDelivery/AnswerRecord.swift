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
        // What every CloudEvents media type begins with (HTTP protocol binding, section 3).
        let isClaimed = answer.headers.has("content-type", beginningWith: "application/cloudevents")
        guard isClaimed || (answer.status == 200 && answer.headers.first(named: "ce-specversion") != nil) else { return .none }
        if answer.status != 200, answer.body.isEmpty { return .none }
        guard !answer.headers.has("content-type", beginningWith: "application/cloudevents-batch") else {
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
        attributes.remove(EventRecord.hopsAttribute)
        var headers = ForwardedHeader.travelling(in: answer.headers, withTrace: false)
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
}
