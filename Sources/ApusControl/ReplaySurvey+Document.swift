import ApusDispatch
import ApusPorts
import ApusResources
import CloudEvents

extension ReplaySurvey {
    /// ``take(_:log:cursors:sampleMax:besides:pause:)`` beside whoever asks: a range is long, what is in memory of it is read
    /// without a pause, and the controller has other things to do.
    @concurrent
    static func taken(
        _ plan: ReplayPlan, log: any EventLog, cursors: any CursorStore, sampleMax: Int, besides others: [ReplayRun] = [],
        pause: @Sendable () async -> Void = {}
    ) async throws(LogError) -> ReplaySurvey {
        try await take(plan, log: log, cursors: cursors, sampleMax: sampleMax, besides: others, pause: pause)
    }

    /// What a dry run answers: the range, how many deliveries there would be, of which triggers, and the first of the events.
    func document(of plan: ReplayPlan) -> DocumentNode {
        let triggers = matchedByTrigger.sorted { $0.key < $1.key }.map { ($0.key, DocumentNode?.some(.integer($0.value))) }
        let excluded: [(String, DocumentNode?)] = [
            ("damaged", damaged > 0 ? .integer(damaged) : nil), ("not redrivable", leftOut > 0 ? .integer(leftOut) : nil),
        ]
        return .mapping([
            ("apiVersion", .string(Replay.apiVersion)), ("kind", .string("ReplaySurvey")),
            ("from", .string("\(Position(offset: plan.from))")), ("until", .string("\(Position(offset: plan.until))")),
            ("scanned", .integer(scanned)), ("matched", .integer(matched)), ("byTrigger", .mapping(triggers)),
            ("excluded", .mapping(excluded)), ("oldest", oldest.map { .string($0.rfc3339) }),
            ("newest", newest.map { .string($0.rfc3339) }), ("sample", .sequence(sample.map(Self.document))),
        ])
    }

    private static func document(_ record: LogRecord) -> DocumentNode {
        func attribute(_ name: String) -> (String, DocumentNode?) {
            (name, record.event.attributes.text(of: name).map { .string($0) })
        }
        let letter = record.event.deadLetter
        return .mapping([
            ("position", .string("\(record.position)")), ("time", .string(record.appendedAt.rfc3339)), attribute("id"),
            attribute("type"), attribute("source"), attribute("subject"), ("trigger", letter.map { .string($0.trigger) }),
            ("reason", letter.map { .string($0.reason.rawValue) }),
        ])
    }
}
