package import ApusPorts

/// What an accepted message came to.
package struct Accepted: Sendable, Equatable {
    /// Where the message's first event stands; nil for an empty batch.
    package var position: Position?
    /// How many triggers of this node's snapshot would take the event; of a batch, how many events match any (promise 1).
    package var matched: Int

    package init(position: Position?, matched: Int) {
        self.position = position
        self.matched = matched
    }
}

package struct IntakeOutcome: Sendable {
    /// The receiver's own mark, given back.
    package var token: UInt64
    package var result: Result<Accepted, IntakeRefusal>

    package init(token: UInt64, result: Result<Accepted, IntakeRefusal>) {
        self.token = token
        self.result = result
    }
}

/// Told what became of the messages that it brought: an event loop of the data plane, or a source.
package protocol IntakeReceiver: AnyObject, Sendable {
    /// Called on a thread of the log, once for all that one commit settled; must not block.
    func accepted(_ outcomes: [IntakeOutcome])
}
