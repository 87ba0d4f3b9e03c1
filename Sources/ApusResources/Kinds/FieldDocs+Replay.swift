extension FieldDocs {
    private static let origin = "Apus, Replay v1alpha1"
    private static let point = "position or time"

    public static let replay: [FieldDoc] =
        top(Replay.kind, Replay.apiVersion)
        + docs(
            Replay.kind, origin,
            [
                (
                    "spec", "ReplaySpec", "required",
                    "What is sent again. Only rate, maxInFlight, paused and cancelled can change."
                ),
                ("status", "ReplayStatus", nil, "What the node says; ignored in a manifest."),
                ("spec.broker", "string", "required", "The Broker whose log is read, in the same namespace."),
                (
                    "spec.trigger", "string", nil,
                    "The Trigger that gets the events, through its own filter too. Without it and sink, every Trigger."
                ),
            ])
        + destination(
            Replay.kind, "spec.sink", "Gets the events instead of a Trigger; no Trigger's filter is asked.", isRequired: false)
        + docs(
            Replay.kind, origin,
            [
                (
                    "spec.from", point, "earliest",
                    "Where it begins: 0:120, a time of RFC 3339, -15m, 2h, today (in UTC), earliest. Resolved once, at the start."
                ),
                (
                    "spec.until", point, "latest",
                    "The first that is not sent, written as from is. latest is the end as it is at the start."
                ),
                ("spec.rate", "number", "unlimited", "Events a second at most, of the whole replay. Can change."),
                (
                    "spec.maxInFlight", "integer", "1",
                    "Deliveries at once, 1 to 256. 1 sends each event only when the one before has its outcome. Can change."
                ),
                ("spec.paused", "true or false", "false", "Stops sending; it goes on where it was. Can change."),
                ("spec.cancelled", "true or false", "false", "Ends the replay for good. Can change to true."),
            ])
        + filters(Replay.kind)
        + delivery(
            Replay.kind, whole: "The retries towards a sink; not without one. Absent: retry 10, exponential, PT0.2S.",
            deadLetterSink: "Refused: what the sink refuses is kept among the Broker's dead letters, under Replay/NAME.")
        + docs(
            Replay.kind, origin,
            [
                (
                    "spec.deadLetters", "DeadLetters", nil,
                    "Redrives dead letters, each to the Trigger that gave up on it; from and until are in the dead stream then."
                ),
                ("spec.deadLetters.trigger", "string", nil, "Only those of this Trigger."),
                (
                    "spec.deadLetters.reason", "string", nil,
                    "Only those with this reason: rejected, retries-exhausted, hops-exhausted or edited."
                ),
                (
                    "spec.deadLetters.positions", "list of positions", nil,
                    "Only these of the dead stream, at most 1000; those that were redriven already are redriven again."
                ),
            ])
}
