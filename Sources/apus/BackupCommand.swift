import ApusPorts
import ArgumentParser
import BrokerSQLite
import CloudEvents

struct BackupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Copy a node's data, while it runs or stands still.",
        discussion: """
            Reads the data directory itself, so it is run where the node runs, by a user
            who may read it. Every event that was answered 202 before the backup began
            is in it, with cursors, parked retries, dead letters and resources. The node
            goes on; its write-ahead logs grow by what it writes meanwhile. The copy
            appears under its name once it is whole.

            EXAMPLES
              apus backup --data /var/lib/apus --to /backup/apus-2026-11-21
              apus backup --check /backup/apus-2026-11-21    every byte and record against what the backup says
              apus restore /backup/apus-2026-11-21 --data /var/lib/apus-again
            """)

    @Option(help: ArgumentHelp("The node's data directory.", valueName: "DIR"))
    var data = "data"

    @Option(help: ArgumentHelp("The folder to make; it must not be there.", valueName: "DIR"))
    var to: String?

    @Option(help: ArgumentHelp("Check a backup instead of making one.", valueName: "DIR"))
    var check: String?

    func validate() throws {
        guard (to == nil) != (check == nil) else {
            throw ValidationError("say where the backup goes with --to DIR, or which one to check with --check DIR")
        }
    }

    func run() throws {
        do throws(Backup.Failure) {
            if let check {
                Console.print(BackupReport.lines(try Backup.check(check), verb: "sound:", place: check))
            } else if let to {
                Console.print(BackupReport.lines(try Backup.make(of: data, to: to, now: .now), verb: "backed up to", place: to))
            }
        } catch {
            throw CommandFailure(error.description)
        }
    }
}

struct RestoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Put a backup into a new data directory, and check it.",
        discussion: """
            The backup is checked first, and then what was written: every byte, each
            file's structure, every record. A directory that holds anything is refused,
            and so is one that a node uses.

            EXAMPLES
              apus restore /backup/apus-2026-11-21 --data /var/lib/apus
              apus serve --data /var/lib/apus
            """)

    @Argument(help: "A folder that apus backup made.")
    var backup: String

    @Option(help: ArgumentHelp("The data directory to make; it must be empty.", valueName: "DIR"))
    var data = "data"

    func run() throws {
        do throws(Backup.Failure) {
            Console.print(BackupReport.lines(try Backup.restore(backup, to: data), verb: "restored to", place: data))
        } catch {
            throw CommandFailure(error.description)
        }
    }
}

/// What `backup` and `restore` print: a line a file, and one for all of them.
enum BackupReport {
    static func lines(_ backup: Backup, verb: String, place: String) -> [String] {
        let rows = backup.files.map { file in
            let streams = Dictionary(file.streams.map { ($0.stream, $0) }) { first, _ in first }
            return [
                file.path, "\(file.bytes)", text(streams[.events]), text(streams[.dead]),
                "\(file.streams.reduce(0) { $0 + $1.damaged })",
            ]
        }
        let bytes = backup.files.reduce(0) { $0 + $1.bytes }
        let summary = "\(backup.files.count) files, \(bytes) bytes of \(backup.madeAt.rfc3339) \(verb) \(place)"
        return Console.table(["FILE", "BYTES", "EVENTS", "DEAD LETTERS", "DAMAGED"], rows) + [summary]
    }

    /// `0:12 to 0:99 (88)`, or nothing.
    private static func text(_ content: Backup.StreamContent?) -> String {
        guard let bounds = content?.bounds else { return "" }
        let count = bounds.next.offset - bounds.oldest.offset
        guard count > 0 else { return "none" }
        return "\(bounds.oldest) to \(Position(lane: bounds.next.lane, offset: bounds.next.offset - 1)) (\(count))"
    }
}
