/// A metric's name, kind, labels and meaning: the constants of this room, held against `specs/telemetry.yaml` both ways.
public struct Metric: Sendable, Hashable {
    public enum Kind: String, Sendable { case counter, gauge, histogram }

    public var name: String
    public var kind: Kind
    public var labels: [String]
    public var help: String

    public init(_ name: String, _ kind: Kind, labels: [String] = [], help: String) {
        self.name = name
        self.kind = kind
        self.labels = labels
        self.help = help
    }
}

extension Metric {
    public static let received = Metric(
        "apus_events_received_total", .counter, labels: ["namespace", "broker"], help: "Events that came to a broker's door.")
    public static let refused = Metric(
        "apus_requests_refused_total", .counter, labels: ["reason"], help: "Requests that the door refused, by the error's code.")
    public static let appended = Metric(
        "apus_events_appended_total", .counter, labels: ["namespace", "broker"], help: "Events that became durable on the log.")
    public static let deduplicated = Metric(
        "apus_events_deduplicated_total", .counter, labels: ["namespace", "broker"],
        help: "Events answered with an earlier position: same source and id within the window.")
    public static let matched = Metric(
        "apus_trigger_matched_total", .counter, labels: ["namespace", "broker", "trigger", "stream"],
        help: "Events that a trigger's filter took; on the stream dead, its dead letters, for its sink.")
    public static let filterErrors = Metric(
        "apus_filter_errors_total", .counter, labels: ["namespace", "broker", "trigger"],
        help: "Events on which a trigger's filter met an evaluation error, which is no match.")
    public static let delivered = Metric(
        "apus_trigger_delivered_total", .counter, labels: ["namespace", "broker", "trigger", "stream"],
        help: "Events that a subscriber or a dead letter sink accepted.")
    public static let retried = Metric(
        "apus_trigger_retried_total", .counter, labels: ["namespace", "broker", "trigger", "stream"],
        help: "Attempts that failed and will be repeated.")
    public static let deadLettered = Metric(
        "apus_trigger_dead_lettered_total", .counter, labels: ["namespace", "broker", "trigger", "reason"],
        help: "Events that a trigger gave up on.")
    public static let sinkGaveUp = Metric(
        "apus_trigger_dead_letter_sink_gave_up_total", .counter, labels: ["namespace", "broker", "trigger", "reason"],
        help: "Dead letters that a trigger's dead letter sink did not take.")
    public static let lag = Metric(
        "apus_trigger_lag_events", .gauge, labels: ["namespace", "broker", "trigger", "stream"],
        help: "Events on the log that a trigger has not read.")
    public static let inFlight = Metric(
        "apus_trigger_in_flight", .gauge, labels: ["namespace", "broker", "trigger", "stream"],
        help: "Attempts that are being made now.")
    public static let parked = Metric(
        "apus_trigger_parked", .gauge, labels: ["namespace", "broker", "trigger", "stream"], help: "Events that wait for a retry."
    )
    public static let lost = Metric(
        "apus_lost_total", .counter, labels: ["namespace", "broker", "trigger", "stream"],
        help: "Events that were trimmed or damaged before a trigger had them.")
    public static let tracesDropped = Metric(
        "apus_traces_dropped_total", .counter, labels: ["namespace", "broker"],
        help: "Traces and marks of outcomes that were dropped, since they could not be stored and too many waited.")
    public static let replays = Metric(
        "apus_replays", .gauge, labels: ["namespace", "broker", "state"], help: "Replays of a broker that are in a state.")
    public static let replayDelivered = Metric(
        "apus_replay_delivered_total", .counter, labels: ["namespace"], help: "Events that replays delivered.")
    public static let replayFailed = Metric(
        "apus_replay_failed_total", .counter, labels: ["namespace"],
        help: "Events that replays gave up on: dead letters, and redrives that failed.")
    public static let sourceEmitted = Metric(
        "apus_source_events_total", .counter, labels: ["namespace", "kind", "source"],
        help: "Events of a source that its sink has.")
    public static let sourceFailures = Metric(
        "apus_source_failures_total", .counter, labels: ["namespace", "kind", "source"],
        help: "Times that a source failed, or that its sink did not take what it emitted.")
    public static let sourceMissed = Metric(
        "apus_source_missed_total", .counter, labels: ["namespace", "kind", "source"],
        help: "Events that fell due, or were there to be had, and were not emitted.")
    public static let sourceUnreadable = Metric(
        "apus_source_unreadable_total", .counter, labels: ["namespace", "kind", "source"],
        help: "Records of a source that cannot become events.")
    public static let appendSeconds = Metric(
        "apus_append_seconds", .histogram, labels: ["namespace", "broker"], help: "From the door to durable.")
    public static let queueWaitSeconds = Metric(
        "apus_queue_wait_seconds", .histogram, labels: ["namespace", "broker"], help: "From durable to the first attempt.")
    public static let deliverySeconds = Metric(
        "apus_delivery_seconds", .histogram, labels: ["namespace", "broker", "trigger", "stream"],
        help: "One attempt, from sending to its outcome.")
}

/// What `/proc` says of this process, read when the text is made. The names are those of every Prometheus client.
extension Metric {
    public static let residentMemory = Metric(
        "process_resident_memory_bytes", .gauge, help: "Resident memory of this process.")
    public static let openFiles = Metric("process_open_fds", .gauge, help: "Open file descriptors of this process.")
    public static let openFilesMax = Metric("process_max_fds", .gauge, help: "How many file descriptors this process may open.")
    public static let uptime = Metric("apus_uptime_seconds", .gauge, help: "How long this process runs.")
    public static let build = Metric(
        "apus_build_info", .gauge, labels: ["version"], help: "Always 1: the version that runs stands in the label.")
}

extension Metric {
    /// Every metric there is, in the order of `specs/telemetry.yaml`.
    public static let all: [Metric] = [
        received, refused, appended, deduplicated, matched, filterErrors, delivered, retried, deadLettered, sinkGaveUp, lag,
        inFlight, parked, lost, tracesDropped, replays, replayDelivered, replayFailed, sourceEmitted, sourceFailures,
        sourceMissed, sourceUnreadable, appendSeconds, queueWaitSeconds, deliverySeconds, residentMemory, openFiles,
        openFilesMax, uptime, build,
    ]
}
