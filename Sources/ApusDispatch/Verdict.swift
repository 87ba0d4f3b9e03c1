package import ApusPorts

/// What one attempt's outcome means for the event (promises 9 and 13; knative.md item 10).
///
/// | status | verdict |
/// |---|---|
/// | 200 | delivered; with its reply where the answer is an event, failed where it claims to be one and is not |
/// | other 2xx | delivered, whatever the body says |
/// | 404, 408, 409, 429, 500 and above, no answer | tried again |
/// | 1xx, 3xx, the rest of 4xx | given up |
/// | below 100 | tried again: a code that is not in the table |
package enum Verdict: Sendable, Equatable {
    indirect case delivered(reply: EventRecord?)
    /// `after` is what the answer asked for by `Retry-After`: only 429 and 503 may.
    case retry(after: Duration?)
    /// The status says that trying again is of no use.
    case dead(status: Int)

    package init(_ outcome: Outcome) {
        guard case .answered(let answer) = outcome else {
            self = .retry(after: nil)
            return
        }
        switch answer.status {
        case 200:
            switch answer.reply {
            case .none: self = .delivered(reply: nil)
            case .event(let reply): self = .delivered(reply: reply)
            case .invalid: self = .retry(after: nil)
            }
        case 201...299: self = .delivered(reply: nil)
        case 429, 503: self = .retry(after: answer.retryAfter)
        case 404, 408, 409: self = .retry(after: nil)
        case 100...499: self = .dead(status: answer.status)
        default: self = .retry(after: nil)
        }
    }
}

/// Why an attempt failed, as a dead letter tells it: `knativeerrorcode` and `knativeerrordata` (promise 17).
package struct Failure: Sendable, Equatable {
    package var status: Int
    /// At most ``Limits/errorBodyBytesMax`` bytes.
    package var body: [UInt8]

    package init(status: Int, body: [UInt8]) {
        self.status = status
        self.body = Array(body.prefix(Limits.errorBodyBytesMax))
    }

    /// A transport error is 500 with its text; an answer that is no valid event, as it claimed to be, is 502 with the reason.
    package init(_ outcome: Outcome) {
        switch outcome {
        case .failed(let text): self.init(status: 500, body: Array(text.utf8))
        case .answered(let answer):
            if answer.status == 200, case .invalid(let sentence) = answer.reply {
                self.init(status: 502, body: Array(sentence.utf8))
            } else {
                self.init(status: answer.status, body: answer.body)
            }
        }
    }

    package init(_ error: LogError) { self.init(status: 500, body: Array("The reply could not be stored: \(error)".utf8)) }
}
