public import Logging

/// What the node says of itself, held against `specs/telemetry.yaml` both ways. Normal operation is silent: none of these is
/// written for an event that goes its way.
public enum LogMessage {
    public static let starting: Logger.Message = "apus is starting"
    /// The doors are open. Carries ``LogKey/data`` and ``LogKey/admin`` as `HOST:PORT`, the ports as they were bound.
    public static let ready: Logger.Message = "apus is ready"
    public static let stopping: Logger.Message = "apus is stopping"
    public static let stopped: Logger.Message = "apus has stopped"

    public static let brokerOpened: Logger.Message = "broker opened"
    public static let brokerClosed: Logger.Message = "broker closed"
    public static let brokerNotOpened: Logger.Message = "the broker's log cannot be opened"
    public static let triggerStarted: Logger.Message = "trigger started"
    public static let triggerStopped: Logger.Message = "trigger stopped"
    public static let triggerHeld: Logger.Message = "the trigger stopped reading: too many events wait for their retry"
    public static let triggerReleased: Logger.Message = "the trigger reads again"

    public static let resourceApplied: Logger.Message = "resource applied"
    public static let resourceRemoved: Logger.Message = "resource removed"
    public static let resourceDisowned: Logger.Message = "resource disowned: no -f names the file that brought it"
    public static let manifestRefused: Logger.Message = "the manifest is wrong and changes nothing"

    public static let logFailed: Logger.Message = "the log cannot be written"
    public static let logRecovered: Logger.Message = "the log can be written again"
    public static let checkpointFailed: Logger.Message = "a checkpoint failed"
    public static let trimFailed: Logger.Message = "trimming failed"
    public static let cursorsFailed: Logger.Message = "cursors cannot be written; outcomes wait"

    public static let eventDeadLettered: Logger.Message = "an event became a dead letter"
    public static let deadLetterSinkGaveUp: Logger.Message = "the dead letter sink did not take a dead letter"

    public static let all: [Logger.Message] = [
        starting, ready, stopping, stopped, brokerOpened, brokerClosed, brokerNotOpened, triggerStarted, triggerStopped,
        triggerHeld,
        triggerReleased, resourceApplied, resourceRemoved, resourceDisowned, manifestRefused, logFailed, logRecovered,
        checkpointFailed, trimFailed, cursorsFailed, eventDeadLettered, deadLetterSinkGaveUp,
    ]
}
