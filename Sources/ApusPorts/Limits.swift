/// Every limit of the house that holds unless a flag or an annotation sets another: one name, its unit in the name (law 5).
public enum Limits {
    /// An event's body and head together stay under this; larger is refused with 413.
    public static let eventBytesMax = 1_048_576
    public static let batchBytesMax = 8_388_608
    public static let batchEventsMax = 1000
    /// The head of an HTTP request; larger is refused with 431.
    public static let headBytesMax = 131_072
    /// Fields of one head.
    public static let headFieldsMax = 512
    public static let requestTargetBytesMax = 8192
    /// What chunks add to a body: all extensions and all trailers of one message together.
    public static let chunkOverheadBytesMax = 16_384
    public static let jsonNestingMax = 64
    public static let attributesMax = 200
    /// How much of a subscriber's answer is read.
    public static let responseBytesMax = 1_048_576
    /// How much of a failed answer is kept (promise 17).
    public static let errorBodyBytesMax = 1024
    /// Matching events that one trigger may have read and neither settled nor parked.
    public static let windowEventsMax = 256
    /// Parked events of one trigger; at the bound it stops reading.
    public static let parkedEventsMax = 100_000
    public static let hopsMax: UInt8 = 255
    public static let openConnectionsMax = 10_000
    /// Events that wait to become durable; at the bound the door answers 429.
    public static let appendQueueEventsMax = 65_536
    public static let appendQueueBytesMax = 134_217_728
    /// Memory for the newest records of a stream, from which caught-up readers are served.
    public static let tailCacheBytesMax = 16_777_216
    public static let readPageRecordsMax = 512
    public static let readPageBytesMax = 4_194_304
    /// Remembered `source` and `id` pairs of a broker's duplicate window.
    public static let deduplicationEntriesMax = 1_000_000
    /// What the texts of those pairs take.
    public static let deduplicationBytesMax = 268_435_456
    /// Outcomes become durable at most this long after they came.
    public static let cursorCommitMilliseconds = 100
    /// How long a removed broker's log, or a removed trigger's cursor, is kept.
    public static let removedKeptHours = 24
    public static let attemptTimeoutSeconds = 30
    /// `Retry-After` is honoured up to this where `retryAfterMax` is absent (promise 10).
    public static let retryAfterMaxSeconds = 600
    public static let retentionDaysDefault = 7
    public static let retentionBytesDefault: Int64 = 10_737_418_240
    public static let deadRetentionDaysDefault = 30
    public static let requestHeadSecondsMax = 10
    public static let requestBodySecondsMax = 30
    public static let idleConnectionSecondsMax = 60
    public static let pipelinedRequestsMax = 64
    /// After the last answer, for the client to close its side.
    public static let closingConnectionSecondsMax = 3
    /// What is read and dropped after the last answer.
    public static let closingConnectionBytesMax = 8_388_608
    /// What is read and dropped of the body of a request that was refused, so that the connection can stay.
    public static let refusedBodyBytesMax = 1_048_576
    /// Bodies that are not whole yet, on one event loop together.
    public static let partialBodiesBytesMax = 134_217_728
    /// Connections of one event loop to one subscriber.
    public static let subscriberConnectionsMax = 256
    /// Deliveries of one event loop that wait for a connection to one subscriber; one more fails.
    public static let waitingDeliveriesMax = 65_536
    public static let idleSubscriberConnectionSecondsMax = 60
    /// Destinations that one event loop remembers as they were read; beyond that all are read anew.
    public static let rememberedDestinationsMax = 4096
    /// Records that one turn of a broker's dispatcher looks at before others have theirs.
    public static let dispatchTurnRecordsMax = 256
    /// Parked events of one trigger that are fetched at once.
    public static let retryPageRecordsMax = 64
    public static let manifestFilesMax = 10_000
    public static let manifestFileBytesMax = 1_048_576
    /// One value of what a source keeps between its starts.
    public static let progressValueBytesMax = 65_536
    /// A tick of a schedule that is later than this is missed, where it is not to be caught up.
    public static let lateTickSecondsMax = 60
    /// Missed ticks of one stretch are counted this far; a schedule of seconds that slept for a month has more.
    public static let countedTicksMax = 100_000
    /// How long a source that is stopped may take to let go.
    public static let sourceStopSeconds = 10
    /// Consumers of one source in this node; each has threads of its own.
    public static let sourceConsumersMax = 16
    /// Batches of one consumer that are emitted at once, where a source need not keep their order.
    public static let sourceBatchesMax = 4
    /// How long partitions that go to another consumer wait for what is under way.
    public static let sourceRevokedSeconds = 5
    /// The value of one key of a Secret.
    public static let secretBytesMax = 1_048_576
    /// One value of what a broker remembers beside its cursors.
    public static let stateValueBytesMax = 65_536
    /// How much of a failed attempt's answer the passport shows.
    public static let traceTextBytesMax = 256
    /// Kinds of error that are told apart; the letters of further ones are counted together.
    public static let deadLetterGroupsMax = 1000
    /// Dead letters that one commit of a purge marks.
    public static let deadLetterMarksMax = 500
    /// Positions that a list, a purge or a redrive may name.
    public static let deadLetterPositionsMax = 1000
    /// Replays of one broker, ended ones included; one more takes the place of the one that ended first.
    public static let replaysMax = 1000
    /// Replays of one broker that run at once; others wait for their turn.
    public static let replaysRunningMax = 8
    /// How long a replay that has ended is kept.
    public static let replaysKeptDays = 7
    /// How long a replay that is stopped waits for what is in flight.
    public static let replayStopSeconds = 5
    /// How often a replay looks whether live traffic needs the executor that they share.
    public static let replayTickMilliseconds = 10
    /// An executor that is later than this while events come in has too much to do: a replay does less.
    public static let replayLateMilliseconds = 1
    /// Outcomes of a replay that wait to become durable; at the bound it begins no attempt.
    public static let replayOutcomesMax = 8192
    /// How long a redrive goes by what it read of the dead letters' marks.
    public static let redrivePageMilliseconds = 1000
    /// Traces of one stream that wait for a commit, while commits fail; beyond it the oldest are dropped, and counted.
    public static let pendingTracesMax = 65_536
    /// Records of a log that one request looks at; a page may come back short, with a cursor to go on.
    public static let scannedRecordsMax = 100_000
    public static let scannedBytesMax = 268_435_456
    /// Events of one page of a list.
    public static let listedEventsMax = 1000
    /// What the events of one page are together, before they are written as JSON.
    public static let listedBytesMax = 4_194_304
    /// Live tails of the log that a node serves at once.
    public static let openTailsMax = 64
    /// A live tail that has nothing to say says so this often.
    public static let tailKeepAliveSeconds = 15
    public static let tailPageRecordsMax = 256
    /// A range of at most this many records is counted before its replay begins, a longer one beside it.
    public static let replayCountedRecordsMax = 20_000
    /// Events that a dry run shows.
    public static let replaySampleEventsMax = 10
    /// Replies to replies that a passport follows.
    public static let passportLevelsMax = 16
    /// Events of one passport, its replies counted.
    public static let passportEventsMax = 256
    /// Passports of one answer, where several events have the id that was asked for.
    public static let passportsMax = 5
    /// Positions of one id that are named, on one broker.
    public static let passportPositionsMax = 100
    /// Refusals of the data plane that are remembered, for `apus why`.
    public static let refusalEntriesMax = 10_000
    /// What their texts take.
    public static let refusalBytesMax = 8_388_608
    public static let refusalHoursMax = 6
    /// One text of a refusal that is remembered.
    public static let refusalTextBytesMax = 256
    /// Events of one refused batch whose ids are remembered.
    public static let refusalEventsMax = 100
    /// A refused body larger than this is not read for its id.
    public static let refusalBodyBytesMax = 65_536
}

extension Limits {
    /// Every limit by its name, for `apus explain limits`; HouseTests hold it against the constants above.
    public static let table: [(name: String, value: String, unit: String)] = [
        ("eventBytesMax", "\(Limits.eventBytesMax)", "bytes"),
        ("batchBytesMax", "\(Limits.batchBytesMax)", "bytes"),
        ("batchEventsMax", "\(Limits.batchEventsMax)", "events"),
        ("headBytesMax", "\(Limits.headBytesMax)", "bytes"),
        ("headFieldsMax", "\(Limits.headFieldsMax)", "fields"),
        ("requestTargetBytesMax", "\(Limits.requestTargetBytesMax)", "bytes"),
        ("chunkOverheadBytesMax", "\(Limits.chunkOverheadBytesMax)", "bytes"),
        ("jsonNestingMax", "\(Limits.jsonNestingMax)", "levels"),
        ("attributesMax", "\(Limits.attributesMax)", "attributes"),
        ("responseBytesMax", "\(Limits.responseBytesMax)", "bytes"),
        ("errorBodyBytesMax", "\(Limits.errorBodyBytesMax)", "bytes"),
        ("windowEventsMax", "\(Limits.windowEventsMax)", "events"),
        ("parkedEventsMax", "\(Limits.parkedEventsMax)", "events"),
        ("hopsMax", "\(Limits.hopsMax)", "hops"),
        ("openConnectionsMax", "\(Limits.openConnectionsMax)", "connections"),
        ("appendQueueEventsMax", "\(Limits.appendQueueEventsMax)", "events"),
        ("appendQueueBytesMax", "\(Limits.appendQueueBytesMax)", "bytes"),
        ("tailCacheBytesMax", "\(Limits.tailCacheBytesMax)", "bytes"),
        ("readPageRecordsMax", "\(Limits.readPageRecordsMax)", "records"),
        ("readPageBytesMax", "\(Limits.readPageBytesMax)", "bytes"),
        ("deduplicationEntriesMax", "\(Limits.deduplicationEntriesMax)", "entries"),
        ("deduplicationBytesMax", "\(Limits.deduplicationBytesMax)", "bytes"),
        ("cursorCommitMilliseconds", "\(Limits.cursorCommitMilliseconds)", "milliseconds"),
        ("removedKeptHours", "\(Limits.removedKeptHours)", "hours"),
        ("attemptTimeoutSeconds", "\(Limits.attemptTimeoutSeconds)", "seconds"),
        ("retryAfterMaxSeconds", "\(Limits.retryAfterMaxSeconds)", "seconds"),
        ("retentionDaysDefault", "\(Limits.retentionDaysDefault)", "days"),
        ("retentionBytesDefault", "\(Limits.retentionBytesDefault)", "bytes"),
        ("deadRetentionDaysDefault", "\(Limits.deadRetentionDaysDefault)", "days"),
        ("requestHeadSecondsMax", "\(Limits.requestHeadSecondsMax)", "seconds"),
        ("requestBodySecondsMax", "\(Limits.requestBodySecondsMax)", "seconds"),
        ("idleConnectionSecondsMax", "\(Limits.idleConnectionSecondsMax)", "seconds"),
        ("pipelinedRequestsMax", "\(Limits.pipelinedRequestsMax)", "requests"),
        ("closingConnectionSecondsMax", "\(Limits.closingConnectionSecondsMax)", "seconds"),
        ("closingConnectionBytesMax", "\(Limits.closingConnectionBytesMax)", "bytes"),
        ("refusedBodyBytesMax", "\(Limits.refusedBodyBytesMax)", "bytes"),
        ("partialBodiesBytesMax", "\(Limits.partialBodiesBytesMax)", "bytes"),
        ("subscriberConnectionsMax", "\(Limits.subscriberConnectionsMax)", "connections"),
        ("waitingDeliveriesMax", "\(Limits.waitingDeliveriesMax)", "deliveries"),
        ("idleSubscriberConnectionSecondsMax", "\(Limits.idleSubscriberConnectionSecondsMax)", "seconds"),
        ("rememberedDestinationsMax", "\(Limits.rememberedDestinationsMax)", "destinations"),
        ("dispatchTurnRecordsMax", "\(Limits.dispatchTurnRecordsMax)", "records"),
        ("retryPageRecordsMax", "\(Limits.retryPageRecordsMax)", "records"),
        ("manifestFilesMax", "\(Limits.manifestFilesMax)", "files"),
        ("manifestFileBytesMax", "\(Limits.manifestFileBytesMax)", "bytes"),
        ("progressValueBytesMax", "\(Limits.progressValueBytesMax)", "bytes"),
        ("lateTickSecondsMax", "\(Limits.lateTickSecondsMax)", "seconds"),
        ("countedTicksMax", "\(Limits.countedTicksMax)", "ticks"),
        ("sourceStopSeconds", "\(Limits.sourceStopSeconds)", "seconds"),
        ("sourceConsumersMax", "\(Limits.sourceConsumersMax)", "consumers"),
        ("sourceBatchesMax", "\(Limits.sourceBatchesMax)", "batches"),
        ("sourceRevokedSeconds", "\(Limits.sourceRevokedSeconds)", "seconds"),
        ("secretBytesMax", "\(Limits.secretBytesMax)", "bytes"),
        ("stateValueBytesMax", "\(Limits.stateValueBytesMax)", "bytes"),
        ("traceTextBytesMax", "\(Limits.traceTextBytesMax)", "bytes"),
        ("deadLetterGroupsMax", "\(Limits.deadLetterGroupsMax)", "groups"),
        ("deadLetterMarksMax", "\(Limits.deadLetterMarksMax)", "marks"),
        ("deadLetterPositionsMax", "\(Limits.deadLetterPositionsMax)", "positions"),
        ("replaysMax", "\(Limits.replaysMax)", "replays"),
        ("replaysRunningMax", "\(Limits.replaysRunningMax)", "replays"),
        ("replaysKeptDays", "\(Limits.replaysKeptDays)", "days"),
        ("replayStopSeconds", "\(Limits.replayStopSeconds)", "seconds"),
        ("replayTickMilliseconds", "\(Limits.replayTickMilliseconds)", "milliseconds"),
        ("replayLateMilliseconds", "\(Limits.replayLateMilliseconds)", "milliseconds"),
        ("replayOutcomesMax", "\(Limits.replayOutcomesMax)", "outcomes"),
        ("redrivePageMilliseconds", "\(Limits.redrivePageMilliseconds)", "milliseconds"),
        ("pendingTracesMax", "\(Limits.pendingTracesMax)", "traces"),
        ("scannedRecordsMax", "\(Limits.scannedRecordsMax)", "records"),
        ("scannedBytesMax", "\(Limits.scannedBytesMax)", "bytes"),
        ("listedEventsMax", "\(Limits.listedEventsMax)", "events"),
        ("listedBytesMax", "\(Limits.listedBytesMax)", "bytes"),
        ("openTailsMax", "\(Limits.openTailsMax)", "tails"),
        ("tailKeepAliveSeconds", "\(Limits.tailKeepAliveSeconds)", "seconds"),
        ("tailPageRecordsMax", "\(Limits.tailPageRecordsMax)", "records"),
        ("replayCountedRecordsMax", "\(Limits.replayCountedRecordsMax)", "records"),
        ("replaySampleEventsMax", "\(Limits.replaySampleEventsMax)", "events"),
        ("passportLevelsMax", "\(Limits.passportLevelsMax)", "levels"),
        ("passportEventsMax", "\(Limits.passportEventsMax)", "events"),
        ("passportsMax", "\(Limits.passportsMax)", "passports"),
        ("passportPositionsMax", "\(Limits.passportPositionsMax)", "positions"),
        ("refusalEntriesMax", "\(Limits.refusalEntriesMax)", "entries"),
        ("refusalBytesMax", "\(Limits.refusalBytesMax)", "bytes"),
        ("refusalHoursMax", "\(Limits.refusalHoursMax)", "hours"),
        ("refusalTextBytesMax", "\(Limits.refusalTextBytesMax)", "bytes"),
        ("refusalEventsMax", "\(Limits.refusalEventsMax)", "events"),
        ("refusalBodyBytesMax", "\(Limits.refusalBodyBytesMax)", "bytes"),
    ]
}
