public import Logging

/// What the node says of itself, held against `specs/telemetry.yaml` and against every call of a logger. Normal operation is
/// silent: none of these is written for an event that goes its way.
public enum LogMessage {
    /// The doors are open. Carries ``LogKey/data`` and ``LogKey/admin`` as `HOST:PORT`, the ports as they were bound.
    public static let ready: Logger.Message = "apus is ready"
    public static let ending: Logger.Message = "apus is ending"
    public static let ended: Logger.Message = "apus has ended"
    public static let dataPlaneListens: Logger.Message = "data plane listens"
    public static let brokerOpened: Logger.Message = "broker opened"
    public static let brokerClosed: Logger.Message = "broker closed"
    public static let brokerNotOpened: Logger.Message = "broker not opened"
    public static let windowNotFilled: Logger.Message = "duplicate window not filled"
    public static let triggerNotApplied: Logger.Message = "trigger not applied"
    public static let triggersNotRetired: Logger.Message = "removed triggers not retired"
    public static let resourceApplied: Logger.Message = "resource applied"
    public static let resourceRemoved: Logger.Message = "resource removed"
    public static let resourceForgotten: Logger.Message = "removed resource forgotten"
    public static let resourceNotForgotten: Logger.Message = "removed resource not forgotten"
    public static let resourceUnreadable: Logger.Message = "stored resource unreadable"
    public static let manifestsRefused: Logger.Message = "manifests refused"
    public static let manifestsNotStored: Logger.Message = "manifests not stored"
    public static let logFailed: Logger.Message = "the log cannot be written"
    public static let logRecovered: Logger.Message = "the log can be written again"
    public static let checkpointFailed: Logger.Message = "a checkpoint failed"
    public static let logTrimmed: Logger.Message = "log trimmed"
    public static let logNotTrimmed: Logger.Message = "log not trimmed"
    public static let brokerCannotRead: Logger.Message = "The log cannot be read; the broker's triggers stand still."
    public static let triggerCannotRead: Logger.Message = "The log cannot be read; the trigger stands still."
    public static let retriesCannotRead: Logger.Message = "The log cannot be read; retries wait."
    public static let cursorsNotStored: Logger.Message = "The cursors cannot be stored; outcomes stay open."
    public static let outcomeNotStored: Logger.Message = "An outcome cannot be stored; its event stays open."
    public static let eventsTrimmed: Logger.Message = "Events were trimmed or damaged before they were delivered."
    public static let sourceStarted: Logger.Message = "source started"
    public static let sourceStopped: Logger.Message = "source stopped"
    public static let sourceFailed: Logger.Message = "source failed"
    public static let recordPassed: Logger.Message = "A source's record cannot become an event; it is passed."
    public static let sinkGaveUp: Logger.Message = "A dead letter sink gave up on a dead letter; it stays on the dead stream."
    public static let filterFailed: Logger.Message = "A filter met an evaluation error, which is no match."
    public static let replayFailed: Logger.Message = "replay failed"
    public static let replayWaits: Logger.Message = "The log cannot be used; the replay waits."
    public static let replayStarted: Logger.Message = "replay started"
    public static let replayCompleted: Logger.Message = "replay completed"
    public static let replayCancelled: Logger.Message = "replay cancelled"
    public static let replayNotStarted: Logger.Message = "replay not started"

    public static let all: [Logger.Message] = [
        ready, ending, ended, dataPlaneListens, brokerOpened, brokerClosed, brokerNotOpened, windowNotFilled,
        triggerNotApplied, triggersNotRetired, resourceApplied, resourceRemoved, resourceForgotten,
        resourceNotForgotten, resourceUnreadable, manifestsRefused, manifestsNotStored, logFailed, logRecovered,
        checkpointFailed, logTrimmed, logNotTrimmed, brokerCannotRead, triggerCannotRead, retriesCannotRead,
        cursorsNotStored, outcomeNotStored, eventsTrimmed, sourceStarted, sourceStopped, sourceFailed, recordPassed, sinkGaveUp,
        filterFailed, replayFailed, replayWaits, replayStarted, replayCompleted, replayCancelled, replayNotStarted,
    ]
}
