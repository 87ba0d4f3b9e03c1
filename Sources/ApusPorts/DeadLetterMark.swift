public import ApusResources
public import CloudEvents

/// What became of a dead letter, kept beside it under ``StateKey/deadLetter(_:)``: the record itself never changes (promise 18).
public struct DeadLetterMark: Sendable, Equatable {
    public enum State: String, Sendable, CaseIterable {
        /// A redrive delivered it.
        case redriven
        /// A redrive tried and gave up; it may be redriven again.
        case failed
        /// Its dead letter sink gave up on it (promise 17).
        case sinkFailed = "sink-failed"
        /// A changed copy was made of it, which stands at ``copy``.
        case edited
        /// It is itself a changed copy, of the one at ``original``, and was not redriven yet.
        case copied
        /// Put aside by a person: neither listed nor redriven any more.
        case purged
    }

    public var state: State
    public var at: Timestamp
    /// The replay that redrove it.
    public var replay: String?
    /// Attempts of all redrives together.
    public var attempts: Int
    /// Of the last attempt: the HTTP status, 0 where no whole answer came.
    public var status: Int?
    /// Of the last attempt, where it failed: the answer's first bytes as text, or the transport error.
    public var text: String?
    /// Offset in the dead stream of the changed copy.
    public var copy: Int64?
    /// Offset in the dead stream of what this is a changed copy of.
    public var original: Int64?

    public init(
        _ state: State, at: Timestamp, replay: String? = nil, attempts: Int = 0, status: Int? = nil, text: String? = nil,
        copy: Int64? = nil, original: Int64? = nil
    ) {
        self.state = state
        self.at = at
        self.replay = replay
        self.attempts = attempts
        self.status = status
        self.text = text
        self.copy = copy
        self.original = original
    }

    /// As it is kept: JSON. nil where it is none, or of a version that this build does not know.
    public init?(_ value: [UInt8]) {
        guard let document = try? JSONReader.document(value), let state = document["state"]?.text.flatMap(State.init),
            let at = document["at"]?.text.flatMap(MomentText.moment)
        else { return nil }
        self.init(
            state, at: at, replay: document["replay"]?.text, attempts: document["attempts"]?.wholeNumber() ?? 0,
            status: document["status"]?.wholeNumber(), text: document["text"]?.text, copy: document["copy"]?.wholeNumber(),
            original: document["original"]?.wholeNumber())
    }

    public var document: DocumentNode {
        .mapping([
            ("state", .string(state.rawValue)), ("at", .string(at.rfc3339)), ("replay", replay.map { .string($0) }),
            ("attempts", .integer(attempts)), ("status", status.map { .integer($0) }), ("text", text.map { .string($0) }),
            ("copy", copy.map { .integer($0) }), ("original", original.map { .integer($0) }),
        ])
    }

    public var value: [UInt8] { Array(document.json().utf8) }
}
