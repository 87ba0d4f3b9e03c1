import ApusDispatch
import ApusPorts
import ApusResources
import CloudEvents

/// What a survey found, as annotations of the status that a dry run answers:
///
/// - `apus.dev/sample-1`, `-2`, …: the first events that would be sent, each as JSON with `position`, `time`, `id`, `source`, `type`
///   and, of a dead letter, `trigger` and `reason`;
/// - `apus.dev/matched.NAME`: how many a trigger would get;
/// - `apus.dev/oldest`, `apus.dev/newest`: when the log took the first and the last of them;
/// - `apus.dev/left-out`: dead letters that are meant and cannot be redriven.
package enum ReplaySample {
    static func annotations(of survey: ReplaySurvey) -> [String: String] {
        var texts: [String: String] = [:]
        for (index, record) in survey.sample.enumerated() { texts["apus.dev/sample-\(index + 1)"] = json(record) }
        for (trigger, count) in survey.matchedByTrigger { texts["apus.dev/matched.\(trigger)"] = "\(count)" }
        texts["apus.dev/oldest"] = survey.oldest?.rfc3339
        texts["apus.dev/newest"] = survey.newest?.rfc3339
        if survey.leftOut > 0 { texts["apus.dev/left-out"] = "\(survey.leftOut)" }
        return texts
    }

    private static func json(_ record: LogRecord) -> String {
        func attribute(_ name: String) -> (String, DocumentNode?) {
            (name, record.event.attributes.text(of: name).map { .string($0) })
        }
        let letter = record.event.deadLetter
        return DocumentNode.mapping([
            ("position", .string("\(record.position)")), ("time", .string(record.appendedAt.rfc3339)), attribute("id"),
            attribute("source"), attribute("type"), ("trigger", letter.map { .string($0.trigger) }),
            ("reason", letter.map { .string($0.reason.rawValue) }),
        ]).json()
    }
}
