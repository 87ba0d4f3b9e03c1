import ApusPorts
package import ApusResources
import CloudEvents

extension Passport {
    /// As the API gives it.
    package var document: DocumentNode {
        .mapping([
            ("summary", .string(summary)), ("namespace", .string(namespace)), ("broker", .string(broker)),
            ("position", .string("\(position)")), ("time", .string(appendedAt.rfc3339)), ("id", .string(id)),
            ("source", .string(source)), ("type", .string(type)), ("mode", .string(mode.name)), ("hops", .integer(hops)),
            (
                "cause",
                cause.map { .mapping([("trigger", .string($0.trigger)), ("position", .string("\($0.position)"))]) }
            ),
            ("ancestors", ancestors.isEmpty ? nil : .sequence(ancestors.map(\.document))),
            ("triggers", .sequence(triggers.map(\.document))), ("unlisted", unlisted == 0 ? nil : .integer(unlisted)),
            ("replays", replays.isEmpty ? nil : .sequence(replays.map(\.document))),
        ])
    }
}

extension Passport.Ancestor {
    fileprivate var document: DocumentNode {
        .mapping([
            ("position", .string("\(position)")), ("trigger", .string(trigger)), ("id", id.map { .string($0) }),
        ])
    }
}

extension TriggerPassport {
    fileprivate var document: DocumentNode {
        .mapping([
            ("name", .string(name)), ("removed", isRemoved ? .boolean(true) : nil), ("verdict", .string(verdict.rawValue)),
            ("reason", .string(reason)), ("attemptsMax", attemptsMax.map { .integer($0) }),
            ("attempts", attempts.isEmpty ? nil : .sequence(attempts.map(\.document))),
            ("nextAttemptAt", nextAttemptAt.map { .string($0.rfc3339) }), ("reply", reply?.document),
            ("deadLetter", letter?.document), ("hints", hints.isEmpty ? nil : .sequence(hints.map { .string($0) })),
        ])
    }
}

extension ReplyPassport {
    fileprivate var document: DocumentNode {
        switch self {
        case .event(let passport): passport.document
        case .notFollowed(let position, let why):
            .mapping([("position", .string("\(position)")), ("notFollowed", .string(why))])
        }
    }
}

extension LetterPassport {
    fileprivate var document: DocumentNode {
        .mapping([
            ("position", .string("\(position)")), ("reason", letter.map { .string($0.reason.rawValue) }),
            ("attempts", letter.map { .integer($0.attempts) }), ("status", letter.map { .integer($0.status) }),
            ("text", letter.map { .string(PassportSentence.line($0.body)) }),
            ("destination", letter.map { .string($0.destination) }), ("sink", sink.map { .string($0) }),
            ("sinkAttempts", sinkAttempts.isEmpty ? nil : .sequence(sinkAttempts.map(\.document))),
            ("fate", fate.map { .string($0) }), ("mark", mark?.document),
            ("redrives", redrives.isEmpty ? nil : .sequence(redrives.map(\.document))),
        ])
    }

    /// What became of the dead letter itself, in a sentence without its subject; nil where nothing did.
    package var fate: String? {
        if letter == nil { return "the dead stream does not have it any more" }
        return [redriven, sunk].compactMap { $0 }.joined(separator: "; ").nonEmpty
    }

    private var redriven: String? {
        guard let mark else { return nil }
        let on = PassportSentence.time(mark.at)
        return switch mark.state {
        case .redriven: "redriven by \(mark.replay ?? "a replay") on \(on)"
        case .failed: "redriven by \(mark.replay ?? "a replay") on \(on), and failed again"
        case .sinkFailed: "its dead letter sink gave up on it on \(on)"
        case .edited:
            "a changed copy was made on \(on)" + (mark.copy.map { ", which is dead letter \(Position(offset: $0))" } ?? "")
        case .copied: "it is a changed copy" + (mark.original.map { " of dead letter \(Position(offset: $0))" } ?? "")
        case .purged: "purged on \(on)"
        }
    }

    private var sunk: String? {
        guard let sink, mark?.state != .sinkFailed else { return nil }
        guard let last = sinkAttempts.last else { return "its dead letter sink \(sink) has not got it yet" }
        return switch last.ending {
        case .delivered, .replied: "its dead letter sink \(sink) took it"
        case .retry(let due):
            "its dead letter sink \(sink) is tried again at \(PassportSentence.time(due)): the last attempt met "
                + PassportSentence.failure(last)
        case .dead, .abandoned: "its dead letter sink \(sink) gave up on it: \(PassportSentence.failure(last))"
        }
    }
}

extension ReplayPassport {
    fileprivate var document: DocumentNode {
        .mapping([
            ("name", .string(name)), ("trigger", trigger.map { .string($0) }), ("reason", .string(reason)),
            ("attempts", .sequence(attempts.map(\.document))), ("reply", reply?.document),
        ])
    }
}

extension ContentMode {
    fileprivate var name: String {
        switch self {
        case .binary: "binary"
        case .structured: "structured"
        case .batched: "batched"
        }
    }
}

extension String {
    fileprivate var nonEmpty: String? { isEmpty ? nil : self }
}
