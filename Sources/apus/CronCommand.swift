import ArgumentParser
import CloudEvents
import SourcePing

struct CronCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cron", abstract: "Look at the schedules that PingSources have.", subcommands: [CronPreview.self])
}

struct CronPreview: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "preview", abstract: "Print when a schedule falls due next.",
        discussion: """
            Five fields, or six with seconds first; @hourly, @daily, @weekly, @monthly, @yearly, @every 90s.

            EXAMPLES
              apus cron preview '*/15 9-17 * * MON-FRI'
              apus cron preview '30 2 * * *' --timezone Europe/Berlin -n 3 --from 2026-03-27T00:00:00Z
              apus cron preview '@every 90s'
            """)

    @Argument(help: ArgumentHelp("The schedule, in quotes.", valueName: "EXPR"))
    var schedule: String

    @Option(help: ArgumentHelp("The zone of the schedule; absent, UTC.", valueName: "ZONE"))
    var timezone: String?

    @Option(name: [.customShort("n"), .customLong("count")], help: "How many ticks.")
    var count = 5

    @Option(help: ArgumentHelp("From when on; absent, from now.", valueName: "RFC3339"))
    var from: String?

    func validate() throws {
        guard (1...1000).contains(count) else { throw ValidationError("-n must be 1 to 1000, was \(count)") }
        if let from, Timestamp(rfc3339: from) == nil {
            throw ValidationError("--from \(from): a time such as 2026-03-29T00:00:00Z is needed")
        }
    }

    func run() throws {
        let cron: Cron
        do {
            cron = try Cron(schedule, zone: timezone)
        } catch {
            throw CommandFailure("\(error.isZone ? "--timezone" : "the schedule"): \(error.message)")
        }
        var moment = from.flatMap(Timestamp.init(rfc3339:)) ?? .now
        var lines: [String] = []
        for _ in 0..<count {
            guard let next = cron.next(after: moment) else { break }
            lines.append(cron.wallText(next))
            moment = next
        }
        guard !lines.isEmpty else { throw CommandFailure("the schedule has no tick in the next \(Cron.yearsLookedAhead) years") }
        Console.print(lines)
    }
}
