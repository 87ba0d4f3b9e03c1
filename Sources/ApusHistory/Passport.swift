package import ApusPorts
package import CloudEvents

/// What became of one event: where it came from, what every trigger made of it, and its replies, as a tree (promise 22).
package struct Passport: Sendable, Equatable {
    package var namespace: String
    package var broker: String
    package var position: Position
    package var appendedAt: Timestamp
    package var id: String
    package var source: String
    package var type: String
    /// In which mode it came.
    package var mode: ContentMode
    /// How many it has left.
    package var hops: UInt8
    /// What it is a reply to; nil where a producer sent it.
    package var cause: Cause?
    /// The events that led to it, the first cause first: told of the event that was asked for, and not of its replies.
    package var ancestors: [Ancestor] = []
    /// Every trigger that the broker has, and removed ones that tried it.
    package var triggers: [TriggerPassport]
    /// Triggers that filtered it out and are not listed: of replies, those that had nothing to do with it are only counted.
    package var unlisted = 0
    /// Replays that sent it.
    package var replays: [ReplayPassport]

    package struct Ancestor: Sendable, Equatable {
        package var position: Position
        /// Whose subscriber replied.
        package var trigger: String
        /// nil where the log does not have it any more.
        package var id: String?

        package init(position: Position, trigger: String, id: String?) {
            self.position = position
            self.trigger = trigger
            self.id = id
        }
    }
}

/// What one trigger made of an event.
package struct TriggerPassport: Sendable, Equatable {
    package enum Verdict: String, Sendable, CaseIterable {
        case delivered
        /// Delivered, and the subscriber answered with an event.
        case replied
        /// Its filter said no.
        case filtered
        case retrying
        /// An attempt is being made now.
        case trying
        case waiting
        case dead
        /// Delivered, and the reply had no hops left.
        case looped
        /// It came before the trigger began.
        case notBegun = "not-begun"
        /// The filter in force was not asked about it.
        case earlierFilter = "earlier-filter"
        /// Delivered, as far as the cursor tells; what is known of it was lost to a crash.
        case detailsLost = "details-lost"
        /// The trigger was removed before it was done with it.
        case removed
    }

    package var name: String
    /// The trigger is not there any more.
    package var isRemoved = false
    package var verdict: Verdict
    /// Why, in a sentence without its subject.
    package var reason: String
    /// Every attempt that is known, in order.
    package var attempts: [DeliveryTrace] = []
    /// How many there may be; nil where the trigger is removed.
    package var attemptsMax: Int?
    package var nextAttemptAt: Timestamp?
    package var reply: ReplyPassport?
    package var letter: LetterPassport?
    /// Commands and changes that help.
    package var hints: [String] = []

    package init(name: String, verdict: Verdict, reason: String) {
        self.name = name
        self.verdict = verdict
        self.reason = reason
    }
}

/// The event that a subscriber answered with.
package enum ReplyPassport: Sendable, Equatable {
    case event(Passport)
    /// It is not followed further: the sentence says why.
    case notFollowed(Position, String)
}

/// The dead letter that an event became.
package struct LetterPassport: Sendable, Equatable {
    /// In the dead stream.
    package var position: Position
    /// nil where the dead stream does not have it any more.
    package var letter: DeadLetter?
    package var mark: DeadLetterMark?
    /// Where dead letters of the trigger go; nil where it has no sink.
    package var sink: String?
    /// Attempts at the sink.
    package var sinkAttempts: [DeliveryTrace] = []
    package var redrives: [ReplayPassport] = []

    package init(position: Position, letter: DeadLetter?, mark: DeadLetterMark?, sink: String?) {
        self.position = position
        self.letter = letter
        self.mark = mark
        self.sink = sink
    }
}

/// What one replay, or one redrive, did with the event.
package struct ReplayPassport: Sendable, Equatable {
    package var name: String
    /// To whom; nil for a replay to a URL, or a redrive.
    package var trigger: String?
    package var attempts: [DeliveryTrace]
    package var reply: ReplyPassport?

    /// One for each replay's reader among the traces, in the order in which they came.
    static func all(_ traces: [DeliveryTrace]) -> [ReplayPassport] {
        var found: [ReplayPassport] = []
        for trace in traces {
            guard let reader = ReplayReader(trace.reader) else { continue }
            if let index = found.firstIndex(where: { $0.name == reader.name && $0.trigger == reader.trigger }) {
                found[index].attempts.append(trace)
            } else {
                found.append(ReplayPassport(name: reader.name, trigger: reader.trigger, attempts: [trace]))
            }
        }
        return found
    }

    /// How it ended, in a sentence without its subject.
    package var reason: String {
        guard let last = attempts.last else { return "sent" }
        return switch last.ending {
        case .delivered: "delivered at \(PassportSentence.ordinal(last.attempt)) attempt"
        case .replied(let position): "delivered, and its reply came in as \(position)"
        case .retry(let dueAt):
            "\(PassportSentence.failure(last)), and the next attempt is due at \(PassportSentence.time(dueAt))"
        case .dead(let position): "gave up after \(PassportSentence.attempts(last.attempt)): dead letter \(position)"
        case .abandoned: "gave up after \(PassportSentence.attempts(last.attempt)): \(PassportSentence.failure(last))"
        }
    }
}

/// A replay's reader by its name (``ReaderName/replay(_:trigger:)``).
private struct ReplayReader {
    var name: String
    var trigger: String?

    init?(_ reader: ReaderName) {
        let parts = reader.split(separator: "/", maxSplits: 2).map(String.init)
        guard parts.count >= 2, parts[0] == "replay" else { return nil }
        name = parts[1]
        trigger = parts.count == 3 ? parts[2] : nil
    }
}
