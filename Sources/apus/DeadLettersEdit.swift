import ApusClient
import ApusResources
import ArgumentParser
import Foundation

struct DeadLettersEdit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "edit",
        abstract: "Make a changed copy of a dead letter, to be redriven in its place.",
        discussion: """
            The record itself never changes: the copy stands beside it, with the
            extension attribute apusoriginal, which names the event's position. Without
            --set, --unset and --data, the event is opened in $VISUAL or $EDITOR as
            JSON.

            EXAMPLES
              apus deadletters edit 0:12
              apus deadletters edit 0:12 --data @order.json --redrive
              apus deadletters edit 0:12 --set subject=order-7 --unset region
            """)

    @Argument(help: ArgumentHelp("Where it stands in the dead stream.", valueName: "POSITION"))
    var position: String

    @Option(
        name: .customLong("set"), parsing: .unconditionalSingleValue,
        help: ArgumentHelp("Sets an attribute; may be repeated.", valueName: "NAME=VALUE"))
    var changes: [String] = []

    @Option(
        name: .customLong("unset"), parsing: .unconditionalSingleValue,
        help: ArgumentHelp("Takes an attribute away; may be repeated.", valueName: "NAME"))
    var removals: [String] = []

    @Option(
        name: .customLong("data"), parsing: .unconditional,
        help: ArgumentHelp("The new data: text, or the bytes of a file; @- is standard input.", valueName: "TEXT|@FILE"))
    var data: String?

    @Flag(help: "Open the event in the editor, after what was set.")
    var editor = false

    @Flag(help: "Redrive the copy at once.")
    var redrive = false

    @OptionGroup var options: RedriveOptions
    @OptionGroup var broker: BrokerOptions

    @Option(name: [.customShort("o"), .long], help: "text or json.")
    var output: ReplayStart.Output = .text

    @OptionGroup var server: ServerOptions

    func validate() throws {
        guard case .position? = LogPoint(position: position) else {
            throw ValidationError("\"\(position)\" is no position of a dead letter: one such as 0:12 is needed")
        }
        for change in changes where !(change.firstIndex(of: "=").map { $0 > change.startIndex } ?? false) {
            throw ValidationError("--set \(change): NAME=VALUE is needed")
        }
    }

    func run() async throws {
        try await server.withClient { client in
            let desk = LetterDesk(client: client, namespace: broker.namespace, broker: try await broker.name(client))
            let letter = try await client.deadLetter(namespace: desk.namespace, broker: desk.broker, position: position)
            guard let before = letter["event"] else { throw CommandFailure("the node gave no event at \(position)") }
            var draft = EventDraft(before)
            for change in changes {
                let parts = change.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                draft.set(String(parts[0]), to: String(parts[1]))
            }
            for name in removals { try draft.remove(name) }
            if let data { try draft.set(data: Self.bytes(data)) }
            let isOpened = editor || changes.isEmpty && removals.isEmpty && data == nil
            let opened = isOpened ? try Editor.edit(draft.node, named: "dead-letter-\(position.replacing(":", with: "-"))") : nil
            let after = opened?.event ?? draft.node
            guard after.json() != before.json() else { return Console.printError(["Nothing was changed."]) }
            let copy: String
            do {
                copy = try await client.editDeadLetter(
                    namespace: desk.namespace, broker: desk.broker, position: position, event: after)
            } catch let error as APIClient.Failure {
                throw CommandFailure(error.message + (opened.map { "\nYour text is kept in \($0.path)." } ?? ""))
            }
            opened?.discard()
            try await finish(copy, EventDraft.changes(before, after), in: desk)
        }
    }

    private func finish(_ copy: String, _ changes: [String], in desk: LetterDesk) async throws {
        if output == .text {
            let next = redrive ? "" : " `apus deadletters redrive \(copy)` delivers it."
            Console.print(changes + ["\(position) was edited: its changed copy is at \(copy).\(next)"])
        } else if !redrive {
            let answer = DocumentNode.mapping([("original", .string(position)), ("copy", .string(copy))])
            Console.print([answer.json(pretty: true)])
        }
        guard redrive else { return }
        let plan = try RedrivePlan(named: try await desk.named([copy]))
        try await options.run(try options.replay(plan, in: desk, nil), in: desk, isJSON: output == .json)
    }

    private static func bytes(_ text: String) throws -> [UInt8] {
        text.hasPrefix("@") ? try InputFile.bytes(String(text.dropFirst())) : Array(text.utf8)
    }
}

/// An event in the JSON format that is being changed. Pure.
struct EventDraft {
    private(set) var node: DocumentNode

    init(_ node: DocumentNode) { self.node = node }

    private var members: [DocumentNode.Member] {
        get { if case .mapping(let members) = node.content { members } else { [] } }
        set { node = DocumentNode(.mapping(newValue)) }
    }

    /// Sets an attribute. A value keeps the type that the attribute has.
    mutating func set(_ name: String, to text: String) {
        let value: DocumentNode =
            switch node[name]?.content {
            case .number where Int32(text) != nil: DocumentNode(.number(text))
            case .boolean where text == "true" || text == "false": .boolean(text == "true")
            default: .string(text)
            }
        put(name, value)
    }

    private mutating func put(_ name: String, _ value: DocumentNode) {
        var members = members
        if let index = members.firstIndex(where: { $0.name == name }) {
            members[index].value = value
        } else {
            // Data stands last.
            let end = members.firstIndex { $0.name == "data" || $0.name == "data_base64" } ?? members.endIndex
            members.insert(DocumentNode.Member(name, value), at: end)
        }
        self.members = members
    }

    mutating func remove(_ name: String) throws {
        guard node[name] != nil else { throw CommandFailure("--unset \(name): the event has no attribute \(name)") }
        members.removeAll { $0.name == name }
    }

    /// Sets the data: JSON where the event says that it is JSON, text where the bytes are text, else Base64.
    mutating func set(data bytes: [UInt8]) throws {
        members.removeAll { $0.name == "data" || $0.name == "data_base64" }
        let type = node["datacontenttype"]?.text?.lowercased() ?? "application/json"
        if type.contains("json") {
            do throws(FieldError) {
                put("data", try JSONReader.document(bytes))
            } catch {
                throw CommandFailure(
                    "--data \(error.message), and the event's datacontenttype is \(type): "
                        + "--set datacontenttype=text/plain takes any text")
            }
        } else if let text = String(validating: bytes, as: UTF8.self), !text.utf8.contains(0) {
            put("data", .string(text))
        } else {
            put("data_base64", .string(Data(bytes).base64EncodedString()))
        }
    }

    /// What is different, a line each: `- subject: a`, `+ subject: b`.
    static func changes(_ before: DocumentNode, _ after: DocumentNode) -> [String] {
        let (old, new) = (EventDraft(before).members, EventDraft(after).members)
        var lines: [String] = []
        for member in old where after[member.name]?.json() != member.value.json() {
            lines.append("- \(member.name): \(shown(member.value))")
            if let value = after[member.name] { lines.append("+ \(member.name): \(shown(value))") }
        }
        for member in new where before[member.name] == nil { lines.append("+ \(member.name): \(shown(member.value))") }
        return lines
    }

    private static let shownMax = 500

    private static func shown(_ value: DocumentNode) -> String {
        let text = Printable.line(value.text ?? value.json())
        return text.count > shownMax ? text.prefix(shownMax) + "…" : text
    }
}

/// The person's editor.
enum Editor {
    struct Edited {
        var event: DocumentNode
        /// Where the text is kept until it is no longer needed.
        var path: String

        func discard() { try? FileManager.default.removeItem(atPath: path) }
    }

    /// Opens an event as JSON, and reads what was saved.
    static func edit(_ event: DocumentNode, named name: String) throws -> Edited {
        let environment = ProcessInfo.processInfo.environment
        let command = [environment["VISUAL"], environment["EDITOR"]].compactMap { $0 }.first { !$0.isEmpty } ?? "vi"
        let folder = NSTemporaryDirectory()
        let path = "\(folder)\(folder.hasSuffix("/") ? "" : "/")\(name)-\(ProcessInfo.processInfo.processIdentifier).json"
        let isMade = FileManager.default.createFile(
            atPath: path, contents: Data((event.json(pretty: true) + "\n").utf8), attributes: [.posixPermissions: 0o600])
        guard isMade else { throw CommandFailure("\(path) cannot be written") }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", "exec \(command) \"$1\"", "sh", path]
        do {
            try process.run()
        } catch {
            throw CommandFailure("the editor \(command) cannot be started: \(error)")
        }
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw CommandFailure(
                "the editor \(command) ended with \(process.terminationStatus): nothing was changed; your text is kept in \(path)"
            )
        }
        do throws(FieldError) {
            let edited = try JSONReader.document(Array(FileManager.default.contents(atPath: path) ?? Data()))
            if edited.json() == event.json() { try? FileManager.default.removeItem(atPath: path) }
            return Edited(event: edited, path: path)
        } catch {
            throw CommandFailure(
                "line \(error.line ?? 1) \(error.message): nothing was changed; your text is kept in \(path)")
        }
    }
}
