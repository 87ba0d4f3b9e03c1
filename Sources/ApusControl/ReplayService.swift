import ApusDispatch
import ApusPorts
import ApusResources
import CloudEvents

/// What the controller knows of one Replay.
struct ReplayService: Sendable {
    /// Of the resource: another one of the same name is another replay.
    let uid: String
    let broker: ResourceIdentity
    let stream: Stream
    /// While it runs, is paused, or waits for its turn.
    var run: ReplayRun?
    /// One that has ended, for as long as attempts of it are in flight.
    var ending: ReplayRun?
    /// What ``run`` was made from.
    var fingerprint = ""
    /// Whether ``run`` is told to stand still: by the spec, or because it is not its turn.
    var isHeld = true
    var rate: Double?
    var maxInFlight = 1
    /// How far it is, as it was last seen; nil where it never began.
    var progress: ReplayProgress?
    /// What is durable of it was looked for.
    var isLoaded = false
    /// Found when it was made, for as long as it has not begun.
    var bounds: ReplayBounds?
    /// Deliveries that its range holds, once they are counted.
    var counted: Int?
    var counting: Task<Void, Never>?
    var sink = Resolution.notConfigured
    /// Whether it has what it needs.
    var target = Readiness.unknown(reason: Reason.replayWaits, message: "The replay waits for its broker's log.")
    /// Why it never can begin: what is said of one that a file brings, and refused of any other.
    var refusal: String?
    /// How many have their turn before this one; nil where it has its turn.
    var before: Int?
    /// The redrive that has to end first.
    var behind: ResourceIdentity?
    /// One that failed is to go on.
    var isRetried = false
    /// Cancelled while it could not run.
    var isAbandoned = false

    init(_ replay: Replay) {
        uid = replay.metadata.uid
        broker = replay.broker
        stream = replay.spec.deadLetters == nil ? .events : .dead
    }

    var runs: [ReplayRun] { [run, ending].compactMap { $0 } }

    /// Whether it has ended, and nobody asked it to go on.
    var isOver: Bool { refusal != nil || isAbandoned || progress?.state.isOver == true && !isRetried }

    /// How it is, for people.
    func state(of spec: ReplaySpec) -> ReplayState {
        if isAbandoned { return .cancelled }
        if refusal != nil { return .failed }
        if let progress, progress.state.isOver { return progress.state }
        if spec.isPaused { return .paused }
        guard let progress, run != nil, before == nil else { return .pending }
        return progress.state == .paused ? .pending : progress.state
    }

    /// The first offset that it still needs, as far as is known without its run; nil where it needs none.
    var pin: Int64? {
        guard !isAbandoned, !isOver || progress?.state == .failed else { return nil }
        return progress.map(\.next) ?? bounds?.from
    }
}

/// Lets one after another through, in the order in which they came. For use by one actor.
final class Turnstile {
    private var isTaken = false
    private var waiters: [CheckedContinuation<Void, Never>] = []

    var isFree: Bool { !isTaken }

    func enter() async {
        guard isTaken else {
            isTaken = true
            return
        }
        await withCheckedContinuation { waiters.append($0) }
    }

    func leave() {
        if waiters.isEmpty { isTaken = false } else { waiters.removeFirst().resume() }
    }
}
