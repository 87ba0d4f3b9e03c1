import ApusPorts
package import ApusResources
package import CloudEvents

/// How far a replay is, for status and for people. It is also what is durable of a replay besides its readers' rows, under
/// ``StateKey/replay(_:)``, written in one change with them.
package struct ReplayProgress: Sendable, Equatable {
    /// Of the replay's resource: an entry of another is none of ours.
    package var uid: String
    package var state: ReplayState
    /// The bounds as they were resolved at the start.
    package var from: Int64
    package var until: Int64
    /// Everything before it has its outcome, or was not wanted, by each of the replay's readers.
    package var next: Int64
    /// Records that were looked at, by whichever reader was first.
    package var scanned = 0
    /// Deliveries that were asked for: a record that two triggers want counts twice. Some may have no outcome yet.
    package var matched = 0
    /// Deliveries that were accepted.
    package var delivered = 0
    /// Deliveries that were given up: dead letters, or redrives that failed.
    package var failed = 0
    /// Records whose bytes are damaged; they were passed.
    package var damaged = 0
    /// Dead letters that were meant and cannot be redriven: unreadable ones, and those whose trigger is gone.
    package var leftOut = 0
    /// What went wrong, or what it waits for, as a sentence.
    package var message: String?
    package var startedAt: Timestamp
    package var endedAt: Timestamp?
    /// Whether what it reads is gone, so that going on is of no use and nothing needs to be kept for it.
    var isBroken = false
    /// The first offset that no reader has looked at.
    var front: Int64

    init(uid: String, from: Int64, until: Int64, startedAt: Timestamp) {
        self.uid = uid
        state = .pending
        self.from = from
        self.until = until
        next = from
        front = from
        self.startedAt = startedAt
    }

    /// Whether it ended for good. One that failed may go on.
    var isOver: Bool { state == .completed || state == .cancelled }

    /// A reader has come past a record. Each counts once, whoever comes after.
    mutating func saw(_ item: ReplayItem) {
        guard item.offset >= front else { return }
        front = item.offset + 1
        switch item.choice {
        case .damaged: damaged += 1
        case .leftOut:
            scanned += 1
            leftOut += 1
        case .taken, .passed: scanned += 1
        }
    }
}

// MARK: As it is kept

extension ReplayProgress {
    /// nil where it is none, or of a version that this build does not know.
    init?(_ value: [UInt8]) {
        guard let document = try? JSONReader.document(value), let uid = document["uid"]?.text,
            let state = document["state"]?.text.flatMap(ReplayState.init), let from: Int64 = document["from"]?.wholeNumber(),
            let until: Int64 = document["until"]?.wholeNumber(), let next: Int64 = document["next"]?.wholeNumber(),
            let front: Int64 = document["front"]?.wholeNumber(),
            let startedAt = document["startedAt"]?.text.flatMap(MomentText.moment)
        else { return nil }
        self.init(uid: uid, from: from, until: until, startedAt: startedAt)
        self.state = state
        self.next = next
        self.front = front
        scanned = document["scanned"]?.wholeNumber() ?? 0
        matched = document["matched"]?.wholeNumber() ?? 0
        delivered = document["delivered"]?.wholeNumber() ?? 0
        failed = document["failed"]?.wholeNumber() ?? 0
        damaged = document["damaged"]?.wholeNumber() ?? 0
        leftOut = document["leftOut"]?.wholeNumber() ?? 0
        message = document["message"]?.text
        endedAt = document["endedAt"]?.text.flatMap(MomentText.moment)
        isBroken = document["broken"]?.content == .boolean(true)
    }

    var value: [UInt8] {
        let document = DocumentNode.mapping([
            ("uid", .string(uid)), ("state", .string(state.rawValue)), ("from", .integer(from)), ("until", .integer(until)),
            ("next", .integer(next)), ("front", .integer(front)), ("scanned", .integer(scanned)), ("matched", .integer(matched)),
            ("delivered", .integer(delivered)), ("failed", .integer(failed)), ("damaged", .integer(damaged)),
            ("leftOut", .integer(leftOut)), ("message", message.map { .string($0) }),
            ("startedAt", .string(startedAt.rfc3339)), ("endedAt", endedAt.map { .string($0.rfc3339) }),
            ("broken", isBroken ? .boolean(true) : nil),
        ])
        return Array(document.json().utf8)
    }
}
